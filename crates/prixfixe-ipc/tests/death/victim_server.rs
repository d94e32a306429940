//! The server is killed or stopped at every step of a call, and its client is asked what it knows.

use std::fmt;
use std::time::Duration;

use prixfixe_ipc::fault_point::Point;
use prixfixe_ipc::{Executed, Failure, Outcome};
use rustix::process::Signal;

use super::caller::{Caller, Style};
use super::draining;
use super::leaks::lent_to;
use super::long_messages;
use super::process::{Process, Settled, Watchdog, side_by_side, wait_until};
use super::scene::{FOR_EVER, Kind, Scene};

/// What is promised of a call during which the server reaches its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Promise {
    /// It lies before the call was taken: `No`, and a successor may execute it.
    NotExecuted,
    /// Nobody can know.
    Unknown,
    /// The reply was published.
    Answered,
}

/// How the server ends and what the client was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed { succeeded: bool, idempotent: bool },
    Stopped,
}

const ENDS: [End; 5] = [
    End::Killed {
        succeeded: false,
        idempotent: false,
    },
    End::Killed {
        succeeded: false,
        idempotent: true,
    },
    End::Killed {
        succeeded: true,
        idempotent: false,
    },
    End::Killed {
        succeeded: true,
        idempotent: true,
    },
    End::Stopped,
];

/// When a server is to reach its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arming {
    /// At the first connection, of a client that knew its predecessor.
    NewConnection,
    /// In the second call, counted from its start.
    SecondCall,
    /// From the end of a call on.
    Later,
}

/// Every point of the server, when it is reached, and what is promised there.
const POINTS: [(Point, Arming, Promise); 14] = [
    (
        Point::ServerAccepted,
        Arming::NewConnection,
        Promise::NotExecuted,
    ),
    (
        Point::ServerWelcomed,
        Arming::NewConnection,
        Promise::NotExecuted,
    ),
    (
        Point::ServerChannelMade,
        Arming::NewConnection,
        Promise::NotExecuted,
    ),
    (
        Point::ServerSleepAnnounced,
        Arming::Later,
        Promise::NotExecuted,
    ),
    (Point::ServerWoken, Arming::Later, Promise::NotExecuted),
    (
        Point::ServerRequestSeen,
        Arming::SecondCall,
        Promise::NotExecuted,
    ),
    (Point::ServerClaimed, Arming::SecondCall, Promise::Unknown),
    (Point::ServerTaken, Arming::SecondCall, Promise::Unknown),
    (Point::ServerHandling, Arming::SecondCall, Promise::Unknown),
    (Point::ServerHandled, Arming::SecondCall, Promise::Unknown),
    (
        Point::ServerReplyWritten,
        Arming::SecondCall,
        Promise::Unknown,
    ),
    (
        Point::ServerReplyPublished,
        Arming::SecondCall,
        Promise::Answered,
    ),
    // The first call that finds the client asleep.
    (
        Point::ServerClientWoken,
        Arming::SecondCall,
        Promise::Answered,
    ),
    (
        Point::ServerWoken,
        Arming::NewConnection,
        Promise::NotExecuted,
    ),
];

/// Points that a call comes to whose request is lent, each in the second such call.
const LENT_POINTS: [(Point, Promise); 9] = [
    (Point::ServerLent, Promise::NotExecuted),
    (Point::ServerRequestSeen, Promise::NotExecuted),
    (Point::ServerClaimed, Promise::Unknown),
    (Point::ServerTaken, Promise::Unknown),
    (Point::ServerHandling, Promise::Unknown),
    (Point::ServerGivingBack, Promise::Unknown),
    (Point::ServerHandled, Promise::Unknown),
    (Point::ServerReplyWritten, Promise::Unknown),
    (Point::ServerReplyPublished, Promise::Answered),
];

/// A call that must run into its deadline.
const SHORT: Duration = Duration::from_millis(300);
/// Calls within which a point that depends on who sleeps is reached.
const MOST_CALLS: u32 = 100;

struct Row {
    point: Point,
    arming: Arming,
    promise: Promise,
    end: End,
    style: Style,
    kind: Kind,
}

#[test]
fn each_call_ends_truly_wherever_the_server_does() {
    let _watchdog = Watchdog::new("server rows", Duration::from_secs(300));
    let plain = POINTS.map(|(point, arming, promise)| (point, arming, promise, Kind::Asleep));
    let lent = LENT_POINTS.map(|(point, promise)| {
        let arming = Arming::SecondCall;
        (point, arming, promise, Kind::Sealed)
    });
    let rows = plain.into_iter().chain(lent);
    let rows = rows.flat_map(|(point, arming, promise, kind)| {
        ENDS.into_iter().flat_map(move |end| {
            Style::ALL.map(|style| Row {
                point,
                arming,
                promise,
                end,
                style,
                kind,
            })
        })
    });
    side_by_side(&rows.collect::<Vec<Row>>(), Row::run);
}

#[test]
fn every_point_of_the_server_has_a_row() {
    for point in long_messages::points_of_others() {
        let listed = POINTS.iter().any(|(listed, ..)| *listed == point)
            || LENT_POINTS.iter().any(|(listed, _)| *listed == point)
            || draining::POINTS.contains(&point);
        assert_eq!(listed, point.name().starts_with("server."), "{point:?}");
    }
}

impl Row {
    /// Returns its line of the table.
    fn run(&self) -> String {
        let scene = Scene::new();
        let (server, mut caller) = self.prepare(&scene);
        let _successor = self.is_succeeded().then(|| scene.successor(&server));
        let (id, outcome) = self.end_in_a_call(&scene, &server, &mut caller);
        if self.end == End::Stopped {
            server.signal(Signal::CONT);
            // In its turn after the one that was given up, if that was in the same channel.
            caller.complete(Kind::Plain);
            scene.caller(2).complete(Kind::Plain);
            wait_until(|| lent_to(&server) == 0);
        }
        let executions = scene.journal().executions_of(id);
        self.check(outcome, executions);
        let ended = match outcome {
            Outcome::Failed(Failure { cause, executed }) => format!("{executed:?} ({cause:?})"),
            answered => format!("{answered:?}"),
        };
        format!("{:<82} {ended:<24} executed {executions}", self.to_string())
    }

    /// A server that will reach its end in one of the next calls, and its client.
    fn prepare(&self, scene: &Scene) -> (Process, Caller) {
        let signal = match self.end {
            End::Stopped => "stop",
            End::Killed { .. } => "kill",
        };
        let fault = |nth| format!("{}:{nth}:{signal}", self.point.name());
        match self.arming {
            Arming::NewConnection => {
                let mut predecessor = scene.server("");
                let mut caller = scene.caller_of(1, self.style);
                caller.complete(Kind::Plain);
                predecessor.kill();
                (scene.server(&fault(1)), caller)
            }
            Arming::SecondCall => {
                let server = scene.server(&fault(2));
                let mut caller = scene.caller_of(1, self.style);
                caller.complete(self.kind);
                (server, caller)
            }
            Arming::Later => {
                let server = scene.server("");
                let mut caller = scene.caller_of(1, self.style);
                caller.complete(Kind::Plain);
                caller.arm(&fault(1));
                // It is asleep now, or has met its end on the way there.
                server.settled();
                (server, caller)
            }
        }
    }

    /// Calls until the server has reached its end, and says how the last call ended.
    fn end_in_a_call(
        &self,
        scene: &Scene,
        server: &Process,
        caller: &mut Caller,
    ) -> (u128, Outcome<()>) {
        for _ in 0..MOST_CALLS {
            let (id, outcome) = caller.call(self.kind, self.is_idempotent(), self.timeout());
            if server.settled() != Settled::Asleep {
                return (id, outcome);
            }
            self.check_soundness(outcome, scene.journal().executions_of(id));
        }
        panic!("{self}: the point was not reached");
    }

    fn is_idempotent(&self) -> bool {
        matches!(
            self.end,
            End::Killed {
                idempotent: true,
                ..
            }
        )
    }

    fn is_succeeded(&self) -> bool {
        matches!(
            self.end,
            End::Killed {
                succeeded: true,
                ..
            }
        )
    }

    fn timeout(&self) -> Duration {
        match (self.promise, self.end) {
            (Promise::NotExecuted, _) if self.is_succeeded() => FOR_EVER,
            (Promise::NotExecuted, _) | (Promise::Unknown, End::Stopped) => SHORT,
            // Executed, perhaps, and then sent again in vain.
            (Promise::Unknown, _) if self.is_idempotent() && !self.is_succeeded() => 4 * SHORT,
            (Promise::Unknown | Promise::Answered, _) => FOR_EVER,
        }
    }

    /// What holds of every outcome.
    fn check_soundness(&self, outcome: Outcome<()>, executions: u32) {
        let most = if self.is_idempotent() { 2 } else { 1 };
        let possible = match outcome {
            Outcome::Completed(()) => 1..=most,
            Outcome::Refused(refusal) => panic!("{self}: refused, {refusal}"),
            Outcome::Failed(failure) => match failure.executed {
                Executed::No => 0..=0,
                Executed::Maybe => 0..=most,
            },
        };
        assert!(
            possible.contains(&executions),
            "{self}: {outcome:?}, executed {executions} times"
        );
    }

    /// What is promised of this row.
    fn check(&self, outcome: Outcome<()>, executions: u32) {
        self.check_soundness(outcome, executions);
        let executed = match outcome {
            Outcome::Failed(failure) => Some(failure.executed),
            Outcome::Completed(()) | Outcome::Refused(_) => None,
        };
        let kept = match self.promise {
            Promise::NotExecuted if self.is_succeeded() => executed.is_none() && executions == 1,
            Promise::NotExecuted => executed == Some(Executed::No),
            Promise::Unknown if self.is_succeeded() && self.is_idempotent() => executed.is_none(),
            // Unless the deadline came before the point.
            Promise::Unknown if self.end == End::Stopped && executions == 0 => executed.is_some(),
            Promise::Unknown => executed == Some(Executed::Maybe),
            Promise::Answered => executed.is_none(),
        };
        assert!(
            kept,
            "{self}: {:?} was not kept: {outcome:?}, executed {executions} times",
            self.promise
        );
    }
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match self.end {
            End::Stopped => "stopped".to_owned(),
            End::Killed {
                succeeded,
                idempotent,
            } => {
                let alone = if succeeded { ", succeeded" } else { "" };
                let call = if idempotent { ", idempotent call" } else { "" };
                format!("killed{alone}{call}")
            }
        };
        let connecting = match self.arming {
            Arming::NewConnection => " (connecting)",
            Arming::SecondCall | Arming::Later => "",
        };
        let lent = if self.kind == Kind::Sealed {
            " (lent)"
        } else {
            ""
        };
        let point = format!("{}{connecting}{lent}", self.point.name());
        write!(formatter, "{point:<36} {:<9} {end}", self.style.name())
    }
}
