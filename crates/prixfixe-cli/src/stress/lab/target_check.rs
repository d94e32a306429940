//! One connection to a target before a run, so that what is wrong with it is said in words once,
//! and not as a thousand failures.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use prixfixe_load::client::{Connector, Course};
use prixfixe_load::failure::{Failure, FailureKind};
use prixfixe_load::plan::{Plan, Tls};
use tokio::runtime;

use super::LabError;

/// A target that cannot be talked to.
#[derive(Debug, thiserror::Error)]
#[error("{target}: {what}")]
pub(in crate::stress) struct TargetError {
    target: String,
    what: String,
}

/// Goes as far as a message could begin, and gives what the greeting said.
pub(super) fn check(plan: &Plan, target: &str) -> Result<String, LabError> {
    let wrong = |what: String| TargetError {
        target: target.to_owned(),
        what,
    };
    let banner = match plan.tls {
        // A server waits to be spoken to in TLS.
        Tls::Implicit(_) => String::new(),
        Tls::None | Tls::StartTls(_) => greeting(target, plan.timeouts.connect).map_err(wrong)?,
    };
    let plan = Plan {
        targets: vec![target.to_owned()],
        ..plan.clone()
    };
    let connector = Connector::new(&plan).map_err(|error| wrong(error.to_string()))?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let opened = runtime.block_on(async {
        let connection = connector.open(0, &mut Course::new()).await?;
        connection.quit().await;
        Ok(())
    });
    opened.map_err(|failure: Failure| wrong(in_words(&failure, &plan)))?;
    Ok(banner)
}

/// The greeting's first line, or what stands there instead.
fn greeting(target: &str, patience: Duration) -> Result<String, String> {
    let mut addresses = target
        .to_socket_addrs()
        .map_err(|error| format!("its host has no address: {error}"))?;
    let mut stream = addresses
        .next()
        .ok_or_else(|| "its host has no address".to_owned())
        .and_then(|first| connect(&first, addresses, patience))?;
    let mut answer = read_line(&mut stream, GREETING)
        .map_err(|error| format!("it hung up instead of a greeting: {error}"))?;
    if answer.is_empty() {
        // It may be one that waits to be spoken to: what does it say to a line?
        let asked = stream
            .write_all(b"EHLO load.example\r\n\r\n")
            .and_then(|()| read_line(&mut stream, GREETING));
        answer = asked.unwrap_or_default();
        return Err(match answer.as_slice() {
            [TLS_ALERT, ..] => {
                "it waits for TLS from the first octet on; use --tls implicit".to_owned()
            }
            [] => format!(
                "it accepts connections and says nothing within {} s: an SMTP server greets (if it speaks TLS from the first octet on, use --tls implicit)",
                2 * GREETING.as_secs()
            ),
            other => format!("this is no SMTP server: it says {:?}", shown(other)),
        });
    }
    let text = shown(&answer);
    match text.get(..3) {
        Some("220") => {
            // What is left of the greeting does not matter to one who leaves in good order.
            let _ = stream.write_all(b"QUIT\r\n");
            Ok(text.get(4..).unwrap_or_default().trim().to_owned())
        }
        Some(code) if code.starts_with(['4', '5']) => {
            Err(format!("it takes no mail from here: {text:?}"))
        }
        _ => Err(format!("this is no SMTP server: it says {text:?}")),
    }
}

/// How long a greeting is waited for. Servers that let clients wait before they greet, as a measure
/// against bad ones, do so for less.
const GREETING: Duration = Duration::from_secs(8);
/// The first octet of an alert, with which TLS answers what is none.
const TLS_ALERT: u8 = 0x15;
/// Octets of a greeting: two long lines.
const MOST_ANSWER: usize = 1024;

fn connect(
    first: &std::net::SocketAddr,
    others: impl Iterator<Item = std::net::SocketAddr>,
    patience: Duration,
) -> Result<TcpStream, String> {
    let mut last = String::new();
    for address in std::iter::once(*first).chain(others) {
        match TcpStream::connect_timeout(&address, patience) {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                last = format!("nobody listens there: {error}");
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                last = format!(
                    "it cannot be reached: no answer within {} s",
                    patience.as_secs()
                );
            }
            Err(error) => last = format!("it cannot be reached: {error}"),
        }
    }
    Err(last)
}

/// What comes until the end of a line; nothing if nothing does in time.
fn read_line(stream: &mut TcpStream, patience: Duration) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(patience))?;
    let mut answer = Vec::new();
    let mut octets = [0; MOST_ANSWER];
    while !answer.contains(&b'\n') && answer.len() < MOST_ANSWER {
        match stream.read(&mut octets) {
            Ok(0) if answer.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&octets[..count]),
            Err(error) if is_late(&error) => break,
            Err(error) => return Err(error),
        }
        if answer.first() == Some(&TLS_ALERT) {
            break;
        }
    }
    Ok(answer)
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// The first line, for people.
fn shown(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .map(|character| {
            if character.is_control() {
                '?'
            } else {
                character
            }
        })
        .collect()
}

fn in_words(failure: &Failure, plan: &Plan) -> String {
    let hint = match failure.kind {
        FailureKind::Tls => "; name the authority by --ca FILE, or believe anybody by --insecure",
        FailureKind::NotOffered => "; leave out the flag that asks for it",
        FailureKind::Permanent(_) if plan.login.is_some() => "; is it the right user and password?",
        _ => "",
    };
    format!("{failure}{hint}")
}
