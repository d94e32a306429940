//! One short message, to see whether a server takes mail.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Delivers a message without a label, and says how long it took.
pub(super) fn deliver(target: &str) -> io::Result<Duration> {
    let begun = Instant::now();
    let address = target
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::other(format!("{target} has no address")))?;
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut replies = BufReader::new(&stream);
    expect(&mut replies, "220")?;
    for (line, code) in [
        ("EHLO probe.example\r\n", "250"),
        ("MAIL FROM:<probe@probe.example>\r\n", "250"),
        ("RCPT TO:<recipient@example.com>\r\n", "250"),
        ("DATA\r\n", "354"),
        ("Subject: probe\r\n\r\nprobe\r\n.\r\n", "250"),
    ] {
        (&stream).write_all(line.as_bytes())?;
        expect(&mut replies, code)?;
    }
    let took = begun.elapsed();
    // The message is delivered, whatever becomes of the farewell.
    let _ = (&stream).write_all(b"QUIT\r\n");
    Ok(took)
}

/// Delivers one as soon as the server takes it; none if it does not until `deadline`.
pub(super) fn deliver_until(target: &str, deadline: Instant) -> io::Result<Instant> {
    loop {
        match deliver(target) {
            Ok(_) => return Ok(Instant::now()),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => std::thread::sleep(BETWEEN_TRIES),
        }
    }
}

/// How long each step of a probe may take: a server that takes mail again needs milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// Lines and octets of a reply that are read: far more than any server says.
const MOST_LINES: usize = 100;
const MOST_OCTETS: u64 = 64 << 10;

fn expect(replies: &mut impl BufRead, code: &str) -> io::Result<()> {
    let mut replies = io::Read::take(replies, MOST_OCTETS);
    for _ in 0..MOST_LINES {
        let mut line = String::new();
        if replies.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !line.starts_with(code) {
            return Err(io::Error::other(format!("{:?}", line.trim_end())));
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(());
        }
    }
    Err(io::Error::other("a reply without end"))
}
