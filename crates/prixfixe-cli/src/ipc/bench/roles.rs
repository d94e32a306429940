//! What the processes of a run do: the server, and the clients. The program talks with both over
//! their standard input and output, a line at a time, never while calls are timed.

use std::io;
use std::time::Duration;

use clap::Args;
use prixfixe_ipc::{Client, ServerConfig};

use super::clock::{self, Nanos};
use super::drive::{Plan, Stop, drive};
use super::measure::{ClientReport, ServerReport};
use super::payload::{Caller, Faults, answerer};
use super::setting::{Layout, Pin, Setting};
use super::{async_clients, holder, recovery, typed};
use crate::cli::Outcome;
use crate::ipc::{in_words, parent};

pub(super) use crate::ipc::parent::{READY, hear, say};

/// The word by which the server is asked for its report.
pub(super) const REPORT: &str = "report";

/// The server process of a run.
#[derive(Debug, Args)]
pub(in crate::ipc) struct Server {
    /// As JSON
    setting: String,
}

/// A client process of a run.
#[derive(Debug, Args)]
pub(in crate::ipc) struct Clients {
    #[arg(value_enum)]
    task: Task,
    from: u32,
    to: u32,
    /// As JSON
    setting: String,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Task {
    /// They make the calls of the setting.
    Call,
    /// They connect, and stay.
    Hold,
    /// They call all the time, and say when the server went and came.
    Recover,
    /// Typed calls and calls of bytes take turns.
    Compare,
}

impl Task {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Hold => "hold",
            Self::Recover => "recover",
            Self::Compare => "compare",
        }
    }
}

impl Server {
    /// Serves until its parent is gone.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        let setting: Setting = serde_json::from_str(&self.setting)?;
        begin(&setting)?;
        let faults = Faults::default();
        let address = setting.address().map_err(|error| in_words(&error))?;
        let server = prixfixe_ipc::Server::bind(&address, ServerConfig::default())
            .map_err(|error| in_words(&error))?;
        let listening = clock::now();
        let counted = faults.clone();
        std::thread::Builder::new().spawn(move || {
            let reported = report_server(&counted, listening);
            std::process::exit(i32::from(reported.is_err()));
        })?;
        if setting.load.typed {
            server.serve(typed::service(faults))?;
        } else {
            server.serve(answerer(faults))?;
        }
        Ok(Outcome::Done)
    }
}

/// Sleeps until the run starts, and until it is over. The end of the input is the end of the
/// program, and so of this process.
fn report_server(faults: &Faults, listening: Nanos) -> io::Result<()> {
    say(&serde_json::to_string(&listening)?)?;
    let start: Nanos = serde_json::from_str(&hear()?)?;
    clock::sleep_until(start)?;
    let before = clock::cpu_time();
    while hear()? == REPORT {
        let report = ServerReport {
            cpu: clock::cpu_time().since(before),
            altered_requests: faults.count(),
        };
        say(&serde_json::to_string(&report)?)?;
    }
    Ok(())
}

impl Clients {
    /// Does the task of these clients.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        let setting: Setting = serde_json::from_str(&self.setting)?;
        begin(&setting)?;
        let clients = self.from..self.to;
        match (self.task, setting.load.layout) {
            (Task::Hold, _) => holder::hold(&setting, clients)?,
            (Task::Recover, _) => recovery::call_through(&setting, self.from)?,
            (Task::Compare, _) => typed::take_turns(&setting, self.from)?,
            (Task::Call, Layout::Processes) => call(&setting, self.from)?,
            (Task::Call, Layout::Async(runtime)) => {
                async_clients::call(&setting, clients, runtime)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// One blocking client.
fn call(setting: &Setting, client: u32) -> io::Result<()> {
    let load = &setting.load;
    let address = setting.address().map_err(|error| in_words(&error))?;
    let mut connected = Client::connect(&address).map_err(|error| in_words(&error))?;
    let mut caller = Caller::new(u64::from(client), load.payload);
    let warm = drive(&mut connected, &mut caller, 0, Plan::warm_up(load)?)
        .map_err(|error| in_words(&error))?;
    let (start, stop) = hear_start(setting)?;
    let plan = Plan::timed(load, client, start, stop);
    plan.await_begin()?;
    let before = clock::cpu_time();
    let tally =
        drive(&mut connected, &mut caller, warm.calls(), plan).map_err(|error| in_words(&error))?;
    let woke_late = connected.statistics().woke_late;
    let cpu = clock::cpu_time().since(before);
    if load.sleeps_between() {
        // Others have their last calls before them still.
        clock::sleep_until(start.after(setting.duration + LAST_CALLS))?;
    }
    report(&ClientReport::of(vec![tally], cpu, woke_late))
}

/// Says that all is warm, and hears of the moment at which all clients begin.
pub(super) fn hear_start(setting: &Setting) -> io::Result<(Nanos, Stop)> {
    say(READY)?;
    let start: Nanos = serde_json::from_str(&hear()?)?;
    let end = start.after(setting.duration);
    let stop = if setting.load.sleeps_between() {
        Stop::unannounced(end)
    } else {
        Stop::at(end)?
    };
    Ok((start, stop))
}

/// After the end of a run: the last calls that sleepers make may take as long.
const LAST_CALLS: Duration = Duration::from_millis(200);

/// Hands the report on, and stays connected until all are done, so that hanging up is in nobody's
/// time.
pub(super) fn report(report: &ClientReport) -> io::Result<()> {
    say(&serde_json::to_string(report)?)?;
    hear().map(drop)
}

/// What every process of a run does first.
fn begin(setting: &Setting) -> io::Result<()> {
    parent::begin()?;
    if setting.load.pin == Pin::One {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
        let mut one = rustix::thread::CpuSet::new();
        one.set(first.ok_or_else(|| io::Error::other("no processor is allowed"))?);
        rustix::thread::sched_setaffinity(None, &one)?;
    }
    Ok(())
}
