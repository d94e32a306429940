//! A caller of the chaos level: calls of all kinds, each written down before and after.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use prixfixe_ipc::{Call, ChannelSizes, Client, Connector};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use super::ledger::{Entry, Ledger};
use super::sightings::{Sighting, Sightings};
use crate::cli::Outcome;
use crate::ipc::clock::{self, Nanos};
use crate::ipc::in_words;
use crate::ipc::parent::{READY, begin, hear, say};
use crate::ipc::stress::door::get_in;
use crate::ipc::stress::journal::caller_id;
use crate::ipc::stress::payload::Payloads;
use crate::ipc::stress::server::ask;
use crate::ipc::stress::setting::address;
use crate::ipc::stress::told::{Ending, Reason};

/// A caller of the chaos level.
#[derive(Debug, Args)]
pub(in crate::ipc) struct ChaosCaller {
    number: u32,
    /// As JSON
    setting: String,
}

/// What all of them are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct CallerSetting {
    pub(super) address: String,
    /// Where ledgers go.
    pub(super) folder: PathBuf,
    pub(super) seed: u64,
    /// The start of the level.
    pub(super) start: Nanos,
}

impl ChaosCaller {
    /// Calls until its parent says that it is enough.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        begin()?;
        let setting: CallerSetting = serde_json::from_str(&self.setting)?;
        let address = address(&setting.address).map_err(|error| in_words(&error))?;
        let connector = Connector::new(address);
        let client = get_in(&connector, &mut 0).map_err(|error| in_words(&error))?;
        let longest = ChannelSizes::default().max_payload() + OVERSIZE;
        let mut caller = Caller {
            number: self.number,
            client,
            payloads: Payloads::new(longest as usize),
            reply: vec![0; longest as usize],
            ledger: Ledger::create(&setting.folder, self.number)?,
            sightings: Sightings::create(&setting.folder, self.number)?,
            start: setting.start,
        };
        say(READY)?;
        let stopped = stopped_by_parent()?;
        let mut dice = StdRng::seed_from_u64(setting.seed ^ u64::from(self.number));
        let mut call = 0;
        // Relaxed: nothing else is published with it.
        while !stopped.load(Ordering::Relaxed) {
            caller.call(call, Errand::drawn(&mut dice))?;
            call += 1;
            let rest = dice.random_range(0..=LONGEST_REST.as_micros());
            let rest = u64::try_from(rest).unwrap_or(0);
            std::thread::sleep(Duration::from_micros(rest));
        }
        Ok(Outcome::Done)
    }
}

/// Set once the parent says a word, or is gone.
fn stopped_by_parent() -> io::Result<Arc<AtomicBool>> {
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    std::thread::Builder::new().spawn(move || {
        let _ = hear();
        // Relaxed: as above.
        stop.store(true, Ordering::Relaxed);
    })?;
    Ok(stopped)
}

struct Caller {
    number: u32,
    client: Client,
    payloads: Payloads,
    reply: Vec<u8>,
    ledger: Ledger,
    sightings: Sightings,
    start: Nanos,
}

impl Caller {
    fn call(&mut self, call: u64, errand: Errand) -> io::Result<()> {
        let client = u64::from(self.number);
        let length = errand.length as usize;
        let reconnects = self.client.statistics().reconnects;
        let request = self.payloads.request(client, call, length);
        let request = Call::new(request)
            .caller_id(caller_id(client, call))
            .message_type(errand.ask)
            .timeout(errand.timeout);
        self.ledger.begin()?;
        let began = clock::now();
        let room = &mut self.reply[..errand.room as usize];
        let outcome = self.client.call_into(request, room);
        let ended = clock::now();
        let ending = Ending::of(outcome, |read| {
            let reply = &self.reply[..read];
            self.payloads.is_reply(client, call, length, reply)
        });
        self.ledger.end(Entry {
            ending,
            began: began.since(self.start),
            took: ended.since(began),
            length: errand.length,
        })?;
        let is_back = self.client.statistics().reconnects > reconnects;
        if ending.reason == Reason::HungUp {
            self.sightings.write(Sighting::Gone { began, ended })?;
        }
        if is_back && ending == Ending::COMPLETED {
            self.sightings.write(Sighting::Back { began, ended })?;
        } else if is_back {
            self.sightings.write(Sighting::Again)?;
        }
        Ok(())
    }
}

/// One call, as the dice have it.
#[derive(Clone, Copy)]
struct Errand {
    ask: u32,
    /// Octets of the request.
    length: u32,
    /// Octets that the caller takes.
    room: u32,
    timeout: Duration,
}

impl Errand {
    fn drawn(dice: &mut StdRng) -> Self {
        let most = ChannelSizes::default().max_payload();
        let usual = |ask, length| Self {
            ask,
            length,
            room: length,
            timeout: TIMEOUT,
        };
        match dice.random_range(0..100) {
            // Tiny ones, nothing at all among them.
            0..40 => usual(ask::REPLY, dice.random_range(0..=16)),
            40..70 => usual(ask::REPLY, 1024),
            70..82 => usual(ask::REPLY, dice.random_range(1024..=most)),
            // Time is over while the handler is at it, or before it came to it.
            82..88 => Self {
                timeout: Duration::from_micros(dice.random_range(1..=2_000)),
                ..usual(ask::DAWDLE, 64)
            },
            88..90 => usual(ask::DAWDLE, 64),
            // A request longer than a message may be, and a reply longer than the caller takes.
            90..93 => usual(ask::REPLY, most + dice.random_range(1..=OVERSIZE)),
            93..96 => Self {
                room: 100,
                ..usual(ask::REPLY, dice.random_range(101..=4096))
            },
            96..98 => usual(ask::FAIL, 100),
            98 => usual(ask::PANIC, 100),
            _ => usual(UNKNOWN, 100),
        }
    }
}

/// No request of this type is known.
const UNKNOWN: u32 = 77;
/// By how much a request that is too large is so, at most.
const OVERSIZE: u32 = 4096;
/// Longer than anybody is away or stopped.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two calls: a few hundred calls a second of each, so that 30 minutes leave megabytes.
const LONGEST_REST: Duration = Duration::from_millis(10);
