//! What connected clients cost: memory, descriptors, and processor time while they idle.

use std::io;
use std::thread;
use std::time::Duration;

use super::cgroup::Group;
use super::holder::CALL;
use super::process::{self, Memory};
use super::roles::Task;
use super::run::{PATIENCE, RunError, Stage};
use super::setting::Load;
use super::verdict::Verdict;

/// How large a row is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    Full,
    /// A tenth, to see that it works.
    Quick,
}

impl Extent {
    fn of(self, full: u32) -> u32 {
        match self {
            Self::Full => full,
            Self::Quick => full / 10,
        }
    }
}

/// Clients that connect, with so many channels each.
fn load(clients: u32, channels: u32) -> Load {
    Load {
        clients,
        in_flight: channels,
        ..Load::ONE
    }
}

/// Private and shared memory of the server, and of both sides by a control group.
pub(super) fn memory(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let clients = extent.of(1_000);
    let mut stage = Stage::set(&load(clients, 1), Duration::ZERO)?;
    let server = stage.children.pid(stage.server);
    let group = Group::make();
    let before = match &group {
        Ok(group) => group.take(server).and_then(|()| group.used()),
        Err(error) => Err(io::Error::from(error.kind())),
    };
    let holders = stage.add_clients_in(Task::Hold, |pid| match &group {
        Ok(group) => group.take(pid),
        Err(_) => Ok(()),
    })?;
    let look = || process::memory(server).map_err(RunError::Process);
    let idle = look()?;
    let charged = group.as_ref().ok().and_then(|group| group.used().ok());
    for holder in &holders {
        stage.children.say(*holder, CALL)?;
    }
    stage.children.hear(&holders, PATIENCE)?;
    let busy = look()?;
    let shared = |memory: Memory| mebibytes((memory.shared + memory.page_tables) * 1024);
    let most = |what: &str, measured, most| Verdict::at_most(row, what, Some(measured), Some(most));
    let mut verdicts = vec![
        Verdict::reported(row, "clients", clients.to_string()),
        most("idle: RssAnon MB", mebibytes(idle.anonymous * 1024), 2.0),
        most("idle: RssShmem + VmPTE MB", shared(idle), 16.0),
        most(
            "after calls: RssAnon MB",
            mebibytes(busy.anonymous * 1024),
            3.0,
        ),
        Verdict::reported(
            row,
            "after calls: RssShmem + VmPTE MB",
            format!("{:.1}", shared(busy)),
        ),
    ];
    verdicts.push(match (before, charged) {
        (Ok(before), Some(charged)) => {
            let growth = mebibytes(charged.saturating_sub(before));
            most("control group, both sides: growth MB", growth, 40.0)
        }
        (Err(error), _) => {
            Verdict::reported(row, "control group", format!("none can be made: {error}"))
        }
        (Ok(_), None) => Verdict::reported(row, "control group", "cannot be read"),
    });
    drop(stage);
    Ok(verdicts)
}

/// Descriptors of the server for many channels and for many clients.
pub(super) fn descriptors(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let mut verdicts = Vec::new();
    for (clients, channels) in [(100, 100), (9_000, 1)] {
        let (clients, channels) = (extent.of(clients), channels);
        let mut stage = Stage::set(&load(clients, channels), Duration::ZERO)?;
        let server = stage.children.pid(stage.server);
        let alone = process::descriptors(server).map_err(RunError::Process)?;
        stage.add_clients(Task::Hold)?;
        let with_clients = process::descriptors(server).map_err(RunError::Process)?;
        // One for each client process and one for the trust domain, whose hints take another.
        let formula = alone + u64::from(clients) + 2;
        let what = format!("server, {clients} clients × {channels} channels (at most 1 each + 2)");
        verdicts.push(Verdict::at_most(
            row,
            &what,
            Some(float(with_clients)),
            Some(float(formula)),
        ));
        verdicts.push(Verdict::at_most(
            row,
            "of `ulimit -n`",
            Some(float(with_clients)),
            Some(20_000.0),
        ));
    }
    Ok(verdicts)
}

/// What idle clients and their server do while nobody calls.
pub(super) fn idle(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let clients = extent.of(1_000);
    let watched = match extent {
        Extent::Full => Duration::from_secs(60),
        Extent::Quick => Duration::from_secs(10),
    };
    let mut stage = Stage::set(&load(clients, 1), Duration::ZERO)?;
    let holders = stage.add_clients(Task::Hold)?;
    // Who has just connected may still look for work before it sleeps.
    thread::sleep(SETTLING);
    let all = [vec![stage.server], holders].concat();
    let pids: Vec<u32> = all.iter().map(|child| stage.children.pid(*child)).collect();
    let look = || -> io::Result<Vec<_>> { pids.iter().map(|pid| process::work(*pid)).collect() };
    let before = look().map_err(RunError::Process)?;
    thread::sleep(watched);
    let after = look().map_err(RunError::Process)?;
    let done: Vec<_> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| after.since(*before))
        .collect();
    let cpu_ns: u64 = done.iter().map(|work| work.cpu_ns).sum();
    let switches: u64 = done.iter().map(|work| work.context_switches).sum();
    let what = |what: &str| format!("{what}, {clients} clients and server, {watched:?}");
    Ok(vec![
        Verdict::at_most(
            row,
            &what("context switches"),
            Some(float(switches)),
            Some(0.0),
        ),
        Verdict::at_most(
            row,
            &what("processor time ms"),
            Some(float(cpu_ns) / 1e6),
            Some(0.0),
        ),
    ])
}

const SETTLING: Duration = Duration::from_millis(500);

fn mebibytes(bytes: u64) -> f64 {
    float(bytes) / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn float(count: u64) -> f64 {
    count as f64
}
