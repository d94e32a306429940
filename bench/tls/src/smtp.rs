//! One SMTP session of a client: the least dialogue that delivers mail, every reply checked, and
//! one command in flight, since not every receiver knows pipelining.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;

use rustls::ClientConfig;

use crate::receiver::Ports;
use crate::transport::{Channel, Handshake, Security, connect};

/// A session after EHLO.
pub(crate) struct Session {
    channel: Channel,
    replies: Replies,
}

/// Why a session did not go as it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmtpError {
    #[error("after {after}")]
    Io {
        after: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("closed after {0}")]
    Closed(&'static str),
    #[error("answered {reply:?} after {after}")]
    Refused { after: &'static str, reply: String },
    #[error("sent a reply that is longer than {MOST_REPLY} octets after {0}")]
    Endless(&'static str),
    #[error("said more than one reply to STARTTLS")]
    Injected,
    #[error("has no port with TLS from the start")]
    NoImplicitPort,
}

impl Session {
    /// Connects, secures the connection as asked, and says EHLO.
    pub(crate) fn open(
        ports: &Ports,
        security: Security,
        tls: &Arc<ClientConfig>,
        from: Ipv4Addr,
    ) -> Result<Self, SmtpError> {
        let server = match security {
            Security::Plain | Security::StartTls => ports.plain,
            Security::Implicit => ports.implicit.ok_or(SmtpError::NoImplicitPort)?,
        };
        let stream = connect(server, from).map_err(at("connecting"))?;
        let mut session = Self {
            channel: Channel::Plain(stream),
            replies: Replies::default(),
        };
        if security == Security::Implicit {
            session = session.secure(tls)?;
        }
        session.expect("connecting", *b"220")?;
        session.command("EHLO", b"EHLO client.example\r\n", *b"250")?;
        if security == Security::StartTls {
            session.command("STARTTLS", b"STARTTLS\r\n", *b"220")?;
            if !session.replies.unread().is_empty() {
                return Err(SmtpError::Injected);
            }
            session = session.secure(tls)?;
            session.command("EHLO under TLS", b"EHLO client.example\r\n", *b"250")?;
        }
        Ok(session)
    }

    /// Delivers a message and returns when it was acknowledged.
    pub(crate) fn deliver(&mut self, message: &Message) -> Result<(), SmtpError> {
        self.command("MAIL", b"MAIL FROM:<ann@client.example>\r\n", *b"250")?;
        self.command("RCPT", b"RCPT TO:<bob@mx.bench.example>\r\n", *b"250")?;
        self.command("DATA", b"DATA\r\n", *b"354")?;
        self.command("the message", &message.0, *b"250")
    }

    /// Ends the session in order.
    pub(crate) fn quit(mut self) -> Result<(), SmtpError> {
        self.command("QUIT", b"QUIT\r\n", *b"221")?;
        self.channel.close();
        Ok(())
    }

    /// How TLS began; none without it.
    pub(crate) fn handshake(&self) -> Option<Handshake> {
        self.channel.handshake()
    }

    fn secure(self, tls: &Arc<ClientConfig>) -> Result<Self, SmtpError> {
        let channel = self.channel.secure(tls).map_err(at("the TLS handshake"))?;
        Ok(Self { channel, ..self })
    }

    fn command(
        &mut self,
        name: &'static str,
        octets: &[u8],
        wanted: [u8; 3],
    ) -> Result<(), SmtpError> {
        let sent = self.channel.write_all(octets);
        sent.and_then(|()| self.channel.flush()).map_err(at(name))?;
        self.expect(name, wanted)
    }

    fn expect(&mut self, after: &'static str, wanted: [u8; 3]) -> Result<(), SmtpError> {
        let line = self.replies.last_line(after, &mut self.channel)?;
        if line.starts_with(&wanted) {
            return Ok(());
        }
        Err(SmtpError::Refused {
            after,
            reply: line.trim_ascii_end().escape_ascii().to_string(),
        })
    }
}

fn at(after: &'static str) -> impl Fn(io::Error) -> SmtpError {
    move |source| SmtpError::Io { after, source }
}

/// A message as it travels, with the line that ends it.
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A text of lines without dots, as long as asked but for half a line.
    pub(crate) fn of_size(octets: usize) -> Self {
        let mut text = b"From: <ann@client.example>\r\nSubject: benchmark\r\n\r\n".to_vec();
        while text.len() + LINE.len() / 2 < octets {
            text.extend_from_slice(LINE);
        }
        text.extend_from_slice(b".\r\n");
        Self(text)
    }
}

const LINE: &[u8] =
    b"What a benchmark says is of no importance, if only somebody takes it down.\r\n";

/// What the server has said and nobody has read yet.
struct Replies {
    octets: [u8; MOST_REPLY],
    start: usize,
    end: usize,
}

/// A reply to EHLO with every extension there is fits several times.
const MOST_REPLY: usize = 4096;

impl Default for Replies {
    fn default() -> Self {
        Self {
            octets: [0; MOST_REPLY],
            start: 0,
            end: 0,
        }
    }
}

impl Replies {
    fn unread(&self) -> &[u8] {
        &self.octets[self.start..self.end]
    }

    /// Takes one reply and returns its last line, RFC 5321 section 4.2.1.
    fn last_line(
        &mut self,
        after: &'static str,
        channel: &mut impl Read,
    ) -> Result<&[u8], SmtpError> {
        loop {
            if let Some(length) = self.unread().iter().position(|octet| *octet == b'\n') {
                let line = self.start..self.start + length + 1;
                self.start = line.end;
                if self.octets[line.clone()].get(3) != Some(&b'-') {
                    return Ok(&self.octets[line]);
                }
                continue;
            }
            self.octets.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == MOST_REPLY {
                return Err(SmtpError::Endless(after));
            }
            match channel.read(&mut self.octets[self.end..]) {
                Ok(0) => return Err(SmtpError::Closed(after)),
                Ok(more) => self.end += more,
                Err(source) => return Err(SmtpError::Io { after, source }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out one octet at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.0.len().min(1);
            self.0.read(&mut buffer[..length])
        }
    }

    #[test]
    fn the_last_line_of_each_reply_is_found_in_any_pieces() {
        let said = b"250-one\r\n250 two\r\n354 go\r\n";
        let mut whole: &[u8] = said;
        let mut trickle = Trickle(said);
        for channel in [&mut whole as &mut dyn Read, &mut trickle] {
            let mut channel = channel;
            let mut replies = Replies::default();
            assert_eq!(replies.last_line("", &mut channel).unwrap(), b"250 two\r\n");
            assert_eq!(replies.last_line("", &mut channel).unwrap(), b"354 go\r\n");
            assert!(matches!(
                replies.last_line("", &mut channel),
                Err(SmtpError::Closed(""))
            ));
        }
    }

    #[test]
    fn a_reply_without_end_is_an_error() {
        let mut replies = Replies::default();
        assert!(matches!(
            replies.last_line("", &mut io::repeat(b'x')),
            Err(SmtpError::Endless(""))
        ));
    }

    #[test]
    fn messages_have_their_size_and_one_end() {
        for octets in [10_000, 100_000] {
            let Message(text) = Message::of_size(octets);
            assert!(text.len().abs_diff(octets) < LINE.len());
            assert!(text.ends_with(b"\r\n.\r\n"));
            let lines: Vec<_> = text.split(|octet| *octet == b'\n').collect();
            assert_eq!(
                lines.iter().filter(|line| line.starts_with(b".")).count(),
                1
            );
        }
    }
}
