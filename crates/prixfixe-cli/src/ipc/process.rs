//! What the kernel knows of a process.

use std::fs;
use std::io;
use std::path::Path;

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    /// Its own.
    pub(super) anonymous: u64,
    /// What it shares with others, as far as it has touched it.
    pub(super) shared: u64,
    /// Tables that say where pages are.
    pub(super) page_tables: u64,
}

/// Where a process stands with what it can leak, beside memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holdings {
    pub(super) descriptors: u64,
    /// Ranges of memory in its map.
    pub(super) mappings: u64,
}

/// What a process has done until now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Work {
    pub(super) cpu_ns: u64,
    pub(super) context_switches: u64,
}

/// From `/proc/PID/status`.
pub(super) fn memory(pid: u32) -> io::Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Memory {
        anonymous: field(&status, "RssAnon:"),
        shared: field(&status, "RssShmem:"),
        page_tables: field(&status, "VmPTE:"),
    })
}

/// Its share of what it has touched, in KiB: what it shares is divided by how many share it.
pub(super) fn proportional(pid: u32) -> io::Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(field(&rollup, "Pss:"))
}

/// What it holds at the moment.
pub(super) fn holdings(pid: u32) -> io::Result<Holdings> {
    Ok(Holdings {
        descriptors: descriptors(pid)?,
        mappings: fs::read_to_string(format!("/proc/{pid}/maps"))?
            .lines()
            .count() as u64,
    })
}

/// How long this thread could have run and was not let, in nanoseconds.
pub(super) fn starved_ns() -> io::Result<u64> {
    let schedule = fs::read_to_string("/proc/thread-self/schedstat")?;
    let waited = schedule.split_whitespace().nth(1);
    Ok(waited.and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

/// Of all threads that live. One that ends while this looks is passed over.
pub(super) fn work(pid: u32) -> io::Result<Work> {
    let mut work = Work::default();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        match work_of_thread(&task?.path()) {
            Ok(of_thread) => {
                work.cpu_ns += of_thread.cpu_ns;
                work.context_switches += of_thread.context_switches;
            }
            Err(error) if has_ended(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(work)
}

fn work_of_thread(task: &Path) -> io::Result<Work> {
    let schedule = fs::read_to_string(task.join("schedstat"))?;
    let running = schedule.split_whitespace().next();
    let status = fs::read_to_string(task.join("status"))?;
    Ok(Work {
        cpu_ns: running.and_then(|ns| ns.parse().ok()).unwrap_or(0),
        context_switches: field(&status, "voluntary_ctxt_switches:")
            + field(&status, "nonvoluntary_ctxt_switches:"),
    })
}

/// Whether a file of `/proc` is gone, before or after it was opened, with the thread that it was about.
fn has_ended(error: &io::Error) -> bool {
    let ended = rustix::io::Errno::SRCH.raw_os_error();
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ended)
}

/// Descriptors that are open.
pub(super) fn descriptors(pid: u32) -> io::Result<u64> {
    Ok(fs::read_dir(format!("/proc/{pid}/fd"))?.count() as u64)
}

impl Work {
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(earlier.cpu_ns),
            context_switches: self
                .context_switches
                .saturating_sub(earlier.context_switches),
        }
    }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let status =
            "nonvoluntary_ctxt_switches:\t7\nvoluntary_ctxt_switches:\t5\nRssAnon:\t  12 kB\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), 5);
        assert_eq!(field(status, "RssAnon:"), 12);
        assert_eq!(field(status, "VmPTE:"), 0);
    }

    #[test]
    fn this_process_has_memory_descriptors_and_has_worked() {
        let pid = std::process::id();
        assert!(memory(pid).unwrap().anonymous > 0);
        assert!(descriptors(pid).unwrap() >= 3);
        // Threads come and go meanwhile.
        std::thread::scope(|scope| {
            let ends =
                scope.spawn(|| (0..200).for_each(|_| drop(std::thread::spawn(|| ()).join())));
            while !ends.is_finished() {
                work(pid).unwrap();
            }
        });
        assert!(proportional(pid).unwrap() > 0);
        assert!(holdings(pid).unwrap().mappings > 3);
        assert!(starved_ns().is_ok());
    }
}
