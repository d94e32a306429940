//! Plays a hostile client against a server, and writes down what it is answered.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::hostile::{Hostile, Step};

/// How a hostile client was answered.
#[derive(Debug, Default)]
pub(super) struct Answered {
    /// The codes of all replies, in order; the first [`MOST_CODES`].
    pub(super) codes: Vec<u16>,
    /// How it ended.
    pub(super) end: End,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody was there.
    #[default]
    Refused,
    /// The server hung up.
    Closed,
    /// It was still there when this client left.
    Open,
}

/// Codes that are kept of a client: more than any input here asks for.
const MOST_CODES: usize = 10_000;
/// How long a client that has said everything waits for the server to say something more.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Plays until the server hangs up, until nothing more comes, or until `over`.
pub(super) async fn play(target: &str, hostile: &Hostile, over: watch::Receiver<bool>) -> Answered {
    let connected = timeout(PATIENCE, TcpStream::connect(target)).await;
    let Ok(Ok(stream)) = connected else {
        return Answered::default();
    };
    let (from, mut to) = stream.into_split();
    let is_deaf = hostile.steps.iter().any(|step| matches!(step, Step::Deaf));
    let mut ended = over.clone();
    let left = Arc::new(AtomicBool::new(false));
    let mut reading = tokio::spawn(read(from, is_deaf, over.clone(), Arc::clone(&left)));
    let says = async {
        for step in hostile.steps {
            if say(&mut to, *step, over.clone()).await.is_err() {
                break;
            }
        }
        // Its half stays open meanwhile.
        if is_deaf {
            let _ = ended.wait_for(|over| *over).await;
        } else {
            sleep(PATIENCE).await;
        }
    };
    let mut over = over.clone();
    tokio::select! {
        answered = &mut reading => return answered.unwrap_or_default(),
        () = says => {}
        _ = over.wait_for(|over| *over) => {}
    }
    left.store(true, Ordering::Relaxed);
    drop(to);
    match timeout(PATIENCE, &mut reading).await {
        Ok(answered) => answered.unwrap_or_default(),
        Err(_) => {
            reading.abort();
            Answered {
                end: End::Open,
                ..Answered::default()
            }
        }
    }
}

async fn say(
    to: &mut OwnedWriteHalf,
    step: Step,
    mut over: watch::Receiver<bool>,
) -> io::Result<()> {
    match step {
        Step::Say(octets) => to.write_all(octets).await,
        Step::Repeat(octets, times) => {
            // Many at once, as a flood comes.
            let at_once = (FLOOD_OCTETS / octets.len().max(1)).max(1);
            let mut left = usize::try_from(times).unwrap_or(usize::MAX);
            while left > 0 {
                let now = left.min(at_once);
                to.write_all(&octets.repeat(now)).await?;
                left -= now;
            }
            Ok(())
        }
        Step::Pause(time) => {
            sleep(time).await;
            Ok(())
        }
        Step::Trickle(octets, every) => {
            for octet in octets.iter().cycle() {
                if timeout(every, over.wait_for(|over| *over)).await.is_ok() {
                    return Ok(());
                }
                to.write_all(&[*octet]).await?;
            }
            // Nothing to say: only held.
            let _ = over.wait_for(|over| *over).await;
            Ok(())
        }
        Step::Deaf => Ok(()),
        Step::HalfClose => to.shutdown().await,
    }
}

const FLOOD_OCTETS: usize = 16 << 10;

async fn read(
    mut from: OwnedReadHalf,
    is_deaf: bool,
    mut over: watch::Receiver<bool>,
    left: Arc<AtomicBool>,
) -> Answered {
    if is_deaf {
        let _ = over.wait_for(|over| *over).await;
        return Answered {
            end: End::Open,
            ..Answered::default()
        };
    }
    let mut answered = Answered::default();
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = tokio::select! {
            read = from.read(&mut buffer) => match read {
                Ok(length) if length > 0 => length,
                _ => {
                    // A server that goes once this client has gone had held on.
                    answered.end = if left.load(Ordering::Relaxed) {
                        End::Open
                    } else {
                        End::Closed
                    };
                    return answered;
                }
            },
            () = silence(&mut over) => {
                answered.end = End::Open;
                return answered;
            }
        };
        for octet in &buffer[..length] {
            if *octet != b'\n' {
                // The code and what follows it is all that is looked at.
                if line.len() < 4 {
                    line.push(*octet);
                }
                continue;
            }
            let code = line
                .get(..3)
                .and_then(|code| std::str::from_utf8(code).ok()?.parse().ok());
            if let Some(code) = code.filter(|_| line.get(3) != Some(&b'-'))
                && answered.codes.len() < MOST_CODES
            {
                answered.codes.push(code);
            }
            line.clear();
        }
    }
}

/// Until the row is over and a little longer, so that what is on its way still arrives.
async fn silence(over: &mut watch::Receiver<bool>) {
    let _ = over.wait_for(|over| *over).await;
    sleep(LAST_WORDS).await;
}

const LAST_WORDS: Duration = Duration::from_millis(200);

/// What of the answers a sound server would not have said.
pub(super) fn judge(hostile: &Hostile, answered: &Answered) -> Option<String> {
    let bodies = answered.codes.iter().filter(|code| **code == 354).count();
    if bodies > hostile.most_bodies {
        return Some(format!("{}: {bodies} bodies were begun", hostile.name));
    }
    let is_answered = hostile
        .answers
        .iter()
        .any(|code| answered.codes.contains(code));
    if !hostile.answers.is_empty() && !is_answered {
        return Some(format!(
            "{}: answered {}, and one of {:?} was to be among it",
            hostile.name,
            shown(&answered.codes),
            hostile.answers
        ));
    }
    None
}

/// Codes with their numbers: `220, 250 × 3, 354`.
pub(super) fn shown(codes: &[u16]) -> String {
    let mut shown: Vec<String> = Vec::new();
    for run in codes.chunk_by(|one, next| one == next) {
        match run {
            [code] => shown.push(code.to_string()),
            [code, ..] => shown.push(format!("{code} × {}", run.len())),
            [] => {}
        }
    }
    if shown.is_empty() {
        return "nothing".to_owned();
    }
    shown.join(", ")
}

/// How many clients of a crowd ended how.
pub(super) fn summed(answers: &[Answered]) -> String {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for answered in answers {
        let end = match (answered.end, answered.codes.last()) {
            (End::Refused, _) => "not connected".to_owned(),
            (End::Open, _) => "held on".to_owned(),
            (End::Closed, Some(code)) => format!("closed after {code}"),
            (End::Closed, None) => "closed".to_owned(),
        };
        *ends.entry(end).or_default() += 1;
    }
    let ends: Vec<String> = ends
        .into_iter()
        .map(|(end, count)| format!("{count} {end}"))
        .collect();
    ends.join(", ")
}
