//! What connected clients cost: memory, descriptors, and processor time while they idle.

use std::io;
use std::thread;
use std::time::Duration;

use super::cgroup::Group;
use super::holder::CALL;
use super::process::{self, Memory};
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
    let holders = stage.add_holders(clients, |pid| match &group {
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

/// What a server needs for many channels of some processes, and of many processes with one each: its
/// descriptors, and its memory.
pub(super) fn descriptors(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let mut verdicts = Vec::new();
    for (processes, channels) in [(100, 100), (9_000, 1)] {
        let processes = extent.of(processes);
        verdicts.extend(connected(row, processes, channels)?);
    }
    Ok(verdicts)
}

/// A server before so many processes, with so many channels each, every one of which makes a call.
fn connected(row: &str, processes: u32, channels: u32) -> Result<Vec<Verdict>, RunError> {
    let mut stage = Stage::set(&load(processes, channels), Duration::ZERO)?;
    let server = stage.children.pid(stage.server);
    let group = Group::make().and_then(|group| group.take(server).map(|()| group));
    let charged = || group.as_ref().ok().and_then(|group| group.used().ok());
    let before = charged();
    let alone = process::descriptors(server).map_err(RunError::Process)?;
    let holders = stage.add_holders(1, |_| Ok(()))?;
    let with_clients = process::descriptors(server).map_err(RunError::Process)?;
    let idle = process::memory(server).map_err(RunError::Process)?;
    let growth = before.zip(charged());
    for holder in &holders {
        stage.children.say(*holder, CALL)?;
    }
    stage.children.hear(&holders, PATIENCE)?;
    let called = process::memory(server).map_err(RunError::Process)?;
    let who = format!("{processes} processes × {channels} channels");
    let figures = |memory: Memory| {
        [memory.anonymous, memory.shared, memory.page_tables]
            .map(|kib| format!("{:.1}", mebibytes(kib * 1024)))
            .join(", ")
    };
    // One for each client process and one for the trust domain, whose hints take another.
    let formula = alone + u64::from(processes) + 2;
    let growth = match growth {
        Some((before, after)) => format!("{:.1}", mebibytes(after.saturating_sub(before))),
        None => "no group can be made or read".to_owned(),
    };
    let at_most = |what: &str, most| {
        let what = format!("{who}: descriptors of the server, {what}");
        Verdict::at_most(row, &what, Some(float(with_clients)), Some(most))
    };
    let reported = |what: &str, measured| {
        let what = format!("{who}: {what}");
        Verdict::reported(row, &what, measured)
    };
    Ok(vec![
        at_most("1 for each + 2", float(formula)),
        at_most("of `ulimit -n`", 20_000.0),
        reported("RssAnon, RssShmem, VmPTE MB, idle", figures(idle)),
        reported("the same after a call on each", figures(called)),
        reported("control group of the server: growth MB", growth),
    ])
}

/// What idle clients and their server do while nobody calls.
pub(super) fn idle(row: &str, extent: Extent) -> Result<Vec<Verdict>, RunError> {
    let clients = extent.of(1_000);
    let watched = match extent {
        Extent::Full => Duration::from_secs(60),
        Extent::Quick => Duration::from_secs(10),
    };
    let mut stage = Stage::set(&load(clients, 1), Duration::ZERO)?;
    let holders = stage.add_holders(clients, |_| Ok(()))?;
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
