//! One blocking client at work: keeps its calls in flight, checks every reply, takes the time.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prixfixe_ipc::{Call, CallError, CallId, Client, ConnectError, Outcome, SubmitError};

use super::clock::{self, Nanos};
use super::measure::Tally;
use super::pace::Schedule;
use super::payload::{Altered, Caller};
use super::setting::{Between, Load, Pace};

/// What one client does, from when on and for how long.
pub(super) struct Plan {
    pub(super) start: Nanos,
    pub(super) in_flight: usize,
    pub(super) most_calls: u64,
    pub(super) schedule: Option<Schedule>,
    pub(super) timed: bool,
    /// Calls that were due before are made and not recorded.
    counted_from: Nanos,
    pub(super) stop: Stop,
}

/// Set when the time of a run is over. Asking costs no reading of the clock.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    set: Arc<AtomicBool>,
    pub(super) at: Nanos,
}

/// Why a client gave up.
#[derive(Debug, thiserror::Error)]
pub(super) enum DriveError {
    #[error("call {call} has no reply")]
    Call {
        call: u64,
        #[source]
        source: CallError,
    },
    #[error("a call was not sent")]
    Submit(#[from] SubmitError),
    #[error("no connection")]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Altered(#[from] Altered),
    #[error("a reply to a call that was not made")]
    Stranger,
    #[error("could not wait for the next start")]
    Pace(#[source] io::Error),
}

/// Makes the calls of `plan`, numbered from `first` on.
pub(super) fn drive(
    client: &mut Client,
    caller: &mut Caller,
    first: u64,
    plan: Plan,
) -> Result<Tally, DriveError> {
    if plan.in_flight == 1 {
        one_at_a_time(client, caller, first, plan)
    } else {
        pipelined(client, caller, first, &plan)
    }
}

fn one_at_a_time(
    client: &mut Client,
    caller: &mut Caller,
    first: u64,
    mut plan: Plan,
) -> Result<Tally, DriveError> {
    let mut tally = Tally::new(plan.start, plan.timed);
    let mut reply = vec![0; caller.length()];
    let mut now = plan.start;
    let mut made = 0;
    while made < plan.most_calls && !plan.stop.is_set() {
        let started = match &mut plan.schedule {
            None => now,
            Some(schedule) => match schedule.await_next(&plan.stop).map_err(DriveError::Pace)? {
                Some(intended) => intended,
                None => break,
            },
        };
        let call = first + made;
        let length = client
            .call_into(caller.request(call), &mut reply)
            .completed()
            .map_err(|source| DriveError::Call { call, source })?;
        caller.check(call, &reply[..length])?;
        made += 1;
        if plan.timed {
            // The end of this call is the start of the next.
            now = clock::now();
            if plan.counts(started) {
                tally.record(now, now.since(started));
            }
        }
    }
    tally.finish(plan.end(), made);
    Ok(tally)
}

fn pipelined(
    client: &mut Client,
    caller: &mut Caller,
    first: u64,
    plan: &Plan,
) -> Result<Tally, DriveError> {
    let mut tally = Tally::new(plan.start, plan.timed);
    let mut reply = vec![0; caller.length()];
    let mut open: VecDeque<(CallId, u64, Nanos)> = VecDeque::with_capacity(plan.in_flight);
    let mut pipeline = client.pipeline()?;
    let (mut sent, mut done) = (0, 0);
    let mut now = plan.start;
    loop {
        while open.len() < plan.in_flight && sent < plan.most_calls && !plan.stop.is_set() {
            let call = first + sent;
            let limit = caller.length();
            let id = pipeline.submit(Call::new(caller.request(call)), limit)?;
            open.push_back((id, call, now));
            sent += 1;
        }
        let Some((id, outcome)) = pipeline.receive(&mut reply) else {
            break;
        };
        // In front, where the server answers in order.
        let place = open.iter().position(|(other, ..)| *other == id);
        let (_, call, started) = place
            .and_then(|place| open.remove(place))
            .ok_or(DriveError::Stranger)?;
        let length = match outcome {
            Outcome::Completed(length) => length,
            ended => {
                let source = ended.completed().err();
                return Err(
                    source.map_or(DriveError::Stranger, |source| DriveError::Call {
                        call,
                        source,
                    }),
                );
            }
        };
        caller.check(call, &reply[..length])?;
        done += 1;
        if plan.timed {
            now = clock::now();
            tally.record(now, now.since(started));
        }
    }
    tally.finish(clock::now(), done);
    Ok(tally)
}

impl Plan {
    /// What is not timed: fills caches, grows buffers, and lets every side see the other.
    pub(super) fn warm_up(load: &Load) -> io::Result<Self> {
        let start = clock::now();
        let (most_calls, duration) = match load.pace {
            Pace::Closed => (WARM_UP_CALLS, WARM_UP),
            // Enough to touch what is touched; a thousand sleepers should not make a storm.
            Pace::Open { .. } => (WARM_UP_PACED_CALLS, WARM_UP),
        };
        Ok(Self {
            start,
            in_flight: load.in_flight as usize,
            most_calls,
            schedule: None,
            timed: false,
            counted_from: start,
            stop: Stop::at(start.after(duration))?,
        })
    }

    /// The run itself, for one client.
    pub(super) fn timed(load: &Load, client: u32, start: Nanos, stop: Stop) -> Self {
        Self {
            start,
            in_flight: load.in_flight as usize,
            most_calls: u64::MAX,
            schedule: Schedule::of(load, client, start),
            timed: load.takes_times(),
            counted_from: if load.sleeps_between() && load.clients > 1 {
                start.after(AWAKENING)
            } else {
                start
            },
            stop,
        }
    }

    /// Whether a call that was due at `started` is recorded.
    pub(super) fn counts(&self, started: Nanos) -> bool {
        started >= self.counted_from
    }

    /// When a client is done that has just made its last call. One that sleeps between calls is there until the
    /// end at least.
    pub(super) fn end(&self) -> Nanos {
        let now = clock::now();
        if self.sleeping().is_some() {
            now.max(self.stop.at)
        } else {
            now
        }
    }

    /// Sleeps until there is something to do: the common start, or where clients sleep between calls, the
    /// first call of this one. A thousand that woke at the start would be in each other's way.
    pub(super) fn await_begin(&self) -> io::Result<()> {
        clock::sleep_until(self.sleeping().map_or(self.start, Schedule::upcoming))
    }

    /// The schedule of a client that sleeps between calls.
    fn sleeping(&self) -> Option<&Schedule> {
        let schedule = self.schedule.as_ref();
        schedule.filter(|schedule| schedule.between == Between::Asleep)
    }
}

impl Stop {
    /// At `at`, by a thread that sleeps until then.
    pub(super) fn at(at: Nanos) -> io::Result<Self> {
        let stop = Self::unannounced(at);
        let set = Arc::clone(&stop.set);
        std::thread::Builder::new().spawn(move || {
            // A sleep that fails ends the run early, which its duration shows.
            let _ = clock::sleep_until(at);
            // Relaxed: nothing else is published with it.
            set.store(true, Ordering::Relaxed);
        })?;
        Ok(stop)
    }

    /// At `at`, for those who know before each call when it is due: it is never set. A thousand threads that
    /// wake at the end would be in the way of the last calls.
    pub(super) fn unannounced(at: Nanos) -> Self {
        Self {
            set: Arc::default(),
            at,
        }
    }

    pub(super) fn is_set(&self) -> bool {
        // Relaxed: as above.
        self.set.load(Ordering::Relaxed)
    }
}

const WARM_UP: Duration = Duration::from_millis(200);
/// Left out of what many sleepers record: the first calls of each fault pages in, and come just after all of
/// them have been warmed up and told when to start.
const AWAKENING: Duration = Duration::from_millis(500);
/// So that warming up a hundred clients does not take longer than measuring them.
const WARM_UP_CALLS: u64 = 20_000;
const WARM_UP_PACED_CALLS: u64 = 20;
