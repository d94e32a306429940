//! One connection to a target before a run, so that what is wrong with it is said in words once,
//! and not as a thousand failures.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use prixfixe_load::client::{Connection, Connector, Course};
use prixfixe_load::failure::{Failure, FailureKind};
use prixfixe_load::plan::{Plan, Timeouts, Tls};
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
        Tls::None | Tls::StartTls(_) => greeting(target, &plan.timeouts).map_err(wrong)?,
    };
    let opened = on_connection(plan, target, async |_| Ok(()))?;
    opened.map_err(|failure| wrong(in_words(&failure, plan)))?;
    Ok(banner)
}

/// What a target says to MAIL on the terms of a plan that it does not offer, or does not take mail on;
/// `None` if it would take it. Whatever else is wrong is an error.
pub(super) fn refusal(plan: &Plan, target: &str) -> Result<Option<String>, LabError> {
    let asked = on_connection(plan, target, async |connection| connection.ask().await)?;
    let Err(failure) = asked else {
        return Ok(None);
    };
    let is_for_others = matches!(
        failure.kind,
        FailureKind::NotOffered | FailureKind::Permanent(_)
    );
    if is_for_others {
        return Ok(Some(failure.to_string()));
    }
    let what = in_words(&failure, plan);
    let target = target.to_owned();
    Err(TargetError { target, what }.into())
}

/// Does something on a connection on which a message could begin, and ends it.
fn on_connection(
    plan: &Plan,
    target: &str,
    what: impl AsyncFnOnce(&mut Connection) -> Result<(), Failure>,
) -> Result<Result<(), Failure>, LabError> {
    let plan = Plan {
        targets: vec![target.to_owned()],
        ..plan.clone()
    };
    let connector = Connector::new(&plan).map_err(|error| TargetError {
        target: target.to_owned(),
        what: error.to_string(),
    })?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(async {
        let mut connection = connector.open(0, &mut Course::new()).await?;
        let done = what(&mut connection).await;
        connection.quit().await;
        done
    }))
}

/// The greeting's first line, or what stands there instead.
fn greeting(target: &str, timeouts: &Timeouts) -> Result<String, String> {
    let mut addresses = target
        .to_socket_addrs()
        .map_err(|error| format!("its host has no address: {error}"))?;
    let mut stream = addresses
        .next()
        .ok_or_else(|| "its host has no address".to_owned())
        .and_then(|first| connect(&first, addresses, timeouts.connect))?;
    let now = Instant::now();
    let deadline = now + timeouts.banner;
    let mut answer = read_line(&mut stream, deadline.min(now + SILENCE))
        .map_err(|error| format!("it hung up instead of a greeting: {error}"))?;
    if answer.is_empty() {
        // It may be slow, or wait to be spoken to: what does it say to a line?
        let asked = stream
            .write_all(b"EHLO load.example\r\n\r\n")
            .and_then(|()| read_line(&mut stream, deadline.max(Instant::now() + ANSWER)));
        answer = asked.unwrap_or_default();
        match answer.as_slice() {
            [TLS_ALERT, ..] => {
                return Err(
                    "it waits for TLS from the first octet on; use --tls implicit".to_owned(),
                );
            }
            [] => {
                return Err(format!(
                    "it accepts connections and says nothing within {} s: an SMTP server greets (if it speaks TLS from the first octet on, use --tls implicit)",
                    now.elapsed().as_secs()
                ));
            }
            _ => {}
        }
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

/// After which silence a server is spoken to. Those that let clients wait before they greet, as a
/// measure against bad ones, do so for less.
const SILENCE: Duration = Duration::from_secs(8);
/// How long an answer to that is waited for at least.
const ANSWER: Duration = Duration::from_secs(2);
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

/// What comes until the end of a line or the deadline.
fn read_line(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut answer = Vec::new();
    let mut octets = [0; MOST_ANSWER];
    while !answer.contains(&b'\n') && answer.len() < MOST_ANSWER {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut octets) {
            Ok(0) if answer.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&octets[..count]),
            // The deadline tells whether there is time left.
            Err(error) if is_late(&error) => {}
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
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
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
