//! The rows of the benchmark: what is run, beside whom, and what must come out.

use super::peers::Peer;
use super::setting::{Arrivals, Between, Layout, Load, Pace, Pin, Runtime};

/// One row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) kind: Kind,
}

/// What a row measures.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Calls(Calls),
    Memory,
    Descriptors,
    Idle,
    Recovery,
    Typed,
}

/// Calls under a load, beside those of peers under the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calls {
    pub(super) load: Load,
    /// How often ours and the peers take turns.
    pub(super) pairs: u32,
    pub(super) peers: &'static [Peer],
    pub(super) bounds: &'static [Bound],
}

/// What must hold for the medians of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    /// The mean in microseconds, or so many times the bare spin of the same run, whichever is larger.
    HotMean {
        us: f64,
        times_spin: f64,
    },
    /// The mean in microseconds.
    Mean(f64),
    /// Calls per second; in the slow mode of the host, a share of the bare prototype's.
    Rate(f64),
    P99(f64),
    P999(f64),
    /// The slowest client by the fastest, in every window of 100 ms.
    Fairness(f64),
    /// At least so many times the calls per second of a peer.
    FasterThan {
        peer: &'static str,
        times: f64,
    },
    /// At most so many times the mean of a peer.
    MeanOver {
        peer: &'static str,
        times: f64,
    },
    /// At most so many times the processor time of a peer.
    CpuOver {
        peer: &'static str,
        times: f64,
    },
    /// At most so many times the p99 of another row.
    P99OverRow {
        row: &'static str,
        times: f64,
    },
}

/// The largest mean of the bare spin over 1 KB, in microseconds, in the fast mode of the host.
pub(super) const FAST_MODE_US: f64 = 0.35;
/// To what share of the bare prototype rates are held in the slow mode.
pub(super) const SLOW_MODE_SHARE: f64 = 0.65;
/// The bare prototype.
pub(super) const PROTOTYPE: &str = "ring";
/// The bare spin.
pub(super) const SPIN: &str = "spin";

const fn peer(name: &'static str) -> Peer {
    Peer { name, words: &[] }
}

const RING: Peer = peer(PROTOTYPE);
const BARE_SPIN: Peer = peer(SPIN);
const RING_PARKING: Peer = Peer {
    name: PROTOTYPE,
    words: &["--wait", "park"],
};
const ICEORYX2: Peer = peer("iceoryx2");
const ICEORYX2_EVENTS: Peer = peer("iceoryx2-events");
const FUTEX: Peer = peer("futex");
const EVENTFD: Peer = Peer {
    name: "eventfd",
    words: &["--layout", "processes"],
};
const WELL_KNOWN: &[Peer] = &[RING, peer("uds-tokio"), peer("http"), peer("grpc")];

const ASYNC: Layout = Layout::Async(Runtime::Current);
const ASYNC_MULTI: Layout = Layout::Async(Runtime::Multi);

const HUNDRED: Load = Load {
    clients: 100,
    ..Load::ONE
};
const ONE_64: Load = Load {
    payload: 64,
    ..Load::ONE
};
const EIGHT_64: Load = Load {
    clients: 8,
    payload: 64,
    ..Load::ONE
};
const ONE_CORE: Load = Load {
    pin: Pin::One,
    ..ONE_64
};
const THOUSAND_PER_SECOND: Load = Load {
    pace: Pace::Open {
        calls_per_second: 1_000,
        arrivals: Arrivals::Even,
        between: Between::Asleep,
    },
    ..ONE_64
};
const OPEN_LOOP: Load = Load {
    pace: Pace::Open {
        calls_per_second: 200_000,
        arrivals: Arrivals::Even,
        between: Between::Hot,
    },
    ..EIGHT_64
};
const SLEEPERS: Load = Load {
    pace: Pace::Open {
        calls_per_second: 20_000,
        arrivals: Arrivals::Poisson,
        between: Between::Asleep,
    },
    ..HUNDRED
};

/// Enough for a median.
const PAIRS: u32 = 3;
/// Sleeping and waking varies more.
const ASLEEP_PAIRS: u32 = 11;

const fn row(name: &'static str, about: &'static str, calls: Calls) -> Row {
    Row {
        name,
        about,
        kind: Kind::Calls(calls),
    }
}

/// All of them, in the order in which they run.
pub(super) const ROWS: &[Row] = &[
    row(
        "hot-64",
        "one client, hot, 64 B",
        Calls {
            load: ONE_64,
            pairs: PAIRS,
            peers: &[BARE_SPIN, RING, ICEORYX2],
            bounds: &[
                Bound::HotMean {
                    us: 0.35,
                    times_spin: 2.5,
                },
                Bound::FasterThan {
                    peer: "iceoryx2",
                    times: 3.0,
                },
            ],
        },
    ),
    row(
        "hot-1k",
        "one client, hot, 1 KB",
        Calls {
            load: Load::ONE,
            pairs: PAIRS,
            peers: &[BARE_SPIN, RING, ICEORYX2],
            bounds: &[
                Bound::HotMean {
                    us: 0.6,
                    times_spin: 2.5,
                },
                Bound::FasterThan {
                    peer: "iceoryx2",
                    times: 1.8,
                },
            ],
        },
    ),
    row(
        "eight-processes",
        "8 processes, 64 B",
        Calls {
            load: EIGHT_64,
            pairs: PAIRS,
            peers: &[RING],
            bounds: &[
                Bound::Rate(750_000.0),
                Bound::P99(50.0),
                Bound::P999(300.0),
                Bound::Fairness(0.8),
            ],
        },
    ),
    row(
        "eight-async",
        "8 async clients in one process, 64 B",
        Calls {
            load: Load {
                layout: ASYNC,
                ..EIGHT_64
            },
            pairs: PAIRS,
            peers: &[RING],
            bounds: &[Bound::Rate(1_500_000.0)],
        },
    ),
    row(
        "hundred-async",
        "100 async clients in one process, 1 KB, a runtime of one thread",
        Calls {
            load: Load {
                layout: ASYNC,
                ..HUNDRED
            },
            pairs: PAIRS,
            peers: WELL_KNOWN,
            bounds: &[
                Bound::Rate(1_800_000.0),
                Bound::FasterThan {
                    peer: "uds-tokio",
                    times: 4.0,
                },
                Bound::FasterThan {
                    peer: "http",
                    times: 8.0,
                },
                Bound::FasterThan {
                    peer: "grpc",
                    times: 20.0,
                },
            ],
        },
    ),
    row(
        "hundred-async-multi",
        "100 async clients in one process, 1 KB, tokio's default runtime",
        Calls {
            load: Load {
                layout: ASYNC_MULTI,
                ..HUNDRED
            },
            pairs: PAIRS,
            peers: WELL_KNOWN,
            bounds: &[Bound::Rate(900_000.0)],
        },
    ),
    row(
        "hundred-processes",
        "100 processes, 1 KB",
        Calls {
            load: HUNDRED,
            pairs: PAIRS,
            peers: &[RING],
            bounds: &[
                Bound::Rate(500_000.0),
                Bound::FasterThan {
                    peer: PROTOTYPE,
                    times: 0.8,
                },
            ],
        },
    ),
    row(
        "deep-async",
        "100 async clients in one process, 1 KB, 32 calls in flight each",
        Calls {
            load: Load {
                layout: ASYNC,
                in_flight: 32,
                ..HUNDRED
            },
            pairs: PAIRS,
            peers: &[RING],
            bounds: &[Bound::Rate(4_000_000.0)],
        },
    ),
    row(
        "deep-processes",
        "100 processes, 1 KB, 32 calls in flight each",
        Calls {
            load: Load {
                in_flight: 32,
                ..HUNDRED
            },
            pairs: PAIRS,
            peers: &[RING, RING_PARKING],
            bounds: &[Bound::Rate(3_000_000.0)],
        },
    ),
    row(
        "open-loop",
        "200,000 calls/s over 8 hot clients, from the intended start",
        Calls {
            load: OPEN_LOOP,
            pairs: PAIRS,
            peers: &[],
            bounds: &[Bound::Mean(10.0)],
        },
    ),
    row(
        "open-loop-async",
        "the same over 8 async clients in one process",
        Calls {
            load: Load {
                layout: ASYNC,
                ..OPEN_LOOP
            },
            pairs: PAIRS,
            peers: &[],
            bounds: &[Bound::Mean(10.0)],
        },
    ),
    row(
        "asleep-one-core",
        "both sides asleep, on one core, 64 B",
        Calls {
            load: ONE_CORE,
            pairs: ASLEEP_PAIRS,
            peers: &[FUTEX, ICEORYX2_EVENTS],
            bounds: &[
                Bound::MeanOver {
                    peer: "futex",
                    times: 1.3,
                },
                Bound::FasterThan {
                    peer: "iceoryx2-events",
                    times: 2.0,
                },
            ],
        },
    ),
    row(
        "asleep-one-core-async",
        "the same with an async client",
        Calls {
            load: Load {
                layout: ASYNC,
                ..ONE_CORE
            },
            pairs: ASLEEP_PAIRS,
            peers: &[EVENTFD],
            bounds: &[Bound::MeanOver {
                peer: "eventfd",
                times: 1.3,
            }],
        },
    ),
    row(
        "asleep-two-cores",
        "both sides asleep before each of 1,000 calls/s, 64 B",
        Calls {
            load: THOUSAND_PER_SECOND,
            pairs: ASLEEP_PAIRS,
            peers: &[FUTEX],
            bounds: &[
                Bound::MeanOver {
                    peer: "futex",
                    times: 1.5,
                },
                Bound::CpuOver {
                    peer: "futex",
                    times: 1.5,
                },
            ],
        },
    ),
    row(
        "asleep-two-cores-async",
        "the same with an async client",
        Calls {
            load: Load {
                layout: ASYNC,
                ..THOUSAND_PER_SECOND
            },
            pairs: ASLEEP_PAIRS,
            peers: &[EVENTFD],
            bounds: &[Bound::MeanOver {
                peer: "eventfd",
                times: 1.5,
            }],
        },
    ),
    row(
        "sleepers-100",
        "20,000 calls/s (Poisson) over 100 sleeping processes, 1 KB",
        Calls {
            load: SLEEPERS,
            pairs: PAIRS,
            peers: &[],
            bounds: &[],
        },
    ),
    row(
        "sleepers-1000",
        "the same over 1,000 sleeping processes",
        Calls {
            load: Load {
                clients: 1_000,
                ..SLEEPERS
            },
            pairs: PAIRS,
            peers: &[],
            bounds: &[Bound::P99OverRow {
                row: "sleepers-100",
                times: 2.0,
            }],
        },
    ),
    row(
        "thousand-async",
        "1,000 async clients in one process, saturated, 1 KB",
        Calls {
            load: Load {
                clients: 1_000,
                layout: ASYNC,
                ..Load::ONE
            },
            pairs: PAIRS,
            peers: &[RING],
            bounds: &[Bound::Rate(1_000_000.0)],
        },
    ),
    Row {
        name: "typed",
        about: "one client, typed calls and calls of bytes in turns, 1 KB",
        kind: Kind::Typed,
    },
    Row {
        name: "memory",
        about: "1,000 clients connected: private and shared memory of the server, idle and busy",
        kind: Kind::Memory,
    },
    Row {
        name: "descriptors",
        about: "10,000 channels of 100 processes, and 9,000 processes with one each: descriptors and memory",
        kind: Kind::Descriptors,
    },
    Row {
        name: "idle",
        about: "1,000 idle clients: processor time and context switches",
        kind: Kind::Idle,
    },
    Row {
        name: "recovery",
        about: "100 clients: from a crash to notice, and from listening again to the first reply",
        kind: Kind::Recovery,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_bounds_name_peers_and_rows_that_are_run_before() {
        for (place, row) in ROWS.iter().enumerate() {
            let before = &ROWS[..place];
            assert!(before.iter().all(|other| other.name != row.name));
            let Kind::Calls(calls) = row.kind else {
                continue;
            };
            let has = |name| calls.peers.iter().any(|peer| peer.name == name);
            for bound in calls.bounds {
                let sound = match *bound {
                    Bound::HotMean { .. } => has(SPIN),
                    Bound::Rate(_) => has(PROTOTYPE),
                    Bound::FasterThan { peer, .. }
                    | Bound::MeanOver { peer, .. }
                    | Bound::CpuOver { peer, .. } => has(peer),
                    Bound::P99OverRow { row, .. } => before.iter().any(|other| other.name == row),
                    Bound::Mean(_) | Bound::P99(_) | Bound::P999(_) | Bound::Fairness(_) => true,
                };
                assert!(sound, "{}: {bound:?}", row.name);
            }
        }
    }
}
