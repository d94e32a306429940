//! What a receiver with all its processes and threads has used, read from `/proc`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

/// The processor time, user and system, of a process and everything below it. A child that has
/// ended counts for the parent that has waited for it. Counted in ticks, usually of 10 ms.
pub(crate) fn processor_time(root: u32) -> Duration {
    let all = all_processes();
    let ticks: u64 = tree(root, &all).iter().map(|pid| all[pid].ticks).sum();
    Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / clock_ticks_per_second().max(1)))
}

/// What the process and everything below it hold for themselves, in octets: RssAnon + RssShmem.
pub(crate) fn private_memory(root: u32) -> u64 {
    let of_one = |pid: &u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        kibibytes(&status, "RssAnon:") + kibibytes(&status, "RssShmem:")
    };
    let kibibytes: u64 = tree(root, &all_processes()).iter().map(of_one).sum();
    kibibytes * 1024
}

struct Process {
    parent: u32,
    /// Its own and those of children it has waited for.
    ticks: u64,
}

/// The process and all below it, as far as they are alive.
fn tree(root: u32, all: &HashMap<u32, Process>) -> Vec<u32> {
    let mut found: Vec<u32> = all.keys().copied().filter(|pid| *pid == root).collect();
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(
            all.iter()
                .filter(|(_, process)| process.parent == pid)
                .map(|(child, _)| *child),
        );
        next += 1;
    }
    found
}

fn all_processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            // A process that has just ended has no line any more.
            let line = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, Process::of(&line)?))
        })
        .collect()
}

impl Process {
    /// Reads a line of `/proc/PID/stat`, proc(5).
    fn of(line: &str) -> Option<Self> {
        // The name in brackets may hold anything; behind it the fields count from the third.
        let (_, rest) = line.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // utime, stime, cutime, cstime.
        let ticks = fields.get(11..15)?.iter();
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks.filter_map(|field| field.parse::<u64>().ok()).sum(),
        })
    }
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_skipped() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194304 1 2 3 4 100 20 3 4 20 0 1 0 5 6 7";
        let process = Process::of(line).unwrap();
        assert_eq!((process.parent, process.ticks), (3, 127));
        assert!(Process::of("7 (short) S 3").is_none());
    }

    #[test]
    fn a_tree_is_what_descends_from_its_root() {
        let process = |parent| Process { parent, ticks: 1 };
        let all = HashMap::from([
            (1, process(0)),
            (2, process(1)),
            (3, process(2)),
            (4, process(1)),
        ]);
        let mut found = tree(2, &all);
        found.sort_unstable();
        assert_eq!(found, [2, 3]);
        assert!(tree(9, &all).is_empty());
    }

    #[test]
    fn this_process_holds_memory() {
        assert!(private_memory(std::process::id()) > 0);
        assert_eq!(kibibytes("RssAnon:\t  12 kB\n", "RssAnon:"), 12);
    }
}
