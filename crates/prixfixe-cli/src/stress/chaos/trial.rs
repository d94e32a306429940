//! One row: a server, a healthy load, the fault beside it, and what came of all that.

use std::fs;
use std::num::{NonZeroU16, NonZeroU32};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use prixfixe_load::failure::FailureKind;
use prixfixe_load::fault_proxy::{FaultProxy, Faults};
use prixfixe_load::plan::{Contents, Plan, Timeouts};
use prixfixe_load::plan::{MessageSize, SizeMix};
use prixfixe_load::resources::Usage;
use prixfixe_load::result::{Measurement, Verification};
use prixfixe_load::schedule::{Phase, Schedule, Timetable};
use prixfixe_load::verify::Account;
use tokio::runtime::{self, Runtime};

use super::crowd::Crowd;
use super::hostile;
use super::row::{Fault, Healthy, Row};
use super::shortage::{FullDisk, Limit};
use crate::stress::background_load::{BackgroundLoad, Ended};
use crate::stress::lab::{Lab, LabError, raise_descriptors};
use crate::stress::servers::{Server, ServerPlan};
use crate::stress::{probe, store_source, summary};

/// What came of a row.
pub(super) struct Outcome {
    /// What the faulty clients saw.
    pub(super) faulty: String,
    /// Whether the server is alive and how long it took to take mail after the fault; none where it
    /// does not.
    pub(super) recovered: Option<Duration>,
    /// The healthy load.
    pub(super) healthy: Ended,
    /// What arrived of both loads, where it is known.
    pub(super) verification: Option<Verification>,
    /// Private memory and descriptors, before and after, where they are known.
    pub(super) usage: Option<(Usage, Usage)>,
    /// Everything that was not to be, in words.
    pub(super) faults: Vec<String>,
    /// How each hostile input was answered.
    pub(super) inputs: Vec<Vec<String>>,
}

/// Messages per second of the healthy load.
const HEALTHY_RATE: f64 = 50.0;
const HEALTHY_WORKERS: usize = 8;
const FAULTY_WORKERS: usize = 16;
/// Before memory is looked at for the first time, everything that is made once has to be there.
const WARM_UP_MESSAGES: u64 = 300;
/// How much more private memory a server may have after a fault: what an allocator keeps for the
/// next time, and pages of the store's cache.
pub(super) const MOST_GROWTH_OCTETS: u64 = 16 << 20;
/// How many more descriptors: connections of the healthy load that end at their leisure.
const MOST_MORE_DESCRIPTORS: u64 = 4;
/// How long a server may take until it takes mail again, and until memory and descriptors are back.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(50);

/// Carries out a row for so long.
pub(super) fn run(
    lab: &Lab,
    row: &Row,
    lasts: Duration,
    target: Option<&str>,
) -> Result<Outcome, LabError> {
    let folder = lab.folder().join(row.name);
    let disk = match row.fault {
        Fault::Disk => Some(FullDisk::prepare(&folder)?),
        _ => None,
    };
    let mut server = match target {
        Some(_) => None,
        None => {
            let mut plan = ServerPlan::new(row.name, folder.clone(), row.settings);
            plan.sets.clone_from(&lab.terms().sets);
            if let Some(disk) = &disk {
                plan.sets.retain(|set| !set.starts_with(FullDisk::SETTING));
                plan.sets.push(disk.setting());
            }
            Some(Server::start(plan)?)
        }
    };
    let address = match (&server, target) {
        (Some(server), _) => server.address().to_owned(),
        (None, target) => target.unwrap_or_default().to_owned(),
    };
    let scene = Scene {
        lab,
        row,
        lasts,
        address,
        pid: server.as_ref().and_then(Server::pid),
        runtime: runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?,
    };
    let mut outcome = scene.play(disk.as_ref())?;
    if let Some(server) = &mut server {
        if !server.is_running() {
            outcome
                .faults
                .push("the server has ended by itself".to_owned());
        } else if let Err(error) = server.stop() {
            outcome.faults.push(error.to_string());
        }
        let log = fs::read_to_string(server.plan().log()).unwrap_or_default();
        if let Some(line) = log.lines().find(|line| line.contains("panicked at")) {
            outcome.faults.push(format!("the server logged: {line}"));
        }
        let verification = scene.verify(&server.plan().store())?;
        if !verification.holds() {
            outcome.faults.push(summary::of_verification(&verification));
        }
        outcome.verification = Some(verification);
    }
    drop(disk);
    if !lab.terms().keep {
        // It goes with the folder of the run at the latest.
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(outcome)
}

struct Scene<'a> {
    lab: &'a Lab,
    row: &'a Row,
    lasts: Duration,
    address: String,
    pid: Option<u32>,
    runtime: Runtime,
}

impl Scene<'_> {
    fn play(&self, disk: Option<&FullDisk>) -> Result<Outcome, LabError> {
        let mut faults = Vec::new();
        let warm_up = BackgroundLoad::start(self.plan(
            "warm-up",
            Schedule::Closed {
                messages: Some(WARM_UP_MESSAGES),
                lasts: None,
            },
        ))?;
        warm_up.finish()?;
        let untouched = self.usage();
        if let Fault::Memory(bodies) = self.row.fault {
            // An allocator may keep what large bodies took, for the next ones. So there are two such
            // crowds, and what is kept behind both is at most what one of them may take.
            let crowd = self.crowd(bodies, &hostile::LARGE_BODY)?;
            self.lab.interrupt().sleep(self.lasts);
            crowd.finish(&self.runtime);
            probe::deliver_until(&self.address, Instant::now() + PATIENCE)?;
            self.lab.interrupt().sleep(REST);
        }
        let before = match self.row.fault {
            Fault::Memory(_) => untouched,
            _ => self.usage(),
        };
        let steady = Schedule::Open(Timetable {
            phases: vec![Phase::even(HEALTHY_RATE, self.lasts + AFTER)],
            ..Timetable::default()
        });
        let healthy = BackgroundLoad::start(self.plan("healthy", steady))?;
        self.lab.interrupt().reaches(healthy.live());
        let (faulty, inputs) = self.suffer(disk, &mut faults)?;
        let over = Instant::now();
        let recovered = match probe::deliver_until(&self.address, over + PATIENCE) {
            Ok(taken) => Some(taken - over),
            Err(error) => {
                faults.push(format!(
                    "takes no mail {} s after the fault: {error}",
                    PATIENCE.as_secs()
                ));
                None
            }
        };
        let healthy = healthy.finish()?;
        self.judge_healthy(&healthy.figures, &mut faults);
        let usage = before.map(|before| (before, self.settled(before, &mut faults)));
        Ok(Outcome {
            faulty,
            recovered,
            healthy,
            verification: None,
            usage,
            faults,
            inputs,
        })
    }

    /// Lets the fault happen for as long as it lasts; says what the faulty clients saw, and how each
    /// hostile input was answered.
    fn suffer(
        &self,
        disk: Option<&FullDisk>,
        faults: &mut Vec<String>,
    ) -> Result<(String, Vec<Vec<String>>), LabError> {
        Ok(match &self.row.fault {
            Fault::Way(way) => (self.way(way)?, Vec::new()),
            Fault::Inputs(inputs) => {
                let crowd = Crowd::start(&self.runtime, &self.address, inputs.iter());
                crowd.finish_inputs(&self.runtime, self.lasts, faults)
            }
            Fault::Crowd(clients, hostile) => {
                let crowd = self.crowd(*clients, hostile)?;
                self.lab.interrupt().sleep(self.lasts);
                (crowd.finish(&self.runtime), Vec::new())
            }
            Fault::Descriptors(more) => {
                let limit = Limit::descriptors(self.pid, *more)?;
                let crowd = self.crowd(
                    2 * usize::try_from(*more).unwrap_or(usize::MAX),
                    &hostile::IDLE,
                )?;
                self.lab.interrupt().sleep(self.lasts);
                limit.lift()?;
                (crowd.finish(&self.runtime), Vec::new())
            }
            Fault::Memory(bodies) => {
                let limit = Limit::memory(self.pid, *bodies)?;
                let crowd = self.crowd(*bodies, &hostile::LARGE_BODY)?;
                self.lab.interrupt().sleep(self.lasts);
                let seen = crowd.finish(&self.runtime);
                limit.lift()?;
                (seen, Vec::new())
            }
            Fault::Disk => {
                let Some(disk) = disk else {
                    return Err(LabError::Misuse("there is no disk to fill".to_owned()));
                };
                (self.fill(disk, faults)?, Vec::new())
            }
        })
    }

    /// Fills the disk, goes on delivering, and makes room again.
    fn fill(&self, disk: &FullDisk, faults: &mut Vec<String>) -> Result<String, LabError> {
        disk.fill()?;
        let mut plan = self.faulty_plan(&self.address, "faulty");
        plan.schedule = Schedule::Closed {
            messages: None,
            lasts: Some(PATIENCE + self.lasts),
        };
        plan.contents = Contents::Made(SizeMix::only(MessageSize::LARGE));
        let load = BackgroundLoad::start(plan)?;
        // First the room that there is has to be taken.
        let deadline = Instant::now() + PATIENCE;
        while load.snapshot().failed == 0 && Instant::now() < deadline {
            if load.is_over() {
                break;
            }
            std::thread::sleep(LOOK);
        }
        self.lab.interrupt().sleep(self.lasts);
        let seen = outcomes(&load.stop()?.figures);
        if !seen.contains("452") {
            faults.push(format!("nobody was told 452: {seen}"));
        }
        disk.relieve()?;
        Ok(seen)
    }

    /// A load over a way that goes wrong.
    fn way(&self, faults: &Faults) -> Result<String, LabError> {
        let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let start = FaultProxy::start(listen, self.address.clone(), faults.clone());
        let proxy = self.runtime.block_on(start)?;
        let load = BackgroundLoad::start(self.faulty_plan(&proxy.address().to_string(), "faulty"))?;
        self.lab.interrupt().sleep(self.lasts);
        let seen = outcomes(&load.stop()?.figures);
        let cut = proxy.counts().cut;
        self.runtime.block_on(proxy.stop());
        Ok(match faults.cut {
            Some(_) => format!("{cut} connections cut: {seen}"),
            None => seen,
        })
    }

    fn crowd(&self, clients: usize, hostile: &'static hostile::Hostile) -> Result<Crowd, LabError> {
        raise_descriptors(clients + HEALTHY_WORKERS)?;
        let crowd = std::iter::repeat_n(hostile, clients);
        Ok(Crowd::start(&self.runtime, &self.address, crowd))
    }

    fn plan(&self, name: &str, schedule: Schedule) -> Plan {
        let mut plan = self.lab.terms().plan(schedule, HEALTHY_WORKERS);
        plan.targets = vec![self.address.clone()];
        plan.contents = Contents::Made(SizeMix::only(MessageSize::MEDIUM));
        plan.threads = Some(1);
        plan.ledger = Some(self.ledger(name));
        plan
    }

    /// Connections of one message each, with patience for nothing: they are many.
    fn faulty_plan(&self, target: &str, name: &str) -> Plan {
        let schedule = Schedule::Closed {
            messages: None,
            lasts: Some(self.lasts),
        };
        let mut plan = self.plan(name, schedule);
        plan.targets = vec![target.to_owned()];
        plan.workers = FAULTY_WORKERS;
        plan.per_connection = Some(NonZeroU32::MIN);
        plan.timeouts = Timeouts {
            connect: SHORT,
            banner: SHORT,
            tls: SHORT,
            command: SHORT,
            data_end: SHORT,
            grace: 2 * SHORT,
        };
        plan
    }

    fn ledger(&self, name: &str) -> PathBuf {
        self.lab.ledger_of(&format!("{}-{name}", self.row.name))
    }

    fn verify(&self, store: &std::path::Path) -> Result<Verification, LabError> {
        let ledgers: Vec<PathBuf> = ["warm-up", "healthy", "faulty"]
            .map(|name| self.ledger(name))
            .into_iter()
            .filter(|ledger| ledger.is_file())
            .collect();
        let failed =
            |error: &dyn std::error::Error| LabError::Io(std::io::Error::other(error.to_string()));
        let mut account =
            Account::open(&ledgers, NonZeroU16::MIN).map_err(|error| failed(&error))?;
        account.expect_nothing_else();
        store_source::take_down(store, &mut account).map_err(|error| failed(&error))?;
        account
            .settle("the store of the server")
            .map_err(|error| failed(&error))
    }

    fn judge_healthy(&self, healthy: &Measurement, faults: &mut Vec<String>) {
        let may = |kind| match self.row.healthy {
            Healthy::Served => false,
            Healthy::Deferred => matches!(
                kind,
                FailureKind::Transient(421 | 451 | 452)
                    | FailureKind::Timeout
                    | FailureKind::Closed
            ),
        };
        for error in healthy.errors.iter().filter(|error| !may(error.kind)) {
            faults.push(format!(
                "healthy clients: {} × {} at {}: {}",
                error.count,
                error.kind,
                error.stage.name(),
                error.example
            ));
        }
        if healthy.accepted == 0 {
            faults.push("no healthy client was served".to_owned());
        }
    }

    fn usage(&self) -> Option<Usage> {
        Usage::of(self.pid?).ok()
    }

    /// What the server takes once it is back at its level, or after a while if it is not.
    fn settled(&self, before: Usage, faults: &mut Vec<String>) -> Usage {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // One that has ended is told of elsewhere.
            let Some(now) = self.usage() else {
                return before;
            };
            let memory = now.private <= before.private + MOST_GROWTH_OCTETS;
            let descriptors = now.descriptors <= before.descriptors + MOST_MORE_DESCRIPTORS;
            if memory && descriptors {
                return now;
            }
            if Instant::now() > deadline || self.lab.interrupt().is_set() {
                if !memory {
                    faults.push(format!(
                        "private memory was {} KiB before and is {} KiB {} s after the fault",
                        before.private >> 10,
                        now.private >> 10,
                        PATIENCE.as_secs()
                    ));
                }
                if !descriptors {
                    faults.push(format!(
                        "{} descriptors before and {} after the fault",
                        before.descriptors, now.descriptors
                    ));
                }
                return now;
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// How long a server has to remove what a crowd left half-received.
const REST: Duration = Duration::from_secs(2);
/// How long the healthy load outlasts the fault.
const AFTER: Duration = Duration::from_millis(500);
/// How long a faulty client waits for anything.
const SHORT: Duration = Duration::from_secs(1);

/// What clients saw, in one line.
fn outcomes(figures: &Measurement) -> String {
    let mut seen = vec![format!("{} accepted", figures.accepted)];
    seen.extend(
        figures
            .errors
            .iter()
            .map(|error| format!("{} {} at {}", error.count, error.kind, error.stage.name())),
    );
    seen.join(", ")
}
