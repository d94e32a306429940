//! The reckoning itself: each step with its formula and its numbers.

use super::sample::AtSize;
use super::{Bottleneck, Capacity, Step, Wish};
use crate::results::notation::{count, number, octets_of, percent};

/// A reckoning under way.
#[derive(Debug)]
pub(super) struct Reckoning {
    wish: Wish,
    measured: AtSize,
    /// The share of an instance that may be in use.
    usable: f64,
    steps: Vec<Step>,
}

/// What an Ethernet frame of 1,538 octets on the wire carries of a TCP stream: 1,448 with time
/// stamps.
const FRAME_SHARE: f64 = 1538.0 / 1448.0;

/// Octets of a dialogue around a message that arrive: EHLO, MAIL, RCPT, DATA, QUIT, and
/// acknowledgements of what is sent.
const DIALOGUE_OCTETS: f64 = 600.0;

/// Seconds of a day.
const DAY_S: f64 = 86_400.0;

impl Reckoning {
    pub(super) fn new(wish: Wish, measured: AtSize) -> Self {
        Self {
            wish,
            measured,
            usable: 1.0 - wish.headroom,
            steps: Vec::new(),
        }
    }

    pub(super) fn finish(mut self) -> Capacity {
        let peak = self.peak();
        let by_rate = self.instances_by_rate(peak);
        let processors = self.processors(peak);
        let by_cpu = self.instances_by_cpu(processors);
        let connections = self.connections(peak);
        let by_connections = self.instances_by_connections(connections);
        let per_connection = self.memory_per_connection();
        let by_memory = self.instances_by_memory(connections, per_connection);
        let (instances, bottleneck) = most([
            (Some(by_rate), Bottleneck::Rate),
            (Some(by_cpu), Bottleneck::Cpu),
            (by_connections, Bottleneck::Connections),
            (by_memory, Bottleneck::Memory),
        ]);
        self.step(
            "instances",
            "the most of these",
            format!("asked for by {}", bottleneck.name()),
            whole(instances),
        );
        let memory_per_instance = self.memory_per_instance(connections / instances, per_connection);
        Capacity {
            wish: self.wish,
            instances,
            bottleneck,
            processors,
            memory_per_instance,
            bits_per_second: self.bits_per_second(peak),
            disk_per_day: self.disk_per_day(),
            steps: self.steps,
            sources: self.measured.sources,
            warnings: self.measured.warnings,
        }
    }

    fn peak(&mut self) -> f64 {
        let Wish {
            load, peak_factor, ..
        } = self.wish;
        let peak = load * peak_factor;
        self.step(
            "peak load",
            "load × peak factor",
            format!("{}/s × {}", number(load), number(peak_factor)),
            format!("{} messages/s", number(peak)),
        );
        peak
    }

    fn instances_by_rate(&mut self, peak: f64) -> f64 {
        let rate = self.measured.rate;
        let instances = at_least_one(peak / (rate * self.usable));
        self.step(
            "instances by rate",
            "peak load / (measured rate of an instance × (1 − head-room)), rounded up",
            format!(
                "{}/s / ({}/s × {})",
                number(peak),
                number(rate),
                self.room()
            ),
            whole(instances),
        );
        instances
    }

    fn processors(&mut self, peak: f64) -> f64 {
        let cpu_s = self.measured.cpu_s;
        let processors = peak * cpu_s / self.usable;
        self.step(
            "processors",
            "peak load × CPU time of a message / (1 − head-room)",
            format!("{}/s × {} / {}", number(peak), time(cpu_s), self.room()),
            number(processors),
        );
        processors
    }

    fn instances_by_cpu(&mut self, processors: f64) -> f64 {
        let of_machine = self.measured.processors;
        let instances = at_least_one(processors / of_machine);
        self.step(
            "instances by CPU",
            "processors / processors of the measured machine, rounded up",
            format!("{} / {}", number(processors), number(of_machine)),
            whole(instances),
        );
        instances
    }

    fn connections(&mut self, peak: f64) -> f64 {
        if let Some(connections) = self.wish.connections {
            let numbers = "--connections".to_owned();
            self.step("connections", "as wished", numbers, number(connections));
            return connections;
        }
        let time_s = self.measured.time_s;
        let connections = (peak * time_s).ceil();
        self.step(
            "connections",
            "peak load × mean time of a delivery (Little's law), rounded up",
            format!("{}/s × {}", number(peak), time(time_s)),
            number(connections),
        );
        connections
    }

    fn instances_by_connections(&mut self, connections: f64) -> Option<f64> {
        let limit = self.wish.connection_limit?;
        let instances = at_least_one(connections / (limit * self.usable));
        self.step(
            "instances by connections",
            "connections / (limit of an instance × (1 − head-room)), rounded up",
            format!(
                "{} / ({} × {})",
                number(connections),
                number(limit),
                self.room()
            ),
            whole(instances),
        );
        Some(instances)
    }

    fn memory_per_connection(&mut self) -> f64 {
        let AtSize {
            rss_before,
            rss_peak,
            connections,
            ..
        } = self.measured;
        let per_connection = (rss_peak - rss_before).max(0.0) / connections;
        self.step(
            "memory per connection",
            "(memory at its peak − before) / connections of the run: all growth is put down to them",
            format!(
                "({} − {}) / {}",
                octets_of(rss_peak),
                octets_of(rss_before),
                number(connections)
            ),
            octets_of(per_connection),
        );
        per_connection
    }

    fn instances_by_memory(&mut self, connections: f64, per_connection: f64) -> Option<f64> {
        let AtSize {
            rss_before,
            machine_memory,
            ..
        } = self.measured;
        let left = machine_memory * self.usable - rss_before;
        if left <= 0.0 {
            self.warn(
                "the memory of the machine is not known, or has no room for the server with this \
                 head-room"
                    .to_owned(),
            );
            return None;
        }
        let instances = at_least_one(connections * per_connection / left);
        self.step(
            "instances by memory",
            "connections × memory per connection / \
             (memory of the machine × (1 − head-room) − memory before), rounded up",
            format!(
                "{} × {} / ({} × {} − {})",
                number(connections),
                octets_of(per_connection),
                octets_of(machine_memory),
                self.room(),
                octets_of(rss_before)
            ),
            whole(instances),
        );
        Some(instances)
    }

    fn memory_per_instance(&mut self, connections: f64, per_connection: f64) -> f64 {
        let connections = connections.ceil();
        let AtSize {
            rss_before,
            connections: measured,
            ..
        } = self.measured;
        let memory = (rss_before + connections * per_connection) / self.usable;
        self.step(
            "memory of an instance",
            "(memory before + connections of it × memory per connection) / (1 − head-room)",
            format!(
                "({} + {} × {}) / {}",
                octets_of(rss_before),
                number(connections),
                octets_of(per_connection),
                self.room()
            ),
            octets_of(memory),
        );
        if connections > measured {
            self.warn(format!(
                "an instance has {} connections, and {} were measured: its memory is extrapolated",
                number(connections),
                number(measured)
            ));
        }
        memory
    }

    fn bits_per_second(&mut self, peak: f64) -> f64 {
        let size = self.wish.size;
        let bits = peak * (size + DIALOGUE_OCTETS) * FRAME_SHARE * 8.0;
        self.step(
            "bandwidth that arrives",
            "peak load × (size + 600 B of dialogue) × 1538 / 1448 (frames) × 8; not measured",
            format!(
                "{}/s × ({} + 600 B) × 1.062 × 8",
                number(peak),
                octets_of(size)
            ),
            format!("{} Mbit/s", number(bits / 1e6)),
        );
        bits
    }

    fn disk_per_day(&mut self) -> f64 {
        let Wish { load, size, .. } = self.wish;
        let disk = load * size * DAY_S;
        self.step(
            "messages on disk per day",
            "load × size × 86,400 s; indexes and logs come on top",
            format!("{}/s × {} × 86,400 s", number(load), octets_of(size)),
            octets_of(disk),
        );
        disk
    }

    fn room(&self) -> String {
        format!("(1 − {})", percent(self.wish.headroom))
    }

    fn warn(&mut self, warning: String) {
        self.measured.warnings.push(warning);
    }

    fn step(&mut self, what: &'static str, formula: &'static str, numbers: String, value: String) {
        self.steps.push(Step {
            what,
            formula,
            numbers,
            value,
        });
    }
}

fn at_least_one(instances: f64) -> f64 {
    instances.ceil().max(1.0)
}

/// The highest number, and the first that asks for it.
fn most<const N: usize>(candidates: [(Option<f64>, Bottleneck); N]) -> (f64, Bottleneck) {
    let mut highest = (0.0, Bottleneck::Rate);
    for (instances, bottleneck) in candidates {
        if let Some(instances) = instances.filter(|instances| *instances > highest.0) {
            highest = (instances, bottleneck);
        }
    }
    highest
}

fn whole(instances: f64) -> String {
    // Wishes and measured rates are bounded, so this is far below 2^53 and not below zero.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let instances = instances as u64;
    count(instances)
}

/// A time of a message: `0.200 ms`.
fn time(seconds: f64) -> String {
    format!("{} ms", number(seconds * 1000.0))
}
