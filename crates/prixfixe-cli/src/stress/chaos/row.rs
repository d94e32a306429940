//! The faults of `chaos`, as data: a row each.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use prixfixe_load::fault_proxy::{Break, Direction, Dribble, Faults, Flow, Loss, Point, Share};

use super::hostile::{self, Hostile};

/// One fault, and what it may do to those who have nothing to do with it.
pub(super) struct Row {
    /// Its name, by which it is chosen.
    pub(super) name: &'static str,
    /// What goes wrong.
    pub(super) fault: Fault,
    /// Settings of the server, as the text of a file.
    pub(super) settings: &'static str,
    /// What healthy clients may meet.
    pub(super) healthy: Healthy,
}

/// What goes wrong.
pub(super) enum Fault {
    /// The way between some clients and the server.
    Way(Faults),
    /// Clients that say what nobody should, one after the other and all at once.
    Inputs(&'static [Hostile]),
    /// So many clients that do the same at the same time, and hold on.
    Crowd(usize, &'static Hostile),
    /// The server's descriptors run out: it may open so many more.
    Descriptors(u64),
    /// Bodies are under way on so many connections, and the server may have no more memory than
    /// their bounds add up to.
    Memory(usize),
    /// The disk of the store is full.
    Disk,
}

impl Fault {
    /// Whether it needs a server that is the lab's own.
    pub(super) fn needs_own_server(&self) -> bool {
        matches!(self, Self::Descriptors(_) | Self::Memory(_) | Self::Disk)
    }
}

/// What healthy clients may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Healthy {
    /// Nothing: every message is accepted.
    Served,
    /// The server is short of something: a 4xx, or a wait.
    Deferred,
}

/// All rows, in the order in which they are tried.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = flows();
    rows.extend(cuts());
    let crowd = |name, clients, hostile| Row {
        fault: Fault::Crowd(clients, hostile),
        ..row(name)
    };
    rows.push(crowd("slow-readers", 50, &hostile::NEVER_READS));
    rows.push(crowd("slow-commands", 200, &hostile::SLOW_COMMAND));
    rows.push(crowd("slow-bodies", 200, &hostile::SLOW_BODY));
    rows.push(Row {
        settings: "[tls]\ncertificate = \"self-signed\"\n",
        ..crowd("unfinished-handshakes", 200, &hostile::UNFINISHED_HANDSHAKE)
    });
    rows.push(Row {
        fault: Fault::Inputs(&hostile::INPUTS),
        settings: "[tls]\ncertificate = \"self-signed\"\n",
        ..row("hostile-inputs")
    });
    rows.push(Row {
        fault: Fault::Descriptors(24),
        healthy: Healthy::Deferred,
        ..row("descriptors")
    });
    rows.push(Row {
        fault: Fault::Memory(96),
        ..row("memory")
    });
    rows.push(Row {
        fault: Fault::Disk,
        healthy: Healthy::Deferred,
        ..row("disk-full")
    });
    rows
}

fn row(name: &'static str) -> Row {
    Row {
        name,
        fault: Fault::Disk,
        settings: "",
        healthy: Healthy::Served,
    }
}

fn way(name: &'static str, faults: Faults) -> Row {
    Row {
        fault: Fault::Way(faults),
        ..row(name)
    }
}

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn flows() -> Vec<Row> {
    let flow = |flow: Flow| Faults::default().with_flow(flow);
    let slow = Dribble {
        octets: NonZeroU32::MIN,
        every: milliseconds(5),
    };
    // A tenth of all segments: far worse than any way on which mail still travels.
    let lossy = Share::new(0.1).ok().map(|share| Loss {
        share,
        repeated_after: Loss::LINUX_REPEATED_AFTER,
    });
    vec![
        way(
            "latency",
            flow(Flow {
                latency: milliseconds(100),
                ..Flow::default()
            }),
        ),
        way(
            "jitter",
            flow(Flow {
                latency: milliseconds(20),
                jitter: milliseconds(80),
                ..Flow::default()
            }),
        ),
        way(
            "loss",
            flow(Flow {
                loss: lossy,
                ..Flow::default()
            }),
        ),
        way(
            "bandwidth",
            flow(Flow {
                bandwidth: NonZeroU64::new(64 << 10),
                ..Flow::default()
            }),
        ),
        way(
            "slow-replies",
            Faults {
                to_client: Flow {
                    dribble: Some(slow),
                    ..Flow::default()
                },
                ..Faults::default()
            },
        ),
    ]
}

fn cuts() -> Vec<Row> {
    // Within the first write of a body of any size that is sent.
    let body = Point::Body(NonZeroU64::MIN.saturating_add(4095));
    let cut = |name, how, at| way(name, Faults::default().with_cut(how, at));
    let (reset, hole) = (Break::Reset, Break::BlackHole);
    vec![
        cut("reset-at-once", reset, Point::AtOnce),
        cut("reset-banner", reset, Point::Banner),
        cut("reset-ehlo", reset, Point::Ehlo),
        cut("reset-mail", reset, Point::Mail),
        cut("reset-rcpt", reset, Point::Rcpt),
        cut("reset-data", reset, Point::DataStart),
        cut("reset-body", reset, body),
        cut("reset-end", reset, Point::BodyEnd),
        cut("reset-reply", reset, Point::Reply),
        cut("blackhole-at-once", hole, Point::AtOnce),
        cut("blackhole-banner", hole, Point::Banner),
        cut("blackhole-mail", hole, Point::Mail),
        cut("blackhole-data", hole, Point::DataStart),
        cut("blackhole-body", hole, body),
        cut("blackhole-reply", hole, Point::Reply),
        cut(
            "half-close-client",
            Break::HalfClose(Direction::ToServer),
            body,
        ),
        cut(
            "half-close-server",
            Break::HalfClose(Direction::ToClient),
            Point::Rcpt,
        ),
    ]
}
