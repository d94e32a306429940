//! A run or a scenario under way: its servers, its parts, what is found out on the way, and in the
//! end the result.

mod beside;
mod ending;
mod measuring;
mod target_check;

use std::io::{self, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use prixfixe_load::generator::PlanError;
use prixfixe_load::generator::Recording;
use prixfixe_load::plan::Plan;
use prixfixe_load::result::{DiskProbe, Part, Server as ServerUsage, Table};

use super::disk_probe::DiskLoop;
use super::interrupt::Interrupt;
use super::lab_folder::RunFolder;
use super::misused;
use super::servers::{Server, ServerError, ServerPlan};
use super::terms::{Place, Terms};
use crate::cli::Outcome;

pub(super) use measuring::raise_descriptors;

/// What a run or a scenario works with.
pub(super) struct Lab {
    name: String,
    terms: Terms,
    interrupt: Interrupt,
    started_at: Timestamp,
    folder: RunFolder,
    servers: Vec<Server>,
    /// Servers that were started so far, those that were stopped since included.
    started: usize,
    /// Where mail of all servers is that were started.
    stores: Vec<PathBuf>,
    ledgers: Vec<PathBuf>,
    /// All parts as one.
    whole: Option<Recording>,
    whole_server: Option<ServerUsage>,
    parts: Vec<Part>,
    tables: Vec<Table>,
    faults: Vec<String>,
    notes: Vec<String>,
    /// What a greeting said, by target.
    banners: Vec<(String, String)>,
    disk: Option<DiskLoop>,
    disk_probe: Option<DiskProbe>,
    verifies: bool,
}

/// What keeps a scenario from going on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LabError {
    /// A server of the lab.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A load that cannot be.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A target that cannot be talked to.
    #[error(transparent)]
    Target(#[from] target_check::TargetError),
    /// This does not go with the flags.
    #[error("{0}")]
    Misuse(String),
    /// The system does not let us.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Somebody wants it to end.
    #[error("stopped by a signal before its end")]
    Stopped,
}

impl Lab {
    /// Does what `scenario` says, and writes the result. What keeps it from going on is a fault of
    /// the result, if anything was measured before.
    pub(super) fn conduct(
        name: &str,
        terms: Terms,
        scenario: impl FnOnce(&mut Self) -> Result<(), LabError>,
    ) -> io::Result<Outcome> {
        let interrupt = Interrupt::catch()?;
        Self::conduct_beside(name, terms, &interrupt, scenario)
    }

    /// The same for one scenario of several.
    pub(super) fn conduct_beside(
        name: &str,
        terms: Terms,
        interrupt: &Interrupt,
        scenario: impl FnOnce(&mut Self) -> Result<(), LabError>,
    ) -> io::Result<Outcome> {
        if cfg!(debug_assertions) {
            writeln!(
                io::stderr(),
                "this program was built without optimisation: the figures mean nothing"
            )?;
        }
        let folder = terms.lab.of_run()?;
        let mut lab = Self {
            name: name.to_owned(),
            interrupt: interrupt.clone(),
            started_at: Timestamp::now(),
            folder,
            servers: Vec::new(),
            started: 0,
            stores: Vec::new(),
            ledgers: Vec::new(),
            whole: None,
            whole_server: None,
            parts: Vec::new(),
            tables: Vec::new(),
            faults: Vec::new(),
            notes: Vec::new(),
            banners: Vec::new(),
            disk: None,
            disk_probe: None,
            verifies: terms.verify != super::terms::Verify::Not,
            terms,
        };
        match scenario(&mut lab) {
            Ok(()) => {}
            Err(LabError::Misuse(text)) => return misused(name, &text),
            Err(LabError::Plan(error)) if lab.whole.is_none() => {
                return misused(name, &error.to_string());
            }
            Err(error) if !lab.has_something() => {
                return Err(io::Error::other(error.to_string()));
            }
            Err(error) => lab.fault(error.to_string()),
        }
        lab.end()
    }

    fn has_something(&self) -> bool {
        self.whole.is_some() || !self.tables.is_empty()
    }

    /// The terms that were set by flags.
    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What ends the scenario early: to be asked between its steps.
    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    /// The folder of this run, for files that go with it.
    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Whether the servers are the lab's own.
    pub(super) fn is_own(&self) -> bool {
        matches!(self.terms.place, Place::Own(_))
    }

    /// Stops what servers there are and starts so many, or as many as flags say, with these settings
    /// as the text of a file. With targets it only sees that they can be talked to.
    pub(super) fn start_servers(&mut self, count: u16, settings: &str) -> Result<(), LabError> {
        let Place::Own(wanted) = self.terms.place else {
            return Ok(());
        };
        self.stop_servers();
        for _ in 0..wanted.unwrap_or(count) {
            if self.interrupt.is_set() {
                return Err(LabError::Stopped);
            }
            self.started += 1;
            let name = format!("server {}", self.started);
            let folder = self.folder.path().join(self.started.to_string());
            let mut plan = ServerPlan::new(name, folder, settings);
            plan.sets.clone_from(&self.terms.sets);
            self.stores.push(plan.store());
            self.servers.push(Server::start(plan)?);
        }
        Ok(())
    }

    /// Stops the lab's servers in good order. One that does not, or that has complained, is a fault.
    pub(super) fn stop_servers(&mut self) {
        for mut server in std::mem::take(&mut self.servers) {
            if let Err(error) = server.stop() {
                self.fault(error.to_string());
            }
            if let Some(complaint) = ending::complaint(&server.plan().log()) {
                self.fault(format!("{} logged: {complaint}", server.name()));
            }
        }
    }

    /// The lab's own servers that run.
    pub(super) fn servers(&mut self) -> &mut [Server] {
        &mut self.servers
    }

    /// Where mail goes: the first address of each server, or the targets.
    pub(super) fn targets(&self) -> Vec<String> {
        match &self.terms.place {
            Place::Own(_) => self
                .servers
                .iter()
                .map(|server| server.address().to_owned())
                .collect(),
            Place::Targets { targets, .. } => targets.clone(),
        }
    }

    /// Why a target would not take mail on the terms of a plan; `None` if all of them would.
    pub(super) fn refusal(&self, plan: &Plan) -> Result<Option<String>, LabError> {
        for target in self.targets() {
            if let Some(said) = target_check::refusal(plan, &target)? {
                return Ok(Some(format!("{target}: {said}")));
            }
        }
        Ok(None)
    }

    /// The processes of the servers, as far as they are known.
    pub(super) fn pids(&self) -> Vec<u32> {
        match &self.terms.place {
            Place::Own(_) => self.servers.iter().filter_map(Server::pid).collect(),
            Place::Targets { pids, .. } => pids.clone(),
        }
    }

    /// Something did not go as the scenario wants it.
    pub(super) fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    /// Something that whoever reads the figures should know.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// A table of this scenario alone.
    pub(super) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// What was measured so far.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Does not compare what arrived, unless somebody asked for it: for loads of hours.
    pub(super) fn verifies_only_if_wanted(&mut self) {
        if let super::terms::Verify::OwnStores { wanted } = self.terms.verify {
            self.verifies = wanted;
        }
    }

    /// Probes the disk of the servers until the end.
    pub(super) fn probe_disk(&mut self) -> Result<(), LabError> {
        if self.is_own() {
            self.disk = Some(DiskLoop::start(self.folder.path())?);
        }
        Ok(())
    }

    /// Ends the probe, so that what comes next can be judged by it.
    pub(super) fn end_disk_probe(&mut self) {
        if let Some(disk) = self.disk.take() {
            self.disk_probe = Some(disk.finish());
        }
    }

    /// Whether the disk was too slow to judge latencies by.
    pub(super) fn disk_is_slow(&self) -> bool {
        self.disk_probe.is_some_and(|probe| probe.void)
    }
}
