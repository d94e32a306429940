//! The protocol core on the standard library alone: a thread for each connection, and the
//! session's deadline as the time-out of each read and write.
//!
//! `cargo run -p prixfixe-proto --example blocking -- 127.0.0.1:2525`

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use prixfixe_proto::{Config, MessageVerdict, QueueId, Session, Step, Verdict};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1);
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:2525"))?;
    println!("listening on {}", listener.local_addr()?);
    let config = Arc::new(Config::new("localhost".parse()?));
    for stream in listener.incoming() {
        let (stream, config) = (stream?, Arc::clone(&config));
        thread::spawn(move || {
            if let Err(error) = serve(stream, config) {
                eprintln!("{error}");
            }
        });
    }
    Ok(())
}

/// Octets read at a time.
const BUFFER: usize = 16 << 10;

fn serve(mut stream: TcpStream, config: Arc<Config>) -> io::Result<()> {
    let mut session = Session::new(config, Instant::now());
    let mut buffer = vec![0; BUFFER];
    let (mut start, mut end) = (0, 0);
    let (mut output, mut body) = (Vec::new(), Vec::new());
    loop {
        let now = Instant::now();
        let progress = session.process(&buffer[start..end], &mut output, now);
        start += progress.consumed;
        match progress.step {
            Step::Ask(_) => {
                let answered = session.answer(Verdict::Accept, &mut output, now);
                answered.map_err(io::Error::other)?;
            }
            Step::BodyStart => body.clear(),
            Step::Body(octets) => body.extend_from_slice(octets),
            Step::BodyEnd => {
                let taken = MessageVerdict::Accept(take(&body)?);
                let answered = session.answer_message(&taken, &mut output, now);
                answered.map_err(io::Error::other)?;
            }
            Step::BodyRefused(_) | Step::BodyAborted | Step::Waiting => {}
            // Not offered by these settings.
            Step::StartTls => return Ok(()),
            Step::Flush => write(&mut stream, &mut output, session.deadline())?,
            Step::NeedInput => {
                write(&mut stream, &mut output, session.deadline())?;
                buffer.copy_within(start..end, 0);
                (start, end) = (0, end - start);
                match read(&mut stream, &mut buffer[end..], session.deadline()) {
                    Ok(0) => return Ok(()),
                    Ok(read) => end += read,
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        // The next step is to close.
                        let _ = session.expire(&mut output, Instant::now());
                    }
                    Err(error) => return Err(error),
                }
            }
            Step::Close(_) => return write(&mut stream, &mut output, session.deadline()),
        }
    }
}

/// Here a real receiver stores the message, and returns when it survives a crash.
fn take(body: &[u8]) -> io::Result<QueueId> {
    println!("{}", String::from_utf8_lossy(body));
    let id = format!("{:x}", body.as_ptr().addr());
    id.parse().map_err(io::Error::other)
}

fn read(stream: &mut TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    stream.set_read_timeout(Some(left(deadline)?))?;
    stream.read(buffer).map_err(timed_out)
}

/// Writes all of the output by the deadline, however slowly the client reads.
fn write(stream: &mut TcpStream, output: &mut Vec<u8>, deadline: Instant) -> io::Result<()> {
    let mut written = 0;
    while written < output.len() {
        stream.set_write_timeout(Some(left(deadline)?))?;
        match stream.write(&output[written..]).map_err(timed_out)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            more => written += more,
        }
    }
    output.clear();
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

/// A socket says that its time-out is over by an error which systems name differently.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
