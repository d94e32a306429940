//! An SMTP client that knows how far it got.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::WATCHDOG;

/// What has become of one message, as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Not a byte of the body was sent.
    NotBegun,
    /// Some of the body was sent, and its end was never handed to the socket.
    Unfinished,
    /// All of it was sent, and no reply came.
    Unanswered,
    /// 250, with this id.
    Acknowledged(String),
    /// Any other reply.
    Refused(Reply),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    /// The last line without the code.
    pub(crate) text: String,
}

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WATCHDOG))?;
        stream.set_write_timeout(Some(WATCHDOG))?;
        let mut client = Self {
            stream: BufReader::new(stream),
        };
        client.reply()?;
        client.command("EHLO client.example")?;
        Ok(client)
    }

    pub(crate) fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Delivers a message whose lines end in CRLF and do not begin with a dot. A server that is
    /// gone is no error here: the fate says how far the message had come.
    pub(crate) fn deliver(&mut self, message: &[u8]) -> Fate {
        let mut fate = Fate::NotBegun;
        match self.try_deliver(message, &mut fate) {
            Ok(reply) if reply.code == 250 => {
                let (_, id) = reply
                    .text
                    .split_once("id=")
                    .expect("a 250 names the message");
                Fate::Acknowledged(id.to_owned())
            }
            Ok(reply) => Fate::Refused(reply),
            Err(_) => fate,
        }
    }

    fn try_deliver(&mut self, message: &[u8], fate: &mut Fate) -> io::Result<Reply> {
        self.send(b"MAIL FROM:<ann@example.com>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n")?;
        let replies = [self.reply()?, self.reply()?, self.reply()?];
        if let Some(refusal) = replies.into_iter().find(|reply| reply.code >= 400) {
            return Ok(refusal);
        }
        let (begin, end) = message.split_at(message.len() - 2);
        for piece in begin.chunks(PIECE) {
            *fate = Fate::Unfinished;
            self.send(piece)?;
            if piece.len() == PIECE {
                // A network takes its time, and bodies are under way while others are stored.
                thread::sleep(PAUSE);
            }
        }
        *fate = Fate::Unanswered;
        self.send(&[end, b".\r\n"].concat())?;
        self.reply()
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes).map_err(not_hung)
    }

    fn reply(&mut self) -> io::Result<Reply> {
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).map_err(not_hung)?;
            // Cut short: the server is gone.
            let Some(line) = line.strip_suffix("\r\n") else {
                return Err(ErrorKind::UnexpectedEof.into());
            };
            if line.as_bytes().get(3) != Some(&b'-') {
                let code = line[..3].parse().expect("a reply begins with a code");
                return Ok(Reply {
                    code,
                    text: line[3..].trim_start().to_owned(),
                });
            }
        }
    }
}

/// A server that says nothing for so long hangs, which must not pass for one that was killed.
fn not_hung(error: io::Error) -> io::Error {
    let hung = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    assert!(
        !hung,
        "the server has not moved for {} seconds",
        WATCHDOG.as_secs()
    );
    error
}

/// Octets per write, and the pause behind each: 3 MiB take about a tenth of a second, so that a
/// kill finds bodies under way.
const PIECE: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_micros(500);
