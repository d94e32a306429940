//! Either side is killed or stopped while a request or a reply goes in parts: what was not sent whole
//! was not executed and says so, what was may have been, and the server keeps nothing of it.

use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prixfixe_ipc::fault_point::{FAULT_VARIABLE, Point, reach};
use prixfixe_ipc::{
    Call, ChannelSizes, Executed, Failure, Outcome, Refusal, Reply, Request, Server, ServerConfig,
    ServerEvent, workload,
};
use rustix::process::Signal;

use super::caller::{AnyClient, Style};
use super::leaks::{anonymous_kib, channels_of, descriptors_of};
use super::process::{Event, Process, Settled, Watchdog, say, side_by_side, state_of, wait_until};
use super::roles::{PREDECESSOR_VARIABLE, word};
use super::scene::{FOR_EVER, Scene, caller_id, client_and_call};

pub(crate) const SERVER: &str = "long-message-server";
pub(crate) const SUCCESSOR: &str = "long-message-successor";
pub(crate) const CLIENT: &str = "long-message-client";

/// Points that only parts of messages reach.
const POINTS: [Point; 4] = [
    Point::ClientPartWritten,
    Point::ClientPartRead,
    Point::ServerPartRead,
    Point::ServerPartWritten,
];

/// Bytes of every request and reply.
const LENGTH: usize = 200_000;
const RING: u32 = 64 << 10;
/// Of every message: each has a sixteenth of a ring.
const PARTS: u32 = 49;
/// Parts in half a ring, which is all that a client writes before the server has read.
const AHEAD: u32 = 8;
/// Room for two calls, each of which counts with its request and its reply.
const MAX_HELD: usize = 4 * LENGTH;
/// For a call that must run into its deadline.
const SHORT: Duration = Duration::from_secs(1);
/// Of a row, in which the deadline may come before the point.
const ATTEMPTS: u32 = 10;
const VICTIM: u64 = 7;

/// Where the server ends, at which of the times, and what its client has to say of the call.
const SERVER_ENDS: [(Point, u32, Executed); 12] = [
    (Point::ServerRequestSeen, 1, Executed::No),
    (Point::ServerClaimed, 1, Executed::No),
    (Point::ServerTaken, 1, Executed::No),
    (Point::ServerPartRead, 1, Executed::No),
    (Point::ServerPartRead, PARTS / 2, Executed::No),
    (Point::ServerPartRead, PARTS - AHEAD - 1, Executed::No),
    (Point::ServerPartRead, PARTS, Executed::Maybe),
    (Point::ServerHandling, 1, Executed::Maybe),
    (Point::ServerPartWritten, 1, Executed::Maybe),
    (Point::ServerPartWritten, PARTS / 2, Executed::Maybe),
    (Point::ServerPartWritten, PARTS, Executed::Maybe),
    (Point::ServerReplyWritten, 1, Executed::Maybe),
];

/// Where the client ends, and whether its call was executed.
const CLIENT_ENDS: [(Point, u32, u32); 8] = [
    (Point::ClientRequestWritten, 1, 0),
    (Point::ClientRequestPublished, 1, 0),
    (Point::ClientPartWritten, 1, 0),
    (Point::ClientPartWritten, PARTS / 2, 0),
    // The last part is not published.
    (Point::ClientPartWritten, PARTS, 0),
    (Point::ClientPartRead, 1, 1),
    (Point::ClientPartRead, PARTS / 2, 1),
    (Point::ClientPartRead, PARTS, 1),
];

/// All points that a short call reaches.
pub(crate) fn points_of_others() -> impl Iterator<Item = Point> {
    let others = Point::ALL.iter().copied();
    others.filter(|point| !POINTS.contains(point))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Killed,
    /// And another server takes the address.
    Succeeded,
    Stopped,
}

#[test]
fn every_point_of_parts_has_a_row() {
    for point in POINTS {
        let of_server = SERVER_ENDS.iter().any(|(listed, ..)| *listed == point);
        let of_client = CLIENT_ENDS.iter().any(|(listed, ..)| *listed == point);
        assert!(of_server || of_client, "{point:?}");
    }
}

#[test]
fn a_long_call_ends_truly_wherever_the_server_does() {
    let _watchdog = Watchdog::new("long messages, server", Duration::from_secs(300));
    let rows = SERVER_ENDS.iter().flat_map(|&(point, nth, executed)| {
        [End::Killed, End::Succeeded, End::Stopped]
            .into_iter()
            .flat_map(move |end| {
                Style::ALL.map(|style| ServerRow {
                    point,
                    nth,
                    executed,
                    end,
                    style,
                })
            })
    });
    side_by_side(&rows.collect::<Vec<_>>(), ServerRow::run);
}

#[test]
fn a_client_that_ends_within_a_long_call_leaves_nothing_of_it() {
    let _watchdog = Watchdog::new("long messages, client", Duration::from_secs(300));
    let rows = CLIENT_ENDS.iter().flat_map(|&(point, nth, executed)| {
        [End::Killed, End::Stopped]
            .into_iter()
            .flat_map(move |end| {
                Style::ALL.map(|style| ClientRow {
                    point,
                    nth,
                    executed,
                    end,
                    style,
                })
            })
    });
    side_by_side(&rows.collect::<Vec<_>>(), ClientRow::run);
}

#[test]
fn a_client_that_is_killed_while_its_long_call_is_executed_is_let_go() {
    let _watchdog = Watchdog::new("long messages, handler", Duration::from_secs(120));
    let scene = Scene::new();
    let server = server_with(&scene, &format!("{}:2:stop", Point::ServerHandling.name()));
    let mut witness = LongCaller::new(&scene, 1, Style::Blocking);
    witness.complete();
    let before = (channels_of(&server), descriptors_of(&server));
    let mut victim = victim(&scene, "", Style::Blocking);
    victim.tell("call");
    wait_until(|| server.settled() == Settled::Stopped);
    victim.kill();
    server.signal(Signal::CONT);
    witness.complete();
    wait_until(|| (channels_of(&server), descriptors_of(&server)) == before);
    assert_eq!(scene.journal().executions_of(caller_id(VICTIM, 1)), 1);
}

#[test]
fn killed_clients_leave_no_part_of_a_message_behind() {
    const AT_ONCE: usize = 8;
    /// What the allocator may keep more of than after the first round.
    const SLACK_KIB: u64 = 1024;
    let _watchdog = Watchdog::new("long messages, leaks", Duration::from_secs(120));
    let scene = Scene::new();
    let server = server_with(&scene, "");
    let mut witness = LongCaller::new(&scene, 1, Style::Blocking);
    witness.complete();
    let before = channels_of(&server);
    let mut round = || {
        let fault = format!("{}:{}:stop", Point::ClientPartWritten.name(), PARTS - 1);
        let mut victims: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let mut victim = victim(&scene, &fault, Style::Blocking);
                victim.tell("call");
                assert_eq!(victim.next_event(), Event::Stopped);
                victim
            })
            .collect();
        victims.iter_mut().for_each(Process::kill);
        wait_until(|| channels_of(&server) == before);
        witness.complete();
        anonymous_kib(&server)
    };
    let first = round();
    let last = (0..4).map(|_| round()).last().unwrap();
    // Eight requests, four times: 6 MB if they were kept.
    assert!(last <= first + SLACK_KIB, "{first} KiB became {last}");
}

struct ServerRow {
    point: Point,
    nth: u32,
    executed: Executed,
    end: End,
    style: Style,
}

impl ServerRow {
    fn run(&self) -> String {
        let mut attempts = (0..ATTEMPTS).map(|_| self.attempt());
        let line = attempts.find_map(|line| line);
        line.unwrap_or_else(|| panic!("{:?} was not reached", self.point))
    }

    /// Its line of the table, unless the deadline came before the point.
    fn attempt(&self) -> Option<String> {
        let scene = Scene::new();
        let signal = if self.end == End::Stopped {
            "stop"
        } else {
            "kill"
        };
        let fault = format!("{}:{}:{signal}", self.point.name(), self.nth);
        let server = server_with(&scene, &fault);
        let _successor = (self.end == End::Succeeded).then(|| {
            let pid = server.pid().to_string();
            scene.start(SUCCESSOR, &[(PREDECESSOR_VARIABLE, &pid)])
        });
        let mut caller = LongCaller::new(&scene, 1, self.style);
        let ends_by_itself = self.end == End::Succeeded
            || (self.end == End::Killed && self.executed == Executed::Maybe);
        let timeout = if ends_by_itself { FOR_EVER } else { SHORT };
        let (id, outcome) = caller.call(timeout);
        if server.settled() == Settled::Asleep {
            return None;
        }
        if self.end == End::Stopped {
            server.signal(Signal::CONT);
            // What was given up is not held against it: more than there is room for at once.
            for _ in 0..4 {
                caller.complete();
            }
        }
        let executions = scene.journal().executions_of(id);
        let line = format!(
            "{:<20} {:>3} {:<9} {:<9} {outcome:?}, executed {executions}",
            self.point.name(),
            self.nth,
            format!("{:?}", self.end),
            self.style.name()
        );
        let kept = match (outcome, self.executed) {
            (Outcome::Completed(()), Executed::No) => self.end == End::Succeeded && executions == 1,
            (Outcome::Failed(Failure { executed, .. }), expected) => {
                let most = u32::from(executed == Executed::Maybe);
                let may_be_sent_again = self.end == End::Succeeded && expected == Executed::No;
                executed == expected && executions <= most && !may_be_sent_again
            }
            _ => false,
        };
        assert!(kept, "{line}");
        Some(line)
    }
}

struct ClientRow {
    point: Point,
    nth: u32,
    executed: u32,
    end: End,
    style: Style,
}

impl ClientRow {
    fn run(&self) -> String {
        let scene = Scene::new();
        let server = server_with(&scene, "");
        let mut witness = LongCaller::new(&scene, 1, Style::Blocking);
        witness.complete();
        let before = (channels_of(&server), descriptors_of(&server));
        let signal = if self.end == End::Stopped {
            "stop"
        } else {
            "kill"
        };
        let fault = format!("{}:{}:{signal}", self.point.name(), self.nth);
        let mut victim = victim(&scene, &fault, self.style);
        victim.tell("call");
        let expected = match self.end {
            End::Stopped => Event::Stopped,
            End::Killed | End::Succeeded => Event::Died,
        };
        let line = format!(
            "{:<24} {:>3} {:<9} {:<9}",
            self.point.name(),
            self.nth,
            format!("{:?}", self.end),
            self.style.name()
        );
        assert_eq!(victim.next_event(), expected, "{line}");
        witness.complete();
        let id = caller_id(VICTIM, 1);
        if self.end == End::Stopped {
            victim.signal(Signal::CONT);
            victim.expect("completed");
            assert_eq!(scene.journal().executions_of(id), 1, "{line}");
            victim.tell("call");
            victim.expect("completed");
            victim.kill();
        } else {
            let gone = format!("gone {}", victim.pid());
            wait_until(|| scene.journal().text().contains(&gone));
            assert_eq!(scene.journal().executions_of(id), self.executed, "{line}");
        }
        wait_until(|| (channels_of(&server), descriptors_of(&server)) == before);
        witness.complete();
        line
    }
}

fn server_with(scene: &Scene, fault: &str) -> Process {
    let server = scene.start(SERVER, &[(FAULT_VARIABLE, fault)]);
    server.expect("listening");
    server
}

fn victim(scene: &Scene, fault: &str, style: Style) -> Process {
    let mut victim = scene.start(CLIENT, &[(FAULT_VARIABLE, fault)]);
    victim.tell(style.name());
    victim.expect("connected");
    victim
}

/// Connects, and makes a call whenever it is told to.
pub(crate) fn obey(scene: &Scene) {
    let mut lines = std::io::stdin().lock().lines().map(Result::unwrap);
    let style = Style::from_name(&lines.next().unwrap());
    let mut caller = LongCaller::new(scene, VICTIM, style);
    say("connected");
    for _ in lines {
        say(word(caller.call(FOR_EVER).1));
    }
}

/// Waits for the end of another server, and serves.
pub(crate) fn succeed(scene: &Scene) {
    let predecessor = std::env::var(PREDECESSOR_VARIABLE).unwrap();
    let predecessor = predecessor.parse().unwrap();
    wait_until(|| matches!(state_of(predecessor), Some('Z') | None));
    serve(scene);
}

/// Answers long calls, and writes down each before anything else is done with it.
pub(crate) fn serve(scene: &Scene) {
    let events = Arc::new(Mutex::new(scene.journal().open()));
    let mut config = ServerConfig::default().on_event(move |event| {
        if let ServerEvent::Gone { client, .. } = event {
            let pid = client.credentials.pid.map_or(0, std::num::NonZeroI32::get);
            events.lock().unwrap().write(&format!("gone {pid}"));
        }
    });
    config.max_held_per_client = MAX_HELD;
    // The threads of a killed server go one by one, and the last one takes the listener along.
    let mut server = None;
    wait_until(|| {
        server = Server::bind(&scene.address(), config.clone()).ok();
        server.is_some()
    });
    say("listening");
    let mut pen = scene.journal().open();
    let mut expected = vec![0; LENGTH];
    let answer = move |request: Request<'_>, reply: &mut Reply<'_>| {
        let id = request.caller_id().unwrap();
        pen.write(&format!("executed {id}"));
        reach(Point::ServerHandling);
        let (client, call) = client_and_call(id);
        workload::fill(&mut expected, client, call);
        if request.payload() != expected {
            return Err(Refusal::HandlerFailed);
        }
        workload::fill(reply.extend(LENGTH)?, workload::replying_to(client), call);
        Ok(())
    };
    server.unwrap().serve(answer).unwrap();
}

/// Makes long calls whose bytes follow from who calls and in which call.
struct LongCaller {
    client: AnyClient,
    number: u64,
    calls: u64,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl LongCaller {
    fn new(scene: &Scene, number: u64, style: Style) -> Self {
        let sizes = ChannelSizes::new(RING, RING / 4, 8).unwrap();
        let mut client = None;
        wait_until(|| {
            client = AnyClient::connect(&scene.address(), style, sizes);
            client.is_some()
        });
        Self {
            client: client.unwrap(),
            number,
            calls: 0,
            request: vec![0; LENGTH],
            reply: vec![0; LENGTH],
        }
    }

    /// Makes the next call. Returns its id, too.
    fn call(&mut self, timeout: Duration) -> (u128, Outcome<()>) {
        self.calls += 1;
        let (number, calls) = (self.number, self.calls);
        workload::fill(&mut self.request, number, calls);
        let id = caller_id(number, calls);
        let call = Call::new(&self.request).caller_id(id).timeout(timeout);
        let outcome = self.client.call_into(call, &mut self.reply);
        let outcome = outcome.map(|length| {
            let mut expected = vec![0; LENGTH];
            workload::fill(&mut expected, workload::replying_to(number), calls);
            assert!(self.reply[..length] == expected, "a reply to another call");
        });
        (id, outcome)
    }

    /// A call that has to be completed.
    fn complete(&mut self) {
        assert_eq!(self.call(FOR_EVER).1, Outcome::Completed(()));
    }
}
