//! How soon clients notice that their server died, and how soon its successor answers them.

use std::io;
use std::time::Duration;

use hdrhistogram::Histogram;
use prixfixe_ipc::{Call, Cause, Client, Outcome, SubmitError};
use serde::{Deserialize, Serialize};

use super::clock::{self, Nanos};
use super::payload::Caller;
use super::resources::Extent;
use super::roles::{READY, Task, hear, say};
use super::run::{PATIENCE, RunError, Stage};
use super::setting::{Load, Setting};
use super::verdict::Verdict;
use crate::ipc::in_words;

/// What one client saw of one crash.
#[derive(Debug, Serialize, Deserialize)]
struct Seen {
    /// When a call ended because the server was gone.
    noticed: Nanos,
    /// When the first call to the successor was completed.
    answered: Nanos,
}

/// A client that calls all the time, and for each word of the program tells how it went on after the
/// next crash.
pub(super) fn call_through(setting: &Setting, number: u32) -> io::Result<()> {
    let address = setting.address().map_err(|error| in_words(&error))?;
    let mut client = Client::connect(&address).map_err(|error| in_words(&error))?;
    let mut caller = Caller::new(u64::from(number), setting.load.payload);
    let mut reply = vec![0; caller.length()];
    let mut call = 0;
    loop {
        call += 1;
        let first = client
            .call_into(caller.request(call), &mut reply)
            .completed()
            .map_err(|error| in_words(&error))?;
        caller
            .check(call, &reply[..first])
            .map_err(|error| in_words(&error))?;
        say(READY)?;
        if hear()?.is_empty() {
            return Ok(());
        }
        let noticed = call_until_hang_up(&mut client, &mut caller, &mut call, &mut reply)?;
        call += 1;
        let request = Call::new(caller.request(call)).timeout(PATIENCE);
        let length = client
            .call_into(request, &mut reply)
            .completed()
            .map_err(|error| in_words(&error))?;
        let answered = clock::now();
        caller
            .check(call, &reply[..length])
            .map_err(|error| in_words(&error))?;
        say(&serde_json::to_string(&Seen { noticed, answered })?)?;
        if hear()?.is_empty() {
            return Ok(());
        }
    }
}

/// Calls until a call ends because the server is gone, and says when that was. By a pipeline, for a
/// client would send again by itself what was certainly not executed.
fn call_until_hang_up(
    client: &mut Client,
    caller: &mut Caller,
    call: &mut u64,
    reply: &mut [u8],
) -> io::Result<Nanos> {
    let mut pipeline = client.pipeline().map_err(|error| in_words(&error))?;
    // Ends with the server, which the program kills, or with the program.
    loop {
        *call += 1;
        let limit = caller.length();
        match pipeline.submit(caller.request(*call), limit) {
            Ok(_) => {}
            Err(SubmitError::Lost(Cause::HungUp)) => return Ok(clock::now()),
            Err(error) => return Err(in_words(&error)),
        }
        match pipeline.receive(reply) {
            Some((_, Outcome::Completed(length))) => caller
                .check(*call, &reply[..length])
                .map_err(|error| in_words(&error))?,
            Some((_, Outcome::Failed(failure))) if failure.cause == Cause::HungUp => {
                return Ok(clock::now());
            }
            Some((_, ended)) => {
                ended
                    .completed()
                    .map(drop)
                    .map_err(|error| in_words(&error))?;
            }
            None => return Err(io::Error::other("a call that was sent has no outcome")),
        }
    }
}

/// Kills the server under 100 calling clients, again and again.
pub(super) fn recovery(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let (clients, rounds) = match extent {
        Extent::Full => (100, 20),
        Extent::Quick => (10, 3),
    };
    let load = Load {
        clients,
        payload: 64,
        ..Load::ONE
    };
    let mut stage = Stage::set(&load, Duration::ZERO)?;
    let clients = stage.add_clients(Task::Recover)?;
    let (mut notice, mut answer) = (times(), times());
    for round in 0..rounds {
        if round > 0 {
            for client in &clients {
                stage.children.say(*client, NEXT)?;
            }
            stage.expect_ready(&clients)?;
        }
        for client in &clients {
            stage.children.say(*client, NEXT)?;
        }
        std::thread::sleep(UNDER_WAY);
        let killed = clock::now();
        let server = stage.server;
        stage.children.kill(server).map_err(RunError::Process)?;
        // So that a notice does not wait for, or with, the successor.
        std::thread::sleep(AWAY);
        let listening = stage.replace_server()?;
        for line in stage.children.hear(&clients, PATIENCE)? {
            let seen: Seen = serde_json::from_str(&line)?;
            notice.saturating_record(seen.noticed.since(killed).0);
            answer.saturating_record(seen.answered.since(listening).0);
        }
    }
    let mut verdicts = verdicts(row, "crash to notice", &notice);
    verdicts.extend(self::verdicts(row, "listening to first reply", &answer));
    Ok(verdicts)
}

fn verdicts(row: &str, what: &str, times: &Histogram<u64>) -> Vec<Verdict> {
    let at = |quantile| Nanos(times.value_at_quantile(quantile)).micros() / 1e3;
    let spread = format!("{:.1} / {:.1} of {} ms", at(0.5), at(0.99), times.len());
    let worst = (!times.is_empty()).then(|| at(1.0));
    vec![
        Verdict::reported(row, &format!("{what}: p50 / p99"), spread),
        Verdict::at_most(row, &format!("{what}: worst ms"), worst, Some(100.0)),
    ]
}

/// Up to the time for which a run is waited.
#[expect(clippy::expect_used, reason = "constant bounds")]
fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 1_000_000_000_000, 3).expect("sound bounds")
}

/// Any word but none.
const NEXT: &str = "next";
/// So that all are calling when the server dies.
const UNDER_WAY: Duration = Duration::from_millis(100);
/// How long nobody listens.
const AWAY: Duration = Duration::from_millis(300);
