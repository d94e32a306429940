//! A server and its clients, each a process of its own, from the outside.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use prixfixe_ipc::{ClientKind, ClientRow, Snapshot, Statistics};

use super::callers::Report;
use super::interrupt::remove_when_stopped;
use super::journal::Journal;
use super::progress::Progress;
use super::server::JOURNAL;
use super::setting::{CallerSetting, ServerSetting, address};
use crate::ipc::children::{ChildError, ChildIndex, Children, lead};
use crate::ipc::clock::{self, Nanos};
use crate::ipc::in_words;
use crate::ipc::parent::READY;

/// Why a level came to no end.
#[derive(Debug, thiserror::Error)]
pub(super) enum StageError {
    #[error("no folder for the socket")]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("a process said `{0}`, which is not what it was asked for")]
    Line(String),
    #[error("a line could not be understood")]
    Json(#[from] serde_json::Error),
    #[error("the server keeps clients that have gone")]
    Lingering,
    #[error("a process or its files could not be looked at")]
    System(#[from] io::Error),
}

/// A server with whoever calls it.
pub(super) struct Stage {
    pub(super) children: Children,
    pub(super) server: ChildIndex,
    pub(super) setting: ServerSetting,
    statistics: Option<Statistics>,
    folder: tempfile::TempDir,
}

/// A crowd of clients that is ready to begin.
pub(super) struct Crowd {
    pub(super) processes: Vec<ChildIndex>,
}

/// What a crowd did, and when it began.
pub(super) struct Performance {
    pub(super) start: Nanos,
    /// The same moment on the clock of this program.
    pub(super) began: Instant,
    pub(super) reports: Vec<Report>,
    pub(super) journal: Journal,
}

impl Stage {
    /// A server that listens, for clients with numbers up to `clients`.
    pub(super) fn set(clients: u32, has_file: bool) -> Result<Self, StageError> {
        let folder = tempfile::Builder::new()
            .prefix("prixfixe-stress-")
            .tempdir()
            .map_err(StageError::Folder)?;
        remove_when_stopped(folder.path().to_owned())?;
        let setting = ServerSetting {
            address: folder.path().join("socket").to_string_lossy().into_owned(),
            clients,
            journal: has_file.then(|| folder.path().join("journal")),
        };
        let mut children = Children::new();
        let (server, _) = start_server(&mut children, &setting)?;
        Ok(Self {
            children,
            server,
            setting,
            statistics: None,
            folder,
        })
    }

    /// The folder of the socket, for files that go with it.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where servers that get killed keep their journal.
    pub(super) fn journal_file(&self) -> Option<PathBuf> {
        self.setting.journal.clone()
    }

    pub(super) fn server_pid(&self) -> u32 {
        self.children.pid(self.server)
    }

    /// Another server in place of one that ended, and since when it listens.
    pub(super) fn replace_server(&mut self) -> Result<Nanos, StageError> {
        self.statistics = None;
        let (server, listening) = start_server(&mut self.children, &self.setting)?;
        self.server = server;
        Ok(listening)
    }

    /// Processes of `per_process` clients each, with these numbers.
    pub(super) fn gather(
        &mut self,
        setting: &CallerSetting,
        numbers: Range<u32>,
        per_process: u32,
    ) -> Result<Crowd, StageError> {
        let json = serde_json::to_string(setting)?;
        let mut processes = Vec::new();
        for from in numbers.clone().step_by(per_process.max(1) as usize) {
            let to = numbers.end.min(from.saturating_add(per_process.max(1)));
            let name = format!("client {from}");
            let (from, to) = (from.to_string(), to.to_string());
            let words = ["stress-callers", &from, &to, &json];
            processes.push(self.children.start(&name, &words)?);
        }
        self.expect_ready(&processes)?;
        Ok(Crowd { processes })
    }

    /// Waits until each of `processes` has said that it is ready.
    pub(super) fn expect_ready(&mut self, processes: &[ChildIndex]) -> Result<(), StageError> {
        let lines = self.children.hear(processes, PATIENCE)?;
        match lines.into_iter().find(|line| line != READY) {
            None => Ok(()),
            Some(line) => Err(StageError::Line(line)),
        }
    }

    /// Names the moment at which all begin.
    pub(super) fn start(&mut self, crowd: &Crowd) -> Result<(Nanos, Instant), StageError> {
        let lead = lead(crowd.processes.len());
        let (start, began) = (clock::now().after(lead), Instant::now() + lead);
        let line = serde_json::to_string(&start)?;
        for process in &crowd.processes {
            self.children.say(*process, &line)?;
        }
        Ok((start, began))
    }

    /// Starts a crowd and waits until all of its calls are made.
    pub(super) fn perform(
        &mut self,
        crowd: &Crowd,
        progress: &mut Progress,
    ) -> Result<Performance, StageError> {
        self.perform_watched(crowd, progress, &mut || {})
    }

    /// The same, with `look` called a few times a second meanwhile.
    pub(super) fn perform_watched(
        &mut self,
        crowd: &Crowd,
        progress: &mut Progress,
        look: &mut dyn FnMut(),
    ) -> Result<Performance, StageError> {
        let (start, began) = self.start(crowd)?;
        let reports = self.reports(crowd, progress, look)?;
        let journal = self.journal()?;
        Ok(Performance {
            start,
            began,
            reports,
            journal,
        })
    }

    /// What the processes of a crowd have done, once all have.
    pub(super) fn reports(
        &mut self,
        crowd: &Crowd,
        progress: &mut Progress,
        look: &mut dyn FnMut(),
    ) -> Result<Vec<Report>, StageError> {
        let statistics = self.statistics();
        let first = statistics.as_ref().and_then(calls).unwrap_or(0);
        let mut before = 0;
        let lines = self
            .children
            .hear_beside(&crowd.processes, PATIENCE, &mut || {
                let now = statistics.as_ref().and_then(calls).unwrap_or(0);
                progress.show(now.saturating_sub(first));
                look();
                now > std::mem::replace(&mut before, now)
            });
        self.statistics = statistics;
        let mut reports = Vec::with_capacity(crowd.processes.len());
        for line in lines? {
            reports.push(serde_json::from_str(&line)?);
        }
        Ok(reports)
    }

    /// What the server has executed since it was last asked.
    pub(super) fn journal(&mut self) -> Result<Journal, StageError> {
        self.children.say(self.server, JOURNAL)?;
        let said = self.children.hear(&[self.server], PATIENCE)?.concat();
        Ok(serde_json::from_str(&said)?)
    }

    /// Lets a crowd go, and waits until all of its processes have ended.
    pub(super) fn dismiss(&mut self, crowd: Crowd) -> Result<(), StageError> {
        for process in crowd.processes {
            self.children.dismiss(process)?;
        }
        Ok(())
    }

    /// Waits until the server has seen that all of its clients are gone.
    pub(super) fn await_nobody(&mut self) -> Result<(), StageError> {
        let deadline = Instant::now() + PATIENCE;
        // Those that look at it are no clients.
        let calls = |client: &ClientRow| client.kind != ClientKind::Observer;
        while Instant::now() < deadline {
            match self.snapshot() {
                Some(snapshot) if !snapshot.clients.iter().any(calls) => return Ok(()),
                _ => std::thread::sleep(LOOK),
            }
        }
        Err(StageError::Lingering)
    }

    /// A look at the server's own figures, where that is possible at the moment.
    pub(super) fn snapshot(&mut self) -> Option<Snapshot> {
        self.statistics = self.statistics();
        self.statistics.as_ref()?.snapshot()
    }

    fn statistics(&mut self) -> Option<Statistics> {
        self.statistics.take().or_else(|| {
            let address = address(&self.setting.address).ok()?;
            Statistics::observe(&address).ok()
        })
    }
}

fn calls(statistics: &Statistics) -> Option<u64> {
    Some(statistics.snapshot()?.server.calls)
}

fn start_server(
    children: &mut Children,
    setting: &ServerSetting,
) -> Result<(ChildIndex, Nanos), StageError> {
    let json = serde_json::to_string(setting)?;
    let server = children.start("the server", &["stress-server", &json])?;
    let said = children.hear(&[server], PATIENCE)?.concat();
    Ok((server, serde_json::from_str(&said)?))
}

impl From<StageError> for io::Error {
    fn from(error: StageError) -> Self {
        in_words(&error)
    }
}

/// Between two looks at a server that should be left alone.
const LOOK: Duration = Duration::from_millis(5);
/// For starting and connecting a thousand processes, and for a run in which nothing moves any more.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);
