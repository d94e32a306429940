//! One client at work: keeps its calls in flight, checks every reply, takes the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::clock::{self, Nanos};
use crate::content::{Altered, Caller};
use crate::measure::Tally;
use crate::peers::{Link, PeerError};
use crate::setting::{Clock, Setting};

/// What one client does, from when on and for how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    start: Nanos,
    in_flight: u64,
    most_calls: u64,
    /// From one intended start to the next; None for a closed loop.
    interval: Option<Nanos>,
    clock: Clock,
    stop: Stop,
}

/// Set when the time of a run is over. Asking costs no reading of the clock.
#[derive(Debug, Clone)]
pub(crate) struct Stop(Arc<AtomicBool>);

/// Why a client gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("call {call} failed")]
    Peer {
        call: u64,
        #[source]
        source: PeerError,
    },
    #[error(transparent)]
    Altered(#[from] Altered),
    #[error("could not wait for the next start")]
    Pace(#[source] std::io::Error),
}

/// Makes the calls of `plan`, numbered from `first` on.
pub(crate) async fn drive<L: Link>(
    link: &mut L,
    caller: &mut Caller,
    first: u64,
    plan: &Plan,
) -> Result<Tally, CallError> {
    let last = first.saturating_add(plan.most_calls);
    let timed = plan.clock == Clock::Every;
    let mut tally = Tally::new(plan.start, timed);
    // A power of two, for a division would show in the shortest round trips.
    let slots = plan.in_flight.next_power_of_two();
    let mut starts = vec![plan.start; usize::try_from(slots).unwrap_or(1)];
    let slot = |call: u64| usize::try_from(call & (slots - 1)).unwrap_or(0);
    let (mut sent, mut done) = (first, first);
    let mut now = plan.start;
    loop {
        while sent - done < plan.in_flight && sent < last && !plan.stop.is_set() {
            starts[slot(sent)] = match plan.interval {
                None => now,
                Some(interval) => {
                    let intended = Nanos(plan.start.0 + interval.0 * (sent - first));
                    clock::sleep_until(intended).map_err(CallError::Pace)?;
                    intended
                }
            };
            let failed = |source| CallError::Peer { call: sent, source };
            link.send(caller.request(sent)).await.map_err(failed)?;
            sent += 1;
        }
        if done == sent {
            break;
        }
        let failed = |source| CallError::Peer { call: done, source };
        link.receive(caller.reply()).await.map_err(failed)?;
        caller.check(done)?;
        if timed {
            // The end of this call is the start of the one that takes its place.
            now = clock::now();
            tally.record(now, now.since(starts[slot(done)]));
        }
        done += 1;
    }
    tally.finish(clock::now(), done - first);
    Ok(tally)
}

impl Plan {
    /// What is not timed: fills caches, grows buffers, and lets every side see the other.
    pub(crate) fn warm_up(setting: &Setting) -> std::io::Result<Self> {
        Ok(Self {
            start: clock::now(),
            in_flight: u64::from(setting.in_flight),
            most_calls: WARM_UP_CALLS,
            interval: None,
            clock: Clock::None,
            stop: Stop::at(clock::now().after(WARM_UP))?,
        })
    }

    /// The run itself, for client `client`.
    pub(crate) fn timed(setting: &Setting, client: u64, start: Nanos, stop: Stop) -> Self {
        Self {
            start,
            in_flight: u64::from(setting.in_flight),
            most_calls: setting.calls_of(client).unwrap_or(u64::MAX),
            interval: setting
                .rate
                .map(|rate| Nanos(1_000_000_000 / u64::from(rate.get()))),
            clock: setting.clock,
            stop,
        }
    }
}

impl Stop {
    /// Never: the run is counted in calls.
    pub(crate) fn never() -> Self {
        Self(Arc::new(AtomicBool::new(false)))
    }

    /// At `instant`, by a thread that sleeps until then.
    pub(crate) fn at(instant: Nanos) -> std::io::Result<Self> {
        let stop = Self::never();
        let set = stop.clone();
        std::thread::Builder::new().spawn(move || {
            // A sleep that fails ends the run early, which its duration shows.
            let _ = clock::sleep_until(instant);
            set.set();
        })?;
        Ok(stop)
    }

    fn set(&self) {
        // Relaxed: nothing else is published with it.
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

const WARM_UP: Duration = Duration::from_millis(200);
/// So that warming up a hundred clients does not take longer than measuring them.
const WARM_UP_CALLS: u64 = 20_000;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::content::{Answerer, Content, Faults};

    /// A transport without a transport, which can alter what it carries.
    struct Loopback {
        server: Answerer,
        replies: VecDeque<Vec<u8>>,
        most: usize,
        altered_call: Option<usize>,
        sent: usize,
        /// The run is over once that many were sent.
        stop_after: usize,
        stop: Stop,
    }

    impl Link for Loopback {
        async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
            let mut reply = self.server.answer(request).to_vec();
            if self.altered_call == Some(self.sent) {
                reply[500] ^= 4;
            }
            self.sent += 1;
            if self.sent == self.stop_after {
                self.stop.set();
            }
            self.replies.push_back(reply);
            self.most = self.most.max(self.replies.len());
            Ok(())
        }

        async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
            reply.copy_from_slice(&self.replies.pop_front().unwrap());
            Ok(())
        }
    }

    fn driven(
        in_flight: u64,
        altered_call: Option<usize>,
        stop_after: usize,
    ) -> (Loopback, Result<Tally, CallError>) {
        let stop = Stop::never();
        let mut link = Loopback {
            server: Answerer::new(1024, Content::Made, Faults::default()),
            replies: VecDeque::new(),
            most: 0,
            altered_call,
            sent: 0,
            stop_after,
            stop: stop.clone(),
        };
        let plan = Plan {
            start: clock::now(),
            in_flight,
            most_calls: 100,
            interval: None,
            clock: Clock::Every,
            stop,
        };
        let mut caller = Caller::new(3, 1024, Content::Made);
        let runtime = crate::setting::Runtime::Current.build().unwrap();
        let result = runtime.block_on(drive(&mut link, &mut caller, 1000, &plan));
        (link, result)
    }

    #[test]
    fn the_window_is_kept_full_and_every_call_is_counted() {
        for in_flight in [1, 7, 32] {
            let (link, result) = driven(in_flight, None, usize::MAX);
            assert_eq!(link.most as u64, in_flight);
            assert_eq!(link.sent, 100);
            assert_eq!(result.unwrap().calls(), 100);
        }
    }

    #[test]
    fn a_deliberately_altered_reply_ends_the_run() {
        let (_, result) = driven(4, Some(57), usize::MAX);
        let shown = result.map(|tally| tally.calls()).unwrap_err().to_string();
        assert_eq!(shown, "client 3 got an altered reply to call 1057");
    }

    #[test]
    fn a_set_stop_lets_what_is_in_flight_finish() {
        for in_flight in [1, 4] {
            let (link, result) = driven(in_flight, None, 10);
            assert_eq!(link.sent, 10);
            assert!(link.replies.is_empty());
            assert_eq!(result.unwrap().calls(), 10);
        }
    }
}
