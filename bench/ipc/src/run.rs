//! One run: a server, its clients, a common start, and one line in the end.

use std::io;
use std::time::Duration;

use crate::child::{ChildError, ChildIndex, Children};
use crate::clock;
use crate::measure::{ClientReport, NoCalls, Row, ServerReport};
use crate::roles::{READY, REPORT};
use crate::setting::{Length, MOST_SECONDS, Setting, Unsupported};

/// Why a run has no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("`{peer}` {source}")]
    Unsupported {
        peer: String,
        #[source]
        source: Unsupported,
    },
    #[error("no folder for the run's sockets")]
    Folder(#[source] io::Error),
    #[error(transparent)]
    Child(#[from] ChildError),
    #[error("a process said `{0}`, which is not what it was asked for")]
    Line(String),
    #[error("a report could not be read")]
    Report(#[from] serde_json::Error),
    #[error("the server got {0} altered requests: this run counts for nothing")]
    Altered(u64),
    #[error(transparent)]
    NoCalls(#[from] NoCalls),
    #[error("what the peer left behind could not be removed")]
    CleanUp(#[source] io::Error),
}

/// Runs it whole; every process has ended when this returns.
pub(crate) fn run(mut setting: Setting, row: String) -> Result<Row, RunError> {
    setting
        .check(setting.peer.supports())
        .map_err(|source| RunError::Unsupported {
            peer: setting.peer.to_string(),
            source,
        })?;
    let folder = tempfile::Builder::new()
        .prefix("ipc-peers-")
        .tempdir()
        .map_err(RunError::Folder)?;
    folder.path().clone_into(&mut setting.folder);
    let outcome = run_children(&setting, row);
    let cleaned = setting.peer.clean_up(&setting.folder);
    let row = outcome?;
    cleaned.map_err(RunError::CleanUp)?;
    Ok(row)
}

fn run_children(setting: &Setting, row: String) -> Result<Row, RunError> {
    let mut children = Children::new()?;
    let server = children.start("the server".to_owned(), setting, &["serve"])?;
    expect_ready(&mut children, &[server])?;
    let clients = start_clients(&mut children, setting)?;
    expect_ready(&mut children, &clients)?;

    let start = clock::now().after(lead(clients.len()));
    let line = serde_json::to_string(&start)?;
    children.say(server, &line)?;
    for client in &clients {
        children.say(*client, &line)?;
    }
    let patience = match setting.length {
        Length::Lasting(duration) => duration + PATIENCE,
        Length::Calls(_) => Duration::from_secs(MOST_SECONDS) + PATIENCE,
    };
    let reports: Vec<ClientReport> = children
        .hear(&clients, patience)?
        .iter()
        .map(|line| serde_json::from_str(line))
        .collect::<Result<_, _>>()?;
    children.say(server, REPORT)?;
    let said = children.hear(&[server], PATIENCE)?.concat();
    let report: ServerReport = serde_json::from_str(&said)?;
    if report.altered_requests > 0 {
        return Err(RunError::Altered(report.altered_requests));
    }
    Ok(Row::new(setting, row, start, &report, &reports)?)
}

fn start_clients(
    children: &mut Children,
    setting: &Setting,
) -> Result<Vec<ChildIndex>, ChildError> {
    let processes = setting.processes().into_iter();
    processes
        .map(|numbers| {
            let name = match setting.layout {
                crate::setting::Layout::Processes => format!("client {}", numbers.start),
                crate::setting::Layout::Async => "the process of the clients".to_owned(),
            };
            let (from, to) = (numbers.start.to_string(), numbers.end.to_string());
            children.start(name, setting, &["clients", &from, &to])
        })
        .collect()
}

fn expect_ready(children: &mut Children, who: &[ChildIndex]) -> Result<(), RunError> {
    let lines = children.hear(who, PATIENCE)?;
    match lines.into_iter().find(|line| line != READY) {
        None => Ok(()),
        Some(line) => Err(RunError::Line(line)),
    }
}

fn lead(clients: usize) -> Duration {
    // More than fit are more than can be started.
    LEAD + LEAD_PER_CLIENT * u32::try_from(clients).unwrap_or(u32::MAX)
}

/// From the last word of the program to the start: time for every process to hear it and sleep.
const LEAD: Duration = Duration::from_millis(100);
/// For each client process besides: a thousand that wake up at once take half a second until they sleep again.
const LEAD_PER_CLIENT: Duration = Duration::from_millis(1);
/// For starting, connecting and warming up a thousand processes, and for reporting.
const PATIENCE: Duration = Duration::from_secs(120);
