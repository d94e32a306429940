//! Interleaved rounds: in each, every row takes the receivers in turn, so that what the machine
//! does meanwhile strikes all alike.

use serde::Serialize;

use crate::certificate::{Certificate, KeyKind};
use crate::load::{Crew, LoadError, Workload};
use crate::plan::{Effort, MeasureError};
use crate::progress::Progress;
use crate::receiver::Receiver;
use crate::receivers::Kind;
use crate::transport::Security;

/// One row of one receiver over all rounds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Series {
    pub(crate) receiver: Kind,
    pub(crate) key: KeyKind,
    pub(crate) workload: Workload,
    /// One for each round; none at all from a receiver that does not resume session after session.
    pub(crate) samples: Vec<Sample>,
}

/// What a receiver did in one stretch, and what it cost it.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Sample {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    /// Of the receiver with all its processes.
    pub(crate) cpu_seconds: f64,
}

/// Measures all rows of all receivers.
pub(crate) fn measure(
    receivers: &mut [Receiver],
    key: KeyKind,
    certificate: &Certificate,
    rows: &[Workload],
    effort: &Effort,
) -> Result<Vec<Series>, MeasureError> {
    let mut all: Vec<Series> = Vec::new();
    for workload in rows {
        for receiver in receivers.iter().filter(|receiver| can(receiver, *workload)) {
            all.push(Series {
                receiver: receiver.kind,
                key,
                workload: *workload,
                samples: Vec::new(),
            });
        }
    }
    let rounds = effort.rounds as usize;
    let mut progress = Progress::of(rounds * all.len());
    for round in 0..rounds {
        for workload in rows {
            // Whoever comes first in one round comes last in the next.
            let count = receivers.len();
            for turn in 0..count {
                let receiver = &mut receivers[(turn + round) % count];
                let of_this = |series: &&mut Series| {
                    series.receiver == receiver.kind && series.workload == *workload
                };
                let Some(series) = all.iter_mut().find(of_this) else {
                    continue;
                };
                progress.step(&format!("{}, {key:?}, {workload:?}", receiver.kind));
                match stretch(receiver, certificate, *workload, effort) {
                    Ok(sample) => series.samples.push(sample),
                    Err(MeasureError::Load(_, LoadError::DoesNotResume)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(all)
}

fn can(receiver: &Receiver, workload: Workload) -> bool {
    workload.security != Security::Implicit || receiver.ports.implicit.is_some()
}

fn stretch(
    receiver: &mut Receiver,
    certificate: &Certificate,
    workload: Workload,
    effort: &Effort,
) -> Result<Sample, MeasureError> {
    let kind = receiver.kind;
    let failed = |error| MeasureError::Load(kind, error);
    let crew = Crew::ready(workload, &receiver.ports, &certificate.der, effort.sessions)
        .map_err(failed)?;
    receiver.settle()?;
    let before = receiver.processor_time();
    let done = crew.work(effort.stretch).map_err(failed)?;
    receiver.settle()?;
    let used = receiver.processor_time().saturating_sub(before);
    Ok(Sample {
        operations: done.operations,
        seconds: done.seconds,
        cpu_seconds: used.as_secs_f64(),
    })
}
