//! One part of a scenario: a load, its progress, and what the servers took meanwhile.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use prixfixe_load::generator;
use prixfixe_load::generator::Live;
use prixfixe_load::plan::Plan;
use prixfixe_load::resources::{ResourceWatch, Resources};
use prixfixe_load::result::{Measurement, Part, Server as ServerUsage};

use super::{Lab, LabError, target_check};
use crate::stress::progress::Progress;

/// A part that was measured, for a scenario that looks closer.
pub(in crate::stress) struct Measured {
    /// The figures.
    pub(in crate::stress) figures: Measurement,
    /// What the servers took, look by look.
    pub(in crate::stress) resources: Resources,
}

impl Lab {
    /// Carries out a plan as a part of this name; who is not told where to sends to all servers.
    /// Failed messages are faults.
    pub(in crate::stress) fn measure(
        &mut self,
        name: &str,
        mut plan: Plan,
    ) -> Result<Measured, LabError> {
        if self.interrupt.is_set() {
            return Err(LabError::Stopped);
        }
        if plan.targets.is_empty() {
            plan.targets = self.targets();
        }
        raise_descriptors(plan.workers)?;
        for target in &plan.targets {
            if self.banners.iter().all(|(known, _)| known != target) {
                let banner = target_check::check(&plan, target)?;
                self.banners.push((target.clone(), banner));
            }
        }
        plan.ledger = self.next_ledger();
        let live = Arc::new(Live::new());
        self.interrupt.reaches(&live);
        let mut progress = Progress::of(name, &plan.schedule);
        let watch = ResourceWatch::start(self.pids());
        let (done, is_done) = mpsc::channel();
        let recording = thread::scope(|scope| {
            let run = scope.spawn(|| {
                let recording = generator::run(&plan, &live);
                // Who waits for it is there until then.
                let _ = done.send(());
                recording
            });
            while is_done.recv_timeout(SHOW) == Err(RecvTimeoutError::Timeout) {
                progress.show(&live.snapshot());
            }
            run.join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let resources = watch.finish();
        progress.finish();
        let recording = recording?;
        if let Some(ledger) = &plan.ledger {
            self.ledgers.push(ledger.clone());
        }
        let mut figures = recording.measurement(&plan);
        resources.write_into(&mut figures, recording.began());
        self.judge(name, &figures, &live);
        self.whole_server = joined(self.whole_server.take(), figures.server.clone());
        match &mut self.whole {
            Some(whole) => whole.append(&recording),
            None => self.whole = Some(recording),
        }
        self.parts.push(Part {
            name: name.to_owned(),
            measured: figures.clone(),
        });
        Ok(Measured { figures, resources })
    }

    fn judge(&mut self, name: &str, figures: &Measurement, live: &Live) {
        if figures.failed > 0 {
            let most = figures.errors.first().map_or_else(String::new, |error| {
                format!(
                    "; most often {} at {}: {}",
                    error.kind,
                    error.stage.name(),
                    error.example
                )
            });
            self.fault(format!(
                "{name}: {} of {} messages failed{most}",
                figures.failed, figures.sent
            ));
        }
        if live.is_stopped() {
            self.fault(format!("{name}: stopped by a signal before its end"));
        } else if let Some(why) = &figures.broken_off_by {
            self.fault(format!("{name}: {why}"));
        } else if figures.overdue > 0 {
            self.fault(format!(
                "{name}: {} messages were never begun, though they were due; take more --workers, or a lower rate",
                figures.overdue
            ));
        } else if figures.accepted == 0 && figures.failed == 0 {
            self.fault(format!("{name}: no message was sent"));
        }
        let mut gone = Vec::new();
        for server in &mut self.servers {
            if !server.is_running() {
                gone.push(server.name().to_owned());
            }
        }
        for server in gone {
            self.fault(format!("{name}: {server} has ended by itself"));
        }
    }

    /// A file that says how each message was answered, if somebody wants to know.
    fn next_ledger(&self) -> Option<PathBuf> {
        let number = self.ledgers.len() + 1;
        match &self.terms.ledger {
            Some(file) if number == 1 => Some(file.clone()),
            Some(file) => {
                let mut name = file.as_os_str().to_owned();
                name.push(format!(".{number}"));
                Some(name.into())
            }
            None if self.verifies => Some(self.folder.path().join(format!("ledger-{number}"))),
            None => None,
        }
    }
}

/// How often progress is shown.
const SHOW: Duration = Duration::from_millis(100);

/// What servers took in two parts that ran one after the other.
fn joined(first: Option<ServerUsage>, second: Option<ServerUsage>) -> Option<ServerUsage> {
    let (Some(first), Some(second)) = (&first, &second) else {
        return first.or(second);
    };
    Some(ServerUsage {
        source: first.source.clone(),
        processes: first.processes.max(second.processes),
        cpu_s: first.cpu_s + second.cpu_s,
        // For the whole it is reckoned anew.
        cpu_s_per_1000: 0.0,
        rss_before: first.rss_before,
        rss_peak: first.rss_peak.max(second.rss_peak),
        rss_after: second.rss_after,
        descriptors_peak: first.descriptors_peak.max(second.descriptors_peak),
    })
}

/// Takes the descriptors that so many connections need.
pub(in crate::stress) fn raise_descriptors(connections: usize) -> Result<(), LabError> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let wanted = connections as u64 + BESIDE_CONNECTIONS;
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if let Some(most) = limit.maximum.filter(|most| *most < wanted) {
        return Err(LabError::Misuse(format!(
            "{connections} connections need {wanted} descriptors, and this process may have {most}; raise its limit (ulimit -Hn), or take fewer --workers"
        )));
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).map_err(std::io::Error::from)?;
    Ok(())
}

/// Descriptors for all else: files, runtimes, pipes, standard streams.
const BESIDE_CONNECTIONS: u64 = 128;
