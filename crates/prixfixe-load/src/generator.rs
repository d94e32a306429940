//! Sends the messages of a plan when they are due, and records what became of them.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::client::{Connector, ConnectorError};
use crate::contents::{ContentsError, Library};
use crate::label::Label;
use crate::ledger::Ledger;
pub use crate::live::{Live, Snapshot};
use crate::plan::Plan;
pub use crate::recording::Recording;
use crate::schedule::{Schedule, Timetable};
use crate::self_check;

mod arrival_queue;
mod processor_time;
mod progress;
mod thread_count;
mod thread_of_workers;
mod timer;
mod worker;

use arrival_queue::ArrivalQueue;
use progress::{Progress, Watcher};
use thread_count::thread_count;

/// A plan that cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No connection, or more than there can be.
    #[error("there are 1 to {most} workers, not {0}", most = Plan::MOST_WORKERS)]
    Workers(usize),
    /// No thread, or more than there can be.
    #[error("there are 1 to {MOST_THREADS} threads, not {0}")]
    Threads(usize),
    /// A rate that is no number, below 0, or above what any generator reaches.
    #[error("a rate lies between 0 and {most} per second, not at {0}", most = Timetable::MOST_RATE)]
    Rate(f64),
    /// A timetable that no clock of a run reaches.
    #[error("a run lasts {} days at most", Timetable::MOST_LASTS.as_secs() / 86_400)]
    Lasts,
    /// Numbers that fit no label.
    #[error("messages have numbers up to {}", Label::MOST_NUMBER)]
    Numbers,
    /// No way to a target, or nothing to be said there.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// Nothing to be sent.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// The ledger cannot be made.
    #[error("the ledger: {0}")]
    Ledger(#[source] io::Error),
    /// The system gives no threads, timers or descriptors for a generator.
    #[error("the generator: {0}")]
    System(#[source] io::Error),
}

/// The most threads: more than processors of any machine that generates load.
pub const MOST_THREADS: usize = 1024;
/// How often it is looked whether the run is to end, and told how far it is.
const TICK: Duration = Duration::from_millis(100);

/// Carries out a plan, and returns when the last message has ended. It blocks, and makes threads of
/// its own.
///
/// A run that is stopped, or whose ledger meets a full disk, gives what was recorded until then; the
/// second is marked as invalid, and [`Recording::broken_off_by`] says why.
pub fn run(plan: &Plan, live: &Live) -> Result<Recording, PlanError> {
    check(plan)?;
    let connector = Connector::new(plan)?;
    let threads = thread_count(plan, &connector);
    let (phase, watch) = watch::channel(Phase::Running);
    let connector = Connector::new(plan)?;
    let ledger = plan.ledger.as_ref().map(|path| {
        Ledger::create(path, plan.run, connector.recipients()).map_err(PlanError::Ledger)
    });
    let shared = Arc::new(Shared {
        connector,
        library: Library::prepare(&plan.contents, plan.run, plan.dialogue.smtputf8)?,
        ledger: ledger.transpose()?,
        queue: ArrivalQueue::new(plan),
        workers: plan.workers,
        per_connection: plan.per_connection,
        phase: watch,
        fault: OnceLock::new(),
    });
    let (ended, end) = mpsc::channel::<()>();
    let mut running = Vec::new();
    for index in 0..threads {
        let progress = Arc::new(Mutex::new(Progress::new()));
        let share = (index..plan.workers).step_by(threads);
        let work = {
            let (shared, progress) = (Arc::clone(&shared), Arc::clone(&progress));
            let ended = ended.clone();
            move || {
                let recording = thread_of_workers::run(share, &shared, &progress);
                if let Err(error) = &recording {
                    // The others need not go on for a run that has failed.
                    let _ = shared.fault.set(format!("a thread: {error}"));
                    shared.queue.close();
                }
                drop(ended);
                recording
            }
        };
        let spawned = thread::Builder::new()
            .name(format!("load {index}"))
            .spawn(work);
        match spawned {
            Ok(thread) => running.push((thread, progress)),
            Err(error) => {
                let _ = shared.fault.set(format!("no thread: {error}"));
                phase.send_replace(Phase::Halted);
                return Err(PlanError::System(error));
            }
        }
    }
    drop(ended);
    let mut watcher = Watcher::new();
    let mut end_of_run = EndOfRun::default();
    while end.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
        phase.send_if_modified(|phase| end_of_run.advance(phase, plan, &shared, live));
        watcher.show(
            live,
            running.iter().map(|(_, progress)| &**progress),
            &shared,
        );
    }
    let mut recording = Recording::new(shared.queue.start());
    for (thread, _) in running {
        match thread.join() {
            Ok(Ok(part)) => recording.merge(&part),
            Ok(Err(error)) => return Err(PlanError::System(error)),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    watcher.finish(live, &recording);
    if let Some(Err(error)) = shared.ledger.as_ref().map(Ledger::close) {
        let _ = shared.fault.set(ledger_fault(&error));
    }
    if let Some(fault) = shared.fault.get() {
        recording.break_off(fault.clone());
    }
    if let Schedule::Open(table) = &plan.schedule {
        let lasted = shared.queue.lasted().min(table.lasts());
        recording.cover(shared.queue.start(), lasted);
        recording.leave_out(shared.queue.overdue());
    }
    self_check::check(&mut recording, plan);
    Ok(recording)
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    connector: Connector,
    library: Library,
    ledger: Option<Ledger>,
    queue: ArrivalQueue,
    workers: usize,
    per_connection: Option<std::num::NonZeroU32>,
    phase: watch::Receiver<Phase>,
    /// What ended the run before its time.
    fault: OnceLock<String>,
}

/// What workers may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Begin messages.
    Running,
    /// End those that were begun.
    Stopping,
    /// Nothing more.
    Halted,
}

/// When a run ends that does not end by itself.
#[derive(Debug, Default)]
struct EndOfRun {
    stopping_since: Option<Instant>,
}

impl EndOfRun {
    /// Whether the phase has changed.
    fn advance(&mut self, phase: &mut Phase, plan: &Plan, shared: &Shared, live: &Live) -> bool {
        let now = Instant::now();
        let before = *phase;
        let over = live.is_stopped() || shared.fault.get().is_some() || shared.queue.is_over(now);
        if over && self.stopping_since.is_none() {
            self.stopping_since = Some(now);
            shared.queue.close();
            *phase = Phase::Stopping;
        }
        let grace = plan.timeouts.grace;
        if self
            .stopping_since
            .is_some_and(|since| now - since >= grace)
        {
            *phase = Phase::Halted;
        }
        *phase != before
    }
}

fn ledger_fault(error: &io::Error) -> String {
    format!("the ledger could not be written, and the run was ended: {error}")
}

fn check(plan: &Plan) -> Result<(), PlanError> {
    if plan.workers == 0 || plan.workers > Plan::MOST_WORKERS {
        return Err(PlanError::Workers(plan.workers));
    }
    if let Some(threads) = plan
        .threads
        .filter(|threads| !(1..=MOST_THREADS).contains(threads))
    {
        return Err(PlanError::Threads(threads));
    }
    let messages = match &plan.schedule {
        Schedule::Closed { messages, .. } => messages.unwrap_or_default(),
        Schedule::Open(table) => {
            let rates = table.phases.iter().flat_map(|phase| [phase.from, phase.to]);
            for rate in rates {
                if !(0.0..=Timetable::MOST_RATE).contains(&rate) {
                    return Err(PlanError::Rate(rate));
                }
            }
            if table.lasts() > Timetable::MOST_LASTS {
                return Err(PlanError::Lasts);
            }
            table.count()
        }
    };
    match plan.first_number.checked_add(messages) {
        Some(last) if last <= Label::MOST_NUMBER => Ok(()),
        _ => Err(PlanError::Numbers),
    }
}
