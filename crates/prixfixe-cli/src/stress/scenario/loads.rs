//! The scenarios that are nothing but loads, one after the other.

use std::time::Duration;

use prixfixe_load::plan::{Contents, Plan};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::result::Measurement;
use prixfixe_load::schedule::{Burst, Phase, Schedule, Spacing, Timetable};

use super::extent::Extent;
use crate::stress::lab::{Lab, LabError};

/// A scenario as a row of the table.
pub(super) struct Loads {
    /// How many servers it starts.
    pub(super) servers: u16,
    /// Its parts, in their order.
    pub(super) parts: &'static [Load],
}

/// One load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// What results call it.
    pub(super) name: &'static str,
    /// When messages start.
    pub(super) course: Course,
    /// How many connections.
    pub(super) workers: usize,
    /// How large messages are.
    pub(super) size: MessageSize,
    /// What latency is promised of our servers.
    pub(super) promise: Promise,
}

/// When messages of a load start.
#[derive(Debug, Clone, Copy)]
pub(super) enum Course {
    /// So many, as fast as they are answered.
    Burst(u64),
    /// Rates per second, each for so many seconds.
    Rates(&'static [(f64, u64)]),
    /// A rate per second for so many seconds, and at half time so many at once.
    Spike(f64, u64, u64),
}

/// The highest latency that is promised, in milliseconds (spec: where it must stand).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Promise {
    /// None.
    Nothing,
    /// Of 99 in 100 messages.
    P99(f64),
    /// Of 999 in 1,000.
    P99_9(f64),
}

/// In open loops within the capacity, and in closed loops of up to 100 clients.
pub(super) const USUAL_PROMISE: Promise = Promise::P99_9(100.0);
/// Of messages of 100 KB.
pub(super) const LARGE_PROMISE: Promise = Promise::P99(50.0);

const fn burst(
    name: &'static str,
    messages: u64,
    workers: usize,
    size: MessageSize,
    promise: Promise,
) -> Load {
    Load {
        name,
        course: Course::Burst(messages),
        workers,
        size,
        promise,
    }
}

pub(super) const QUICK: Loads = Loads {
    servers: 5,
    parts: &[burst(
        "quick",
        100,
        10,
        MessageSize::SMALL,
        Promise::Nothing,
    )],
};

pub(super) const BURST: Loads = Loads {
    servers: 5,
    parts: &[burst(
        "burst",
        5_000,
        50,
        MessageSize::MEDIUM,
        USUAL_PROMISE,
    )],
};

pub(super) const SUSTAINED: Loads = Loads {
    servers: 5,
    parts: &[Load {
        name: "sustained",
        course: Course::Rates(&[(50.0, 60)]),
        workers: 50,
        size: MessageSize::MEDIUM,
        promise: USUAL_PROMISE,
    }],
};

pub(super) const HEAVY: Loads = Loads {
    servers: 5,
    parts: &[burst(
        "heavy",
        10_000,
        100,
        MessageSize::MEDIUM,
        USUAL_PROMISE,
    )],
};

pub(super) const MIXED: Loads = Loads {
    servers: 5,
    parts: &[
        burst("1 KB", 1_000, 20, MessageSize::SMALL, USUAL_PROMISE),
        burst("10 KB", 1_000, 20, MessageSize::MEDIUM, USUAL_PROMISE),
        burst("100 KB", 500, 10, MessageSize::LARGE, LARGE_PROMISE),
        burst("1 MB", 100, 5, MessageSize::XLARGE, Promise::Nothing),
    ],
};

pub(super) const RAMP: Loads = Loads {
    servers: 1,
    parts: &[Load {
        name: "ramp",
        course: Course::Rates(&[(10.0, 30), (25.0, 30), (50.0, 30)]),
        workers: 50,
        size: MessageSize::SMALL,
        promise: USUAL_PROMISE,
    }],
};

pub(super) const SPIKE: Loads = Loads {
    servers: 1,
    parts: &[Load {
        name: "spike",
        course: Course::Spike(20.0, 60, 1_000),
        workers: 50,
        size: MessageSize::MEDIUM,
        // Those of the spike wait for each other.
        promise: Promise::Nothing,
    }],
};

/// Starts the servers and carries out one part after the other.
pub(super) fn run(lab: &mut Lab, extent: Extent, loads: &Loads) -> Result<(), LabError> {
    lab.start_servers(loads.servers, "")?;
    if loads
        .parts
        .iter()
        .any(|load| load.promise != Promise::Nothing)
    {
        lab.probe_disk()?;
    }
    for load in loads.parts {
        measure(lab, extent, load)?;
    }
    lab.end_disk_probe();
    let promised: Vec<Promise> = loads.parts.iter().map(|load| load.promise).collect();
    judge(lab, &promised);
    Ok(())
}

/// Carries out one load.
pub(super) fn measure(lab: &mut Lab, extent: Extent, load: &Load) -> Result<Measurement, LabError> {
    let plan = load.plan(lab, extent);
    Ok(lab.measure(load.name, plan)?.figures)
}

impl Load {
    /// What it means on the lab's terms.
    pub(super) fn plan(&self, lab: &Lab, extent: Extent) -> Plan {
        let mut plan = lab.terms().plan(self.course.schedule(extent), self.workers);
        plan.contents = Contents::Made(SizeMix::only(self.size));
        plan
    }
}

impl Course {
    fn schedule(self, extent: Extent) -> Schedule {
        match self {
            Self::Burst(messages) => Schedule::Closed {
                messages: Some(extent.of(messages)),
                lasts: None,
            },
            Self::Rates(rates) => {
                let all = Duration::from_secs(rates.iter().map(|(_, seconds)| seconds).sum());
                let phase = |(rate, seconds): &(f64, u64)| {
                    let time = extent.time_of(Duration::from_secs(*seconds), all);
                    Phase::even(*rate, time)
                };
                Schedule::Open(Timetable {
                    phases: rates.iter().map(phase).collect(),
                    bursts: Vec::new(),
                    spacing: Spacing::Even,
                })
            }
            Self::Spike(rate, seconds, messages) => {
                let all = Duration::from_secs(seconds);
                let lasts = extent.time_of(all, all);
                Schedule::Open(Timetable {
                    phases: vec![Phase::even(rate, lasts)],
                    bursts: vec![Burst {
                        at: lasts / 2,
                        messages: extent.of(messages),
                    }],
                    spacing: Spacing::Even,
                })
            }
        }
    }
}

/// Holds the last parts against what was promised of them, where that can be told: of our servers,
/// by a generator that was not the limit, on a disk that was not.
pub(super) fn judge(lab: &mut Lab, promised: &[Promise]) {
    if !lab.is_own() || lab.interrupt().is_set() || cfg!(debug_assertions) {
        return;
    }
    let disk_is_slow = lab.disk_is_slow();
    let first = lab.parts().len().saturating_sub(promised.len());
    let parts: Vec<_> = lab.parts()[first..].to_vec();
    for (part, promise) in parts.iter().zip(promised) {
        let latency = &part.measured.latency_ms;
        let (what, measured, most) = match promise {
            Promise::Nothing => continue,
            Promise::P99(most) => ("p99", latency.p99, *most),
            Promise::P99_9(most) => ("p99.9", latency.p99_9, *most),
        };
        if latency.count == 0 || measured < most {
            continue;
        }
        let text = format!(
            "{}: {what} is {measured:.1} ms, promised is less than {most} ms",
            part.name
        );
        if disk_is_slow {
            lab.note(format!(
                "{text}; not held against it, because the disk was slow itself"
            ));
        } else if !part.measured.valid {
            lab.note(format!(
                "{text}; not held against it, because the generator was the limit"
            ));
        } else {
            lab.fault(text);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const ALL: Extent = Extent {
        scale: 1.0,
        duration: None,
    };

    fn count(load: &Load) -> u64 {
        match load.course.schedule(ALL) {
            Schedule::Closed { messages, .. } => messages.unwrap(),
            Schedule::Open(table) => table.count(),
        }
    }

    #[test]
    fn the_scenarios_send_what_their_table_says() {
        let counts = |loads: &Loads| loads.parts.iter().map(count).collect::<Vec<_>>();
        assert_eq!(counts(&QUICK), [100]);
        assert_eq!(counts(&BURST), [5_000]);
        assert_eq!(counts(&SUSTAINED), [3_000]);
        assert_eq!(counts(&HEAVY), [10_000]);
        assert_eq!(counts(&MIXED), [1_000, 1_000, 500, 100]);
        assert_eq!(counts(&RAMP), [30 * (10 + 25 + 50)]);
        assert_eq!(counts(&SPIKE), [20 * 60 + 1_000]);
    }
}
