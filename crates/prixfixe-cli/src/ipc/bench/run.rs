//! One run of ours: a server, its clients, a common start, and one line in the end.

use std::io;
use std::ops::Range;
use std::time::Duration;

use super::children::{ChildError, ChildIndex, Children, lead};
use super::clock;
use super::measure::{ClientReport, Line, NoCalls, ServerReport};
use super::roles::{READY, REPORT, Task};
use super::setting::{Load, Setting};

/// Why a run has no line.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("no folder for the run's socket")]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("a process said `{0}`, which is not what it was asked for")]
    Line(String),
    #[error("a line could not be understood")]
    Json(#[from] serde_json::Error),
    #[error("the server got {0} altered requests: this run counts for nothing")]
    Altered(u64),
    #[error(transparent)]
    NoCalls(#[from] NoCalls),
    #[error("a process could not be looked at or ended")]
    Process(#[source] io::Error),
}

/// A server with its clients, at rest.
pub(super) struct Stage {
    pub(super) children: Children,
    pub(super) server: ChildIndex,
    pub(super) setting: Setting,
    // Last, so that the socket goes when nobody uses it any more.
    _folder: tempfile::TempDir,
}

/// What a run of ours came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) line: Line,
    /// Replies that were there when a sleep timed out.
    pub(super) woke_late: u64,
}

/// Runs it whole; every process has ended when this returns.
pub(super) fn run(load: &Load, row: &str, duration: Duration) -> Result<Ran, RunError> {
    let mut stage = Stage::set(load, duration)?;
    let clients = stage.add_clients(Task::Call)?;
    let start = stage.start(&clients)?;
    let patience = duration + PATIENCE;
    let reports: Vec<ClientReport> = stage
        .children
        .hear(&clients, patience)?
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    let server = stage.report()?;
    if server.altered_requests > 0 {
        return Err(RunError::Altered(server.altered_requests));
    }
    Ok(Ran {
        line: Line::new(load, row, start, &server, &reports)?,
        woke_late: reports.iter().map(|report| report.woke_late).sum(),
    })
}

impl Stage {
    /// A server that listens.
    pub(super) fn set(load: &Load, duration: Duration) -> Result<Self, RunError> {
        let folder = tempfile::Builder::new()
            .prefix("prixfixe-bench-")
            .tempdir()
            .map_err(RunError::Folder)?;
        let address = folder.path().join("socket");
        let setting = Setting {
            address: address.to_string_lossy().into_owned(),
            load: *load,
            duration,
        };
        let mut children = Children::new();
        let (server, _) = start_server(&mut children, &setting)?;
        Ok(Self {
            children,
            server,
            setting,
            _folder: folder,
        })
    }

    /// Another server in place of one that was killed, and since when it listens.
    pub(super) fn replace_server(&mut self) -> Result<clock::Nanos, RunError> {
        let (server, listening) = start_server(&mut self.children, &self.setting)?;
        self.server = server;
        Ok(listening)
    }

    /// Its clients, connected and warm.
    pub(super) fn add_clients(&mut self, task: Task) -> Result<Vec<ChildIndex>, RunError> {
        let ranges = self.setting.load.processes();
        self.add_processes(task, ranges, |_| Ok(()))
    }

    /// Clients that connect and stay, `per_process` of them in each process, which is first shown to
    /// `started` by its id.
    pub(super) fn add_holders(
        &mut self,
        per_process: u32,
        started: impl Fn(u32) -> io::Result<()>,
    ) -> Result<Vec<ChildIndex>, RunError> {
        let clients = self.setting.load.clients;
        let step = per_process.max(1);
        let ranges = (0..clients).step_by(step as usize);
        let ranges = ranges.map(|from| from..clients.min(from.saturating_add(step)));
        self.add_processes(Task::Hold, ranges.collect(), started)
    }

    fn add_processes(
        &mut self,
        task: Task,
        ranges: Vec<Range<u32>>,
        started: impl Fn(u32) -> io::Result<()>,
    ) -> Result<Vec<ChildIndex>, RunError> {
        let json = serde_json::to_string(&self.setting)?;
        let mut clients = Vec::with_capacity(ranges.len());
        for numbers in ranges {
            let name = format!("client {}", numbers.start);
            let (from, to) = (numbers.start.to_string(), numbers.end.to_string());
            let words = ["bench-clients", task.word(), &from, &to, &json];
            let client = self.children.start(&name, &words)?;
            started(self.children.pid(client)).map_err(RunError::Process)?;
            clients.push(client);
        }
        self.expect_ready(&clients)?;
        Ok(clients)
    }

    /// Names the moment at which all begin.
    pub(super) fn start(&mut self, clients: &[ChildIndex]) -> Result<clock::Nanos, RunError> {
        let start = clock::now().after(lead(clients.len()));
        let line = serde_json::to_string(&start)?;
        self.children.say(self.server, &line)?;
        for client in clients {
            self.children.say(*client, &line)?;
        }
        Ok(start)
    }

    /// What the server has counted since the start.
    pub(super) fn report(&mut self) -> Result<ServerReport, RunError> {
        self.children.say(self.server, REPORT)?;
        let said = self.children.hear(&[self.server], PATIENCE)?.concat();
        Ok(serde_json::from_str(&said)?)
    }

    /// Waits until each of `children` has said that it is ready.
    pub(super) fn expect_ready(&mut self, children: &[ChildIndex]) -> Result<(), RunError> {
        let lines = self.children.hear(children, PATIENCE)?;
        match lines.into_iter().find(|line| line != READY) {
            None => Ok(()),
            Some(line) => Err(RunError::Line(line)),
        }
    }
}

fn start_server(
    children: &mut Children,
    setting: &Setting,
) -> Result<(ChildIndex, clock::Nanos), RunError> {
    let json = serde_json::to_string(setting)?;
    let server = children.start("the server", &["bench-server", &json])?;
    let said = children.hear(&[server], PATIENCE)?.concat();
    Ok((server, serde_json::from_str(&said)?))
}

/// For connecting and warming up thousands of processes, and for reporting.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
