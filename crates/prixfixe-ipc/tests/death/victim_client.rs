//! A client is killed or stopped at every step of connecting and of a call: the server goes on
//! serving others, forgets the dead one, and one that was only stopped goes on as if nothing was.

use std::ops::RangeInclusive;
use std::time::Duration;

use prixfixe_ipc::fault_point::Point;
use rustix::process::Signal;

use super::caller::Style;
use super::leaks::{channels_of, lent_to};
use super::long_messages;
use super::process::{Event, Process, Settled, Watchdog, side_by_side, wait_until};
use super::scene::{Kind, Scene, caller_id, client_number};

/// Every point of the client, and how often the call in which it died may have been executed.
const POINTS: [(Point, RangeInclusive<u32>); 11] = [
    (Point::ClientConnected, 0..=0),
    (Point::ClientHelloSent, 0..=0),
    (Point::ClientWelcomed, 0..=0),
    (Point::ClientChannelAsked, 0..=0),
    (Point::ClientChannelOpened, 0..=0),
    (Point::ClientRequestWritten, 0..=0),
    (Point::ClientRequestPublished, 0..=1),
    (Point::ClientRung, 0..=1),
    (Point::ClientReplySeen, 1..=1),
    (Point::ClientReplyCopied, 1..=1),
    (Point::ClientTookBack, 0..=0),
];

/// Those that a call comes to whose request is lent.
const LENT_POINTS: [(Point, RangeInclusive<u32>); 5] = [
    (Point::ClientLent, 0..=0),
    (Point::ClientRequestWritten, 0..=0),
    (Point::ClientRequestPublished, 0..=1),
    (Point::ClientRung, 0..=1),
    // Its memory lies in the socket, and the server looks into neither.
    (Point::ClientTookBack, 0..=0),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

struct Row {
    point: Point,
    executions: RangeInclusive<u32>,
    end: End,
    style: Style,
    /// What the victim is told.
    call: &'static str,
}

/// A call that is to run into its deadline, in milliseconds.
const SHORT_MS: u32 = 200;
const FOR_EVER_MS: u32 = 3_600_000;
/// Calls within which a point that depends on who sleeps is reached.
const MOST_CALLS: u32 = 100;

#[test]
fn a_client_that_ends_anywhere_harms_nobody_else() {
    let _watchdog = Watchdog::new("client rows", Duration::from_secs(300));
    let plain = POINTS.map(|(point, executions)| (point, executions, "call"));
    let lent = LENT_POINTS.map(|(point, executions)| (point, executions, "sealed"));
    let rows = plain.into_iter().chain(lent);
    let rows = rows.flat_map(|(point, executions, call)| {
        let ends = [End::Killed, End::Stopped].into_iter();
        ends.flat_map(move |end| {
            let executions = executions.clone();
            Style::ALL.map(|style| Row {
                point,
                executions: executions.clone(),
                end,
                style,
                call,
            })
        })
    });
    side_by_side(&rows.collect::<Vec<Row>>(), Row::run);
}

#[test]
fn every_point_of_the_client_has_a_row() {
    for point in long_messages::points_of_others() {
        let mut rows = POINTS.iter().chain(&LENT_POINTS);
        let listed = rows.any(|(listed, _)| *listed == point);
        assert_eq!(listed, point.name().starts_with("client."), "{point:?}");
    }
}

impl Row {
    /// Returns its line of the table.
    fn run(&self) -> String {
        let scene = Scene::new();
        let server = scene.server("");
        let mut witness = scene.caller(1);
        witness.complete(Kind::Plain);
        let channels_before = channels_of(&server);

        let signal = match self.end {
            End::Killed => "kill",
            End::Stopped => "stop",
        };
        let mut victim = scene.client(&format!("{}:1:{signal}", self.point.name()));
        let last_call = if self.point == Point::ClientTookBack {
            self.end_while_the_server_is_busy(&scene, &mut victim)
        } else {
            end_in_a_call(&server, &mut victim, self)
        };

        witness.complete(Kind::Plain);
        let after = match self.end {
            End::Killed => {
                let gone = format!("gone {} ", victim.pid());
                wait_until(|| scene.journal().text().contains(&gone));
                wait_until(|| channels_of(&server) == channels_before);
                wait_until(|| lent_to(&server) == 0);
                "server let it go".to_owned()
            }
            End::Stopped => {
                victim.signal(Signal::CONT);
                let Event::Said(said) = victim.next_event() else {
                    panic!("{self:?} did not go on");
                };
                self.check_continuation(&said);
                victim.tell(&format!("call {FOR_EVER_MS}"));
                victim.expect("completed");
                said
            }
        };
        witness.complete(Kind::Plain);
        let executions = self.executions_of(&scene, &victim, last_call);
        let (point, end) = (self.point.name(), format!("{:?}", self.end));
        let (style, call) = (self.style.name(), self.call);
        format!("{point:<26} {call:<6} {end:<8} {style:<9} {after:<18} executed {executions}")
    }

    /// Has the victim give up a call while the server is with another client.
    fn end_while_the_server_is_busy(&self, scene: &Scene, victim: &mut Process) -> u32 {
        victim.tell(&format!("connect 2 {}", self.style.name()));
        victim.expect("connected");
        let mut blocker = scene.client("");
        blocker.tell("connect 3 blocking");
        blocker.expect("connected");
        blocker.tell(&format!("gated {FOR_EVER_MS}"));
        // That of the witness, and this one.
        wait_until(|| scene.journal().executions().len() == 2);
        victim.tell(&format!("{} {SHORT_MS}", self.call));
        let event = victim.next_event();
        assert!(
            matches!(event, Event::Stopped | Event::Died),
            "{self:?}: {event:?}"
        );
        std::fs::write(scene.gate(), "").unwrap();
        blocker.expect("completed");
        blocker.finish();
        1
    }

    /// What a victim says that was stopped and goes on.
    fn check_continuation(&self, said: &str) {
        let expected = match self.point {
            Point::ClientTookBack => "no",
            _ if self.while_connecting() => "connected",
            _ => "completed",
        };
        assert_eq!(said, expected, "{self:?}");
    }

    fn while_connecting(&self) -> bool {
        matches!(
            self.point,
            Point::ClientConnected
                | Point::ClientHelloSent
                | Point::ClientWelcomed
                | Point::ClientChannelAsked
                | Point::ClientChannelOpened
        )
    }

    /// How often the call in which the victim met its end was executed, which is checked.
    fn executions_of(&self, scene: &Scene, victim: &Process, call: u32) -> u32 {
        let id = caller_id(client_number(2, victim.worker()), u64::from(call));
        let executions = scene.journal().executions_of(id);
        let possible = match self.end {
            End::Killed => self.executions.clone(),
            End::Stopped if self.point == Point::ClientTookBack => 0..=0,
            End::Stopped if self.while_connecting() => 0..=0,
            End::Stopped => 1..=1,
        };
        assert!(
            possible.contains(&executions),
            "{self:?}: executed {executions} times"
        );
        executions
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} {} {:?} {:?}",
            self.point.name(),
            self.call,
            self.end,
            self.style
        )
    }
}

/// Drives the victim until it has met its end, and says in which call.
fn end_in_a_call(server: &Process, victim: &mut Process, row: &Row) -> u32 {
    victim.tell(&format!("connect 2 {}", row.style.name()));
    if victim.next_event() != Event::Said("connected".to_owned()) {
        return 0;
    }
    for call in 1..=MOST_CALLS {
        // So that there is somebody to ring for.
        assert_eq!(server.settled(), Settled::Asleep);
        victim.tell(&format!("{} {FOR_EVER_MS}", row.call));
        match victim.next_event() {
            Event::Said(said) => assert_eq!(said, "completed"),
            Event::Stopped | Event::Died => return call,
        }
    }
    panic!("the point was not reached");
}
