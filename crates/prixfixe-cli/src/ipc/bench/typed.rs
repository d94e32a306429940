//! What the typed layer costs: one client makes typed calls and calls of bytes of the same size in turns,
//! to a server that answers both.

use std::io;
use std::time::{Duration, Instant};

use prixfixe_ipc::typed::{Client, Service};
use prixfixe_ipc::workload::{Record, replying_to};
use prixfixe_ipc::{Handler, Refusal};
use serde::{Deserialize, Serialize};

use super::payload::{Caller, Faults, answerer};
use super::resources::Extent;
use super::roles::{READY, Task, hear, say};
use super::run::{PATIENCE, RunError, Stage};
use super::setting::{Load, Setting};
use super::verdict::{Verdict, median_of, shown};
use crate::ipc::in_words;

/// The means of a pair of turns, in microseconds.
#[derive(Debug, Serialize, Deserialize)]
struct Pair {
    bytes_us: f64,
    typed_us: f64,
}

/// What a typed call may cost, in calls of bytes.
const MOST: f64 = 1.5;
/// Pairs of turns; medians are of so many.
const PAIRS: u32 = 31;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(200);
/// Calls between two looks at the clock.
const BATCH: u32 = 1_000;

/// Compares them.
pub(super) fn typed(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let load = Load {
        typed: true,
        ..Load::ONE
    };
    let pairs = match extent {
        Extent::Full => PAIRS,
        Extent::Quick => 3,
    };
    let mut stage = Stage::set(&load, TURN * 2 * pairs)?;
    let clients = stage.add_clients(Task::Compare)?;
    stage.start(&clients)?;
    let patience = stage.setting.duration + PATIENCE;
    let said = stage.children.hear(&clients, patience)?.concat();
    let pairs: Vec<Pair> = serde_json::from_str(&said)?;
    let server = stage.report()?;
    if server.altered_requests > 0 {
        return Err(RunError::Altered(server.altered_requests));
    }
    let mean = |of: fn(&Pair) -> f64| shown(median_of(pairs.iter().map(of)));
    let ratio = median_of(pairs.iter().map(|pair| pair.typed_us / pair.bytes_us));
    Ok(vec![
        Verdict::reported(row, "bytes: mean µs", mean(|pair| pair.bytes_us)),
        Verdict::reported(row, "typed: mean µs", mean(|pair| pair.typed_us)),
        Verdict::at_most(row, "typed by bytes, median of pairs", ratio, Some(MOST)),
    ])
}

/// Answers records by records, and everything else as bytes.
pub(super) fn service(faults: Faults) -> impl Handler {
    let (of_records, mut scratch) = (faults.clone(), Vec::new());
    Service::new()
        .on::<Record>(move |asked, _| {
            if !asked.is_whole(&mut scratch) {
                of_records.note();
                return Err(Refusal::Malformed);
            }
            let mut answer = Record::new();
            answer.fill(
                replying_to(asked.client.to_native()),
                asked.call.to_native(),
            );
            Ok(answer)
        })
        .otherwise(answerer(faults))
}

/// The client: it takes turns for the time of the setting, and says what came out.
pub(super) fn take_turns(setting: &Setting, number: u32) -> io::Result<()> {
    let address = setting.address().map_err(|error| in_words(&error))?;
    let mut client = Client::connect(&address).map_err(|error| in_words(&error))?;
    let mut asker = Asker {
        caller: Caller::new(u64::from(number), setting.load.payload),
        record: Record::new(),
        reply: vec![0; setting.load.payload as usize],
        scratch: Vec::new(),
        client: u64::from(number),
        calls: 0,
    };
    // Both are warm then.
    asker.pair(&mut client)?;
    say(READY)?;
    hear()?;
    let start = Instant::now();
    let mut pairs = Vec::new();
    while start.elapsed() < setting.duration {
        pairs.push(asker.pair(&mut client)?);
    }
    say(&serde_json::to_string(&pairs)?)?;
    hear().map(drop)
}

/// Makes calls of either kind, and checks what comes back.
struct Asker {
    caller: Caller,
    record: Record,
    reply: Vec<u8>,
    scratch: Vec<u8>,
    client: u64,
    calls: u64,
}

impl Asker {
    fn pair(&mut self, client: &mut Client) -> io::Result<Pair> {
        Ok(Pair {
            bytes_us: self.turn(client, Self::bytes)?,
            typed_us: self.turn(client, Self::typed)?,
        })
    }

    /// Returns the mean of a call.
    fn turn(
        &mut self,
        client: &mut Client,
        call: fn(&mut Self, &mut Client) -> io::Result<()>,
    ) -> io::Result<f64> {
        let start = Instant::now();
        let mut calls = 0;
        while start.elapsed() < TURN {
            for _ in 0..BATCH {
                self.calls += 1;
                call(self, client)?;
            }
            calls += BATCH;
        }
        Ok(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls))
    }

    fn bytes(&mut self, client: &mut Client) -> io::Result<()> {
        let request = self.caller.request(self.calls);
        let outcome = client.bytes().call_into(request, &mut self.reply);
        let length = outcome.completed().map_err(|error| in_words(&error))?;
        self.caller
            .check(self.calls, &self.reply[..length])
            .map_err(|error| in_words(&error))
    }

    fn typed(&mut self, client: &mut Client) -> io::Result<()> {
        self.record.fill(self.client, self.calls);
        let outcome = client.call(&self.record);
        let reply = outcome.completed().map_err(|error| in_words(&error))?;
        let of_call = reply.call == self.calls && reply.client == replying_to(self.client);
        if of_call && reply.is_whole(&mut self.scratch) {
            return Ok(());
        }
        Err(io::Error::other("a typed reply was altered"))
    }
}
