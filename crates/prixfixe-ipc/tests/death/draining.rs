//! A server that drains is killed while it tells its clients, with a call in the ring: that was not
//! executed, and is not lost where there is a successor.

use std::time::Duration;

use prixfixe_ipc::fault_point::Point;
use prixfixe_ipc::{Executed, Failure, Outcome};

use super::caller::Style;
use super::process::{Watchdog, side_by_side, state_of, this_thread, wait_until};
use super::scene::{FOR_EVER, Kind, Scene};

/// The points that only a server that drains comes to.
pub(crate) const POINTS: [Point; 2] = [Point::ServerDraining, Point::ServerNotTaken];

/// A call that must run into its deadline.
const SHORT: Duration = Duration::from_millis(500);
/// Looks in a row at which a thread must have slept, to be known to wait for its call.
const LOOKS: u32 = 5;

struct Row {
    point: Point,
    style: Style,
    succeeded: bool,
}

#[test]
fn a_call_that_a_draining_server_has_not_taken_is_not_executed_when_it_is_killed() {
    let _watchdog = Watchdog::new("draining rows", Duration::from_secs(120));
    let rows = POINTS.into_iter().flat_map(|point| {
        Style::ALL.into_iter().flat_map(move |style| {
            [false, true].map(|succeeded| Row {
                point,
                style,
                succeeded,
            })
        })
    });
    side_by_side(&rows.collect::<Vec<Row>>(), Row::run);
}

impl Row {
    fn run(&self) -> String {
        let scene = Scene::new();
        let mut server = scene.server(&format!("{}:1:kill", self.point.name()));
        let mut caller = scene.caller_of(1, self.style);
        caller.complete(Kind::Plain);
        let mut drainer = scene.caller(2);
        drainer.complete(Kind::Plain);
        let successor = self.succeeded.then(|| scene.successor(&server));
        let timeout = if self.succeeded { FOR_EVER } else { SHORT };
        let thread = this_thread();
        let (id, outcome) = std::thread::scope(|scope| {
            let scene = &scene;
            scope.spawn(move || {
                // The server does not read its page to the clients before this has returned.
                let (_, outcome) = drainer.call(Kind::Draining, false, FOR_EVER);
                assert_eq!(outcome, Outcome::Completed(()));
            });
            wait_until(|| scene.journal().executions().len() == 3);
            scope.spawn(move || {
                let mut looks = 0;
                wait_until(|| {
                    let asleep = state_of(thread) == Some('S');
                    looks = if asleep { looks + 1 } else { 0 };
                    looks == LOOKS
                });
                std::fs::write(scene.gate(), []).unwrap();
            });
            caller.call(Kind::Plain, false, timeout)
        });
        assert!(
            server.died_of_a_signal(),
            "{:?} was not reached",
            self.point
        );
        let executions = scene.journal().executions_of(id);
        let kept = match outcome {
            Outcome::Completed(()) => self.succeeded && executions == 1,
            Outcome::Failed(Failure { executed, .. }) => {
                !self.succeeded && executed == Executed::No && executions == 0
            }
            Outcome::Refused(_) => false,
        };
        let (point, style, succeeded) = (self.point.name(), self.style.name(), self.succeeded);
        let line = format!(
            "{point:<20} {style:<9} succeeded: {succeeded:<5} {outcome:?}, executed {executions}"
        );
        assert!(kept, "{line}");
        drop(successor);
        line
    }
}
