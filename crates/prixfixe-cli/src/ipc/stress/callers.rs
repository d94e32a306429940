//! A client process of a level: one client or several, each with a connection of its own.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use prixfixe_ipc::{Call, Client, Connector};
use serde::{Deserialize, Serialize};

use super::door::get_in;
use super::journal::caller_id;
use super::latencies::{Course, Interval, Latencies};
use super::payload::Payloads;
use super::setting::{CallerSetting, Connects, INTERVAL, Pace, address};
use super::told::{Ending, Told};
use crate::cli::Outcome;
use crate::ipc::clock::{self, Nanos};
use crate::ipc::parent::{READY, begin, hear, say};
use crate::ipc::{in_words, process};

/// A client process of a level.
#[derive(Debug, Args)]
pub(in crate::ipc) struct StressCallers {
    from: u32,
    to: u32,
    /// As JSON
    setting: String,
}

/// What the clients of one process did: the line that it hands to the program.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// Of each of its clients.
    pub(super) told: Vec<Told>,
    pub(super) latencies: Latencies,
    /// From the first attempt of a client to its connection.
    pub(super) connects: Latencies,
    /// Attempts that the server refused, or that it did not answer.
    pub(super) turned_away: u64,
    /// From an intended start until the call began.
    pub(super) lag: Latencies,
    pub(super) course: Vec<Interval>,
    pub(super) end: Nanos,
    pub(super) cpu: Nanos,
    /// How long it could have run and was not let.
    pub(super) starved: Nanos,
    /// Wake-ups that were lost. Stays 0.
    pub(super) woke_late: u64,
    pub(super) reconnects: u64,
}

/// The line that stops calls which have no end of their own.
pub(super) const STOP: &str = "stop";

impl StressCallers {
    /// Calls as the setting says, reports, and stays connected until the parent wants no more.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        begin()?;
        let setting: CallerSetting = serde_json::from_str(&self.setting)?;
        let mut callers = Callers::new(&setting, self.from..self.to)?;
        if setting.connects == Connects::BeforeTheStart {
            callers.connect_all()?;
        }
        say(READY)?;
        let start: Nanos = serde_json::from_str(&hear()?)?;
        clock::sleep_until(start)?;
        let (cpu, starved) = (clock::cpu_time(), process::starved_ns()?);
        if setting.connects == Connects::AtTheStart {
            callers.connect_all()?;
        }
        let mut report = callers.call(&setting, self.from, start)?;
        report.cpu = clock::cpu_time().since(cpu);
        report.starved = Nanos(process::starved_ns()?).since(Nanos(starved));
        say(&serde_json::to_string(&report)?)?;
        hear()?;
        Ok(Outcome::Done)
    }
}

/// The clients of this process.
struct Callers {
    clients: Vec<Caller>,
    payloads: Payloads,
    reply: Vec<u8>,
    connects: Latencies,
    turned_away: u64,
}

struct Caller {
    number: u64,
    /// Its own: no two clients share a control socket.
    connector: Connector,
    client: Option<Client>,
    told: Told,
}

impl Callers {
    fn new(setting: &CallerSetting, numbers: Range<u32>) -> io::Result<Self> {
        let address = address(&setting.address).map_err(|error| in_words(&error))?;
        let clients = numbers.map(u64::from).map(|number| Caller {
            number,
            connector: Connector::new(address.clone()),
            client: None,
            told: Told::new(number),
        });
        Ok(Self {
            clients: clients.collect(),
            payloads: Payloads::new(setting.payload as usize),
            reply: vec![0; setting.payload as usize],
            connects: Latencies::new(),
            turned_away: 0,
        })
    }

    fn connect_all(&mut self) -> io::Result<()> {
        for caller in &mut self.clients {
            let began = clock::now();
            let client = get_in(&caller.connector, &mut self.turned_away);
            caller.client = Some(client.map_err(|error| in_words(&error))?);
            self.connects.record(clock::now().since(began));
        }
        Ok(())
    }

    /// One call of each client after the other, until each has made all of its own.
    fn call(&mut self, setting: &CallerSetting, first: u32, start: Nanos) -> io::Result<Report> {
        let mut report = Report::default();
        let mut course = Course::new(INTERVAL);
        let length = setting.payload as usize;
        let mut schedule = Schedule::new(setting.pace, first, start)?;
        let mut now = clock::now();
        for call in 0..setting.calls {
            let intended = match &mut schedule {
                None => now,
                Some(schedule) => match schedule.await_next()? {
                    Some(intended) => {
                        report.lag.record(clock::now().since(intended));
                        intended
                    }
                    None => break,
                },
            };
            let mut began = intended;
            for caller in &mut self.clients {
                let Some(client) = &mut caller.client else {
                    continue;
                };
                let request = self.payloads.request(caller.number, call, length);
                let request = Call::new(request).caller_id(caller_id(caller.number, call));
                let outcome = client.call_into(request, &mut self.reply);
                let ending = Ending::of(outcome, |read| {
                    let reply = &self.reply[..read];
                    self.payloads.is_reply(caller.number, call, length, reply)
                });
                now = clock::now();
                let latency = now.since(began);
                let completed = ending == Ending::COMPLETED;
                if completed {
                    report.latencies.record(latency);
                }
                course.record(
                    began.since(start),
                    now.since(start),
                    completed.then_some(latency),
                );
                caller.told.tell(ending);
                // The end of this call is the start of the next.
                began = now;
            }
        }
        report.end = clock::now();
        report.course = course.finish();
        report.connects = std::mem::take(&mut self.connects);
        report.turned_away = self.turned_away;
        // They stay connected: what is measured after the calls counts them.
        for caller in &mut self.clients {
            if let Some(client) = &caller.client {
                let statistics = client.statistics();
                report.woke_late += statistics.woke_late;
                report.reconnects += statistics.reconnects;
            }
            report.told.push(std::mem::take(&mut caller.told));
        }
        Ok(report)
    }
}

/// The intended starts of calls at a set rate.
struct Schedule {
    next: Nanos,
    interval: Duration,
    stopped: Arc<AtomicBool>,
}

impl Schedule {
    /// `None` for calls that follow each other.
    fn new(pace: Pace, client: u32, start: Nanos) -> io::Result<Option<Self>> {
        let Pace::Every { interval, clients } = pace else {
            return Ok(None);
        };
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        std::thread::Builder::new().spawn(move || {
            // The end of the input is the end of the parent: that stops them as well.
            let _ = hear();
            // Relaxed: nothing else is published with it.
            stop.store(true, Ordering::Relaxed);
        })?;
        // Clients do not come as one.
        let place = f64::from(client % clients.max(1)) / f64::from(clients.max(1));
        Ok(Some(Self {
            next: start.after(interval.mul_f64(place)),
            interval,
            stopped,
        }))
    }

    /// Sleeps until the next intended start; `None` once the calls are to stop.
    fn await_next(&mut self) -> io::Result<Option<Nanos>> {
        let intended = self.next;
        self.next = intended.after(self.interval);
        // Relaxed: as above.
        let stopped = || self.stopped.load(Ordering::Relaxed);
        while clock::now() < intended && !stopped() {
            clock::sleep_until(intended.min(clock::now().after(LONGEST_SLEEP)))?;
        }
        Ok((!stopped()).then_some(intended))
    }
}

/// So that the word to stop is heard between rare calls.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
