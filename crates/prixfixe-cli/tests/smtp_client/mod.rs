//! A client that does what a test tells it, on blocking sockets.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

/// No reply takes nearly as long; without it a test would hang for ever.
const WATCHDOG: Duration = Duration::from_secs(60);

/// One connection.
pub(crate) struct Client<S: Read> {
    stream: BufReader<S>,
}

impl Client<TcpStream> {
    /// Connects, and leaves the banner to be read.
    pub(crate) fn connect(address: &str) -> Self {
        Self::over(TcpStream::connect(address).unwrap_or_else(|e| panic!("{address}: {e}")))
    }

    /// The same on a connection that is there already.
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream.set_write_timeout(Some(WATCHDOG)).unwrap();
        // Each write is a segment of its own, as the test cuts it.
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// Connects and greets.
    pub(crate) fn greeted(address: &str) -> Self {
        let mut client = Self::connect(address);
        assert_eq!(code(&client.reply()), 220);
        assert_eq!(code(&client.command("EHLO client.example")), 250);
        client
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        // The server may have closed already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// The socket, for another thread to send on.
    pub(crate) fn socket(&self) -> TcpStream {
        self.stream.get_ref().try_clone().unwrap()
    }
}

impl Client<UnixStream> {
    /// Connects to a Unix socket, and leaves the banner to be read.
    pub(crate) fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }
}

impl<S: Read + Write> Client<S> {
    /// On any stream, whose time-outs are the caller's.
    pub(crate) fn on(stream: S) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// What it talks over.
    pub(crate) fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    /// The stream, for a protocol that goes on where this one ends; nothing may be left unread.
    pub(crate) fn into_stream(self) -> S {
        assert!(self.stream.buffer().is_empty());
        self.stream.into_inner()
    }

    /// Sends octets as they are.
    pub(crate) fn send(&mut self, octets: &[u8]) {
        self.stream.get_mut().write_all(octets).unwrap();
    }

    /// Sends a command and reads its reply.
    pub(crate) fn command(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// One reply; the lines of a longer one are joined by newlines.
    pub(crate) fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let line = self
                .line()
                .unwrap_or_else(|| panic!("closed after {reply:?}"));
            let more = line.as_bytes().get(3) == Some(&b'-');
            reply.push_str(&line);
            if !more {
                return reply;
            }
            reply.push('\n');
        }
    }

    /// One line of a reply without its CRLF; none when the server has closed the connection.
    pub(crate) fn line(&mut self) -> Option<String> {
        self.try_line()
            .unwrap_or_else(|error| panic!("no reply: {error}"))
    }

    /// The same, or an error when the server says nothing for as long as the watchdog waits.
    pub(crate) fn try_line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(error),
        }
        let line = String::from_utf8_lossy(&line);
        let ended = line
            .strip_suffix("\r\n")
            .unwrap_or_else(|| panic!("half a line: {line:?}"));
        Ok(Some(ended.to_owned()))
    }

    /// What comes until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Begins a transaction up to the reply of DATA.
    pub(crate) fn begin(&mut self, from: &str, to: &str) {
        assert_eq!(code(&self.command(&format!("MAIL FROM:<{from}>"))), 250);
        assert_eq!(code(&self.command(&format!("RCPT TO:<{to}>"))), 250);
        assert_eq!(code(&self.command("DATA")), 354);
    }

    /// Sends a message, and returns the last reply.
    pub(crate) fn deliver(&mut self, from: &str, to: &str, body: &[u8]) -> String {
        self.begin(from, to);
        self.send(&stuffed(body));
        self.reply()
    }

    /// Sends a binary message in chunks of so many octets (RFC 3030), and returns the last reply.
    pub(crate) fn deliver_in_chunks(
        &mut self,
        from: &str,
        to: &str,
        body: &[u8],
        octets: usize,
    ) -> String {
        let mail = format!("MAIL FROM:<{from}> BODY=BINARYMIME");
        assert_eq!(code(&self.command(&mail)), 250);
        assert_eq!(code(&self.command(&format!("RCPT TO:<{to}>"))), 250);
        // The last chunk is not empty unless the body is.
        let end = body.len().saturating_sub(1) / octets * octets;
        let (others, last) = body.split_at(end);
        for chunk in others.chunks(octets) {
            self.send(format!("BDAT {}\r\n", chunk.len()).as_bytes());
            self.send(chunk);
            assert_eq!(code(&self.reply()), 250);
        }
        self.send(format!("BDAT {} LAST\r\n", last.len()).as_bytes());
        self.send(last);
        self.reply()
    }
}

/// A body as it travels: dots doubled, and the end behind it. Only CRLF ends a line; a body whose
/// last line lacks it gets it.
pub(crate) fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(body.len() + 5);
    for &octet in body {
        if octet == b'.' && (sent.is_empty() || sent.ends_with(b"\r\n")) {
            sent.push(b'.');
        }
        sent.push(octet);
    }
    if !sent.is_empty() && !sent.ends_with(b"\r\n") {
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b".\r\n");
    sent
}

/// The code of a reply.
pub(crate) fn code(reply: &str) -> u16 {
    reply
        .get(..3)
        .and_then(|code| code.parse().ok())
        .unwrap_or_else(|| panic!("{reply:?}"))
}

/// The name of the message that a reply accepts.
pub(crate) fn id(reply: &str) -> &str {
    assert_eq!(code(reply), 250, "{reply}");
    reply
        .rsplit_once("id=")
        .unwrap_or_else(|| panic!("no id in {reply:?}"))
        .1
}
