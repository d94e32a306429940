//! What the kernel knows of processes of this machine, from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::time::Duration;

/// A process, told from a later one with the same number by when it started.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started, in the kernel's ticks since the machine did.
    pub started: u64,
}

impl ProcessId {
    /// The process that has this number now.
    pub fn of(pid: u32) -> io::Result<Self> {
        let started = Stat::read(pid)?.started;
        Ok(Self { pid, started })
    }

    /// Whether it still runs; one that has ended and was not waited for does not.
    pub fn is_alive(self) -> bool {
        Stat::read(self.pid).is_ok_and(|stat| stat.started == self.started && !stat.is_over)
    }
}

/// What a process takes, and has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Its processor time, that of its ended children that it has waited for included.
    pub cpu: Duration,
    /// Its resident memory in octets.
    pub rss: u64,
    /// The part of that which is no file's and nobody else's, in octets.
    pub private: u64,
    /// Its open descriptors; 0 where they may not be counted.
    pub descriptors: u64,
}

impl Usage {
    /// Of one process.
    pub fn of(pid: u32) -> io::Result<Self> {
        Self::read(pid).map(|(_, usage)| usage)
    }

    fn read(pid: u32) -> io::Result<(ProcessId, Self)> {
        let stat = Stat::read(pid)?;
        let process = ProcessId {
            pid,
            started: stat.started,
        };
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        // Of another user's process they cannot be seen, and all else can.
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        let usage = Self {
            cpu: stat.cpu,
            rss: kibibytes(&status, "VmRSS:") << 10,
            private: kibibytes(&status, "RssAnon:") << 10,
            descriptors: descriptors as u64,
        };
        Ok((process, usage))
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            cpu: self.cpu + other.cpu,
            rss: self.rss + other.rss,
            private: self.private + other.private,
            descriptors: self.descriptors + other.descriptors,
        }
    }
}

/// A process and all that descend from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Family {
    root: ProcessId,
    members: BTreeMap<ProcessId, Usage>,
}

impl Family {
    /// Those of these processes that still run. One that is named twice, or that descends from
    /// another, is counted once: with the eldest.
    pub(crate) fn of_all(processes: &[ProcessId]) -> Vec<Self> {
        let roots: BTreeSet<ProcessId> = processes.iter().copied().collect();
        let families: Vec<Self> = roots.into_iter().filter_map(Self::of).collect();
        let is_within = |root| {
            let mut others = families.iter().filter(|family| family.root != root);
            others.any(|family| family.members.contains_key(&root))
        };
        let eldest = families.iter().filter(|family| !is_within(family.root));
        eldest.cloned().collect()
    }

    /// `None` if the process has ended, even if its number is another's now.
    fn of(root: ProcessId) -> Option<Self> {
        let (process, usage) = Usage::read(root.pid).ok()?;
        if process != root {
            return None;
        }
        let mut members = BTreeMap::from([(root, usage)]);
        let mut unseen = children(root.pid);
        while let Some(child) = unseen.pop() {
            if members.len() == Self::MOST_PROCESSES {
                break;
            }
            // It may have ended since.
            let Ok((process, usage)) = Usage::read(child) else {
                continue;
            };
            members.insert(process, usage);
            unseen.extend(children(child));
        }
        Some(Self { root, members })
    }

    /// The process that the others descend from.
    pub(crate) fn root(&self) -> ProcessId {
        self.root
    }

    /// How many they are.
    pub(crate) fn processes(&self) -> usize {
        self.members.len()
    }

    /// What they take together.
    pub(crate) fn usage(&self) -> Usage {
        let members = self.members.values();
        members.fold(Usage::default(), |sum, usage| sum.with(*usage))
    }

    /// Processes of a family that are looked at: a server with more is measured in part.
    pub(crate) const MOST_PROCESSES: usize = 4096;
}

fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let listed = tasks.filter_map(|task| {
        let list = task.ok()?.path().join("children");
        fs::read_to_string(list).ok()
    });
    listed
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<u32>>()
        })
        .collect()
}

/// What of `/proc/PID/stat` is of use.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu: Duration,
    started: u64,
    is_over: bool,
}

impl Stat {
    fn read(pid: u32) -> io::Result<Self> {
        let line = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&line).ok_or_else(|| io::Error::other("a line of /proc that says nothing"))
    }

    fn parse(line: &str) -> Option<Self> {
        // The name of the program stands in parentheses and may hold anything, these included.
        let (_, fields) = line.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        // User and system time, and the same of children that were waited for.
        let ticks: u64 = [11, 12, 13, 14].into_iter().filter_map(number).sum();
        Some(Self {
            cpu: Duration::from_secs_f64(ticks as f64 / ticks_per_second() as f64),
            started: number(19)?,
            is_over: matches!(*fields.first()?, "Z" | "X"),
        })
    }
}

fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second().max(1)
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn this_process_takes_something_and_is_alive() {
        let pid = std::process::id();
        let usage = Usage::of(pid).unwrap();
        assert!(usage.rss > 0 && usage.private > 0 && usage.descriptors >= 3);
        assert!(ProcessId::of(pid).unwrap().is_alive());
    }

    #[test]
    fn a_number_that_is_anothers_now_is_not_the_process_that_had_it() {
        let now = ProcessId::of(std::process::id()).unwrap();
        let earlier = ProcessId {
            started: now.started - 1,
            ..now
        };
        assert!(!earlier.is_alive());
        assert_eq!(Family::of_all(&[earlier]), []);
    }

    #[test]
    fn a_child_belongs_to_the_family_until_it_ends() {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let alone = Usage::of(child.id()).unwrap();
        let id = ProcessId::of(child.id()).unwrap();
        let this = ProcessId::of(std::process::id()).unwrap();
        let families = Family::of_all(&[this]);
        assert!(families[0].members.contains_key(&id));
        assert!(families[0].processes() >= 2);
        assert!(families[0].usage().rss >= alone.rss);
        // Named twice, and with its child, in either order.
        for processes in [[this, this, id], [id, this, id]] {
            let families = Family::of_all(&processes);
            assert_eq!(families.len(), 1, "{families:?}");
            assert_eq!(families[0].root(), this);
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!id.is_alive());
        assert_eq!(Family::of_all(&[id]), []);
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 100 50 25 25 20 0 1 0 777 0";
        let stat = Stat::parse(&format!("42 (a) Z 1 (b) {rest}")).unwrap();
        assert_eq!(stat.started, 777);
        assert!(!stat.is_over);
        assert_eq!(
            stat.cpu,
            Duration::from_secs_f64(200.0 / ticks_per_second() as f64)
        );
        assert_eq!(Stat::parse("nothing"), None);
    }
}
