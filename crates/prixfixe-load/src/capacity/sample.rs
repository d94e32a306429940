//! What one run says of one instance.

use crate::compare::is_scheduled;
use crate::result::{Measurement, ResultFile};
use crate::results::KeptResult;
use crate::results::notation;

/// What one run, or a part of one, says of one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The file, and the part.
    pub source: String,
    /// The mean size of its messages in octets.
    pub size: f64,
    /// Acknowledged messages per second of one instance.
    pub rate: f64,
    /// CPU seconds of the server for a message.
    pub cpu_s: f64,
    /// The mean time of a delivery in seconds.
    pub time_s: f64,
    /// Memory of one instance before the run, in octets.
    pub rss_before: f64,
    /// Memory of one instance at its peak, in octets.
    pub rss_peak: f64,
    /// Connections of one instance.
    pub connections: f64,
    /// How many instances shared the machine.
    pub instances: f64,
    /// Processors of the machine.
    pub processors: f64,
    /// Memory of the machine in octets.
    pub machine_memory: f64,
    /// The machine, in a word.
    pub machine: String,
    /// Whether the rate was set by a schedule, so that the instance can do at least that.
    pub is_scheduled: bool,
    /// Whether the disk alone was too slow.
    pub disk_is_void: bool,
}

/// A result from which nothing can be reckoned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Refused {
    /// Which.
    pub file: String,
    /// Why.
    pub reason: String,
}

/// The samples of a result: its parts, or the whole where there are none.
pub fn samples(kept: &KeptResult) -> Result<Vec<Sample>, Refused> {
    let result = &kept.result;
    let refuse = |part: &str, reason: String| Refused {
        file: format!("{}{part}", kept.name()),
        reason,
    };
    if let Some(reason) = reason_against_whole(result) {
        return Err(refuse("", reason));
    }
    let sample = |part: &str, run: &Measurement| {
        reason_against(run).map_or(Ok(()), |reason| Err(refuse(part, reason)))?;
        // Checked just now.
        let server = run
            .server
            .as_ref()
            .ok_or_else(|| refuse(part, String::new()))?;
        let setting = |name: &str| run.settings.get(name);
        let instances = setting("targets")
            .and_then(|targets| targets.as_array())
            .map_or(1.0, |targets| targets.len().max(1) as f64);
        let workers = setting("workers").and_then(serde_json::Value::as_f64);
        let accepted = run.accepted as f64;
        Ok(Sample {
            source: format!("{}{part}", kept.name()),
            size: run.octets as f64 / accepted,
            rate: run.rate / instances,
            cpu_s: server.cpu_s / accepted,
            time_s: run.latency_ms.mean / 1000.0,
            rss_before: server.rss_before as f64 / instances,
            rss_peak: server.rss_peak as f64 / instances,
            connections: (workers.unwrap_or(1.0) / instances).max(1.0),
            instances,
            processors: result.machine.processors.max(1) as f64,
            machine_memory: result.machine.memory as f64,
            machine: format!(
                "{} × {}",
                result.machine.processors, result.machine.processor
            ),
            is_scheduled: is_scheduled(result),
            disk_is_void: result.disk_probe.is_some_and(|probe| probe.void),
        })
    };
    if result.parts.is_empty() {
        return Ok(vec![sample("", &result.whole)?]);
    }
    result
        .parts
        .iter()
        .map(|part| sample(&format!(", {}", part.name), &part.measured))
        .collect()
}

/// What the whole says counts for each of its parts: a verification is often of all of them.
fn reason_against_whole(result: &ResultFile) -> Option<String> {
    if !result.passed {
        return Some(format!("it did not pass ({})", result.faults.join("; ")));
    }
    reason_to_doubt(&result.whole)
}

fn reason_against(run: &Measurement) -> Option<String> {
    if let Some(reason) = reason_to_doubt(run) {
        return Some(reason);
    }
    if run.accepted == 0 || run.octets == 0 || run.rate <= 0.0 {
        return Some("no message was accepted".to_owned());
    }
    if run.server.as_ref().is_none_or(|server| server.cpu_s <= 0.0) {
        return Some("what the server took was not seen".to_owned());
    }
    None
}

fn reason_to_doubt(run: &Measurement) -> Option<String> {
    if !run.valid {
        let because = run.invalid_because.join("; ");
        return Some(format!("it is invalid ({because})"));
    }
    if run.failed > 0 {
        let failed = notation::count(run.failed);
        return Some(format!("{failed} messages failed"));
    }
    if run
        .verification
        .as_ref()
        .is_some_and(|account| !account.holds())
    {
        return Some("its verification does not hold".to_owned());
    }
    None
}

/// What is known of one instance at a size.
#[derive(Debug, Clone)]
pub(super) struct AtSize {
    pub(super) rate: f64,
    pub(super) cpu_s: f64,
    pub(super) time_s: f64,
    pub(super) rss_before: f64,
    pub(super) rss_peak: f64,
    pub(super) connections: f64,
    pub(super) processors: f64,
    pub(super) machine_memory: f64,
    pub(super) sources: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Sizes within a twentieth of each other are the same: headers differ a little.
const SAME_SIZE: f64 = 1.05;

/// Between two measured sizes, costs lie on a line. Above the largest they, and the memory that a
/// connection takes, grow in proportion to the size, and below the smallest they stay: both are dearer than what is to be expected.
pub(super) fn at_size(samples: &[Sample], size: f64) -> Option<AtSize> {
    let is_same = |sample: &&Sample| {
        let ratio = sample.size / size;
        ratio < SAME_SIZE && ratio > 1.0 / SAME_SIZE
    };
    if let Some(sample) = hardest(samples.iter().filter(is_same)) {
        return Some(blend(sample, sample, size));
    }
    let below = nearest(samples, |sample, size| sample.size < size, size);
    let above = nearest(samples, |sample, size| sample.size > size, size);
    match (below, above) {
        (Some(below), Some(above)) => Some(blend(below, above, size)),
        (Some(below), None) => {
            let mut known = blend(below, below, below.size);
            let factor = size / below.size;
            known.rate /= factor;
            known.cpu_s *= factor;
            known.time_s *= factor;
            known.rss_peak = known.rss_before + (known.rss_peak - known.rss_before) * factor;
            known.warnings.insert(0, beyond("larger", size, below));
            Some(known)
        }
        (None, Some(above)) => {
            let mut known = blend(above, above, above.size);
            known.warnings.insert(0, beyond("smaller", size, above));
            Some(known)
        }
        (None, None) => None,
    }
}

fn beyond(how: &str, size: f64, sample: &Sample) -> String {
    let rule = match how {
        "larger" => {
            "costs and memory of connections are taken to grow in proportion, which is more than to be expected"
        }
        _ => "costs and memory are taken to be the same, which is more than to be expected",
    };
    format!(
        "{} is {how} than any measured message ({} in {}): {rule}",
        notation::octets_of(size),
        notation::octets_of(sample.size),
        sample.source
    )
}

/// Of the size next to the wished one on a side, the run that pressed the server hardest.
fn nearest(samples: &[Sample], side: fn(&Sample, f64) -> bool, size: f64) -> Option<&Sample> {
    let distance = |sample: &Sample| (sample.size / size).ln().abs();
    let least = samples
        .iter()
        .filter(|sample| side(sample, size))
        .map(distance)
        .min_by(f64::total_cmp)?;
    hardest(
        samples
            .iter()
            .filter(|sample| side(sample, size) && distance(sample) < least + SAME_SIZE.ln()),
    )
}

fn hardest<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<&'a Sample> {
    samples.max_by(|one, other| one.rate.total_cmp(&other.rate))
}

fn blend(below: &Sample, above: &Sample, size: f64) -> AtSize {
    let span = above.size - below.size;
    let share = if span > 0.0 {
        (size - below.size) / span
    } else {
        0.0
    };
    let between = |one: f64, other: f64| one + (other - one) * share;
    let mut sources = vec![describe(below)];
    if above != below {
        sources.push(describe(above));
    }
    AtSize {
        rate: 1.0 / between(1.0 / below.rate, 1.0 / above.rate),
        cpu_s: between(below.cpu_s, above.cpu_s),
        time_s: between(below.time_s, above.time_s),
        rss_before: between(below.rss_before, above.rss_before),
        rss_peak: between(below.rss_peak, above.rss_peak),
        connections: between(below.connections, above.connections),
        processors: below.processors.min(above.processors),
        machine_memory: below.machine_memory.min(above.machine_memory),
        sources,
        warnings: doubts(below, above),
    }
}

fn describe(sample: &Sample) -> String {
    format!(
        "{}: {} messages/s of {} by an instance, {} ms CPU each, memory {} to {} at {} connections, on {}",
        sample.source,
        notation::number(sample.rate),
        notation::octets_of(sample.size),
        notation::number(sample.cpu_s * 1000.0),
        notation::octets_of(sample.rss_before),
        notation::octets_of(sample.rss_peak),
        notation::number(sample.connections),
        sample.machine
    )
}

fn doubts(below: &Sample, above: &Sample) -> Vec<String> {
    let mut doubts = Vec::new();
    for sample in [below, above] {
        if sample.is_scheduled {
            doubts.push(format!(
                "{}: the rate was set by a schedule, an instance can do that at least; a burst \
                 shows what it can do",
                sample.source
            ));
        }
        if sample.instances > 1.0 {
            doubts.push(format!(
                "{}: {} instances shared the machine, so one alone may do more; \
                 `prixfixe stress scale` measures that",
                sample.source,
                notation::number(sample.instances)
            ));
        }
        if sample.disk_is_void {
            doubts.push(format!(
                "{}: the disk alone was too slow beside it",
                sample.source
            ));
        }
    }
    doubts.dedup();
    if below.machine != above.machine {
        doubts.push(format!(
            "{} and {} were measured on different machines",
            below.source, above.source
        ));
    }
    doubts
}
