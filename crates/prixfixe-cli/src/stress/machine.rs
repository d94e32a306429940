//! The machine on which a result was made.

use std::fs;
use std::path::Path;
use std::thread;

use prixfixe_load::result::Machine;
use rustix::process::{Resource, getrlimit};

/// This one; with the file system of the servers' folder, where there is one.
pub(crate) fn this(servers: Option<&Path>) -> Machine {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Machine {
        processor: processor(&text("/proc/cpuinfo")),
        processors: thread::available_parallelism().map_or(1, std::num::NonZero::get),
        memory: memory(&text("/proc/meminfo")),
        kernel: kernel(text("/proc/sys/kernel/osrelease").trim()),
        descriptors: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
        file_system: servers.and_then(|path| file_system(&text("/proc/self/mountinfo"), path)),
    }
}

fn processor(cpuinfo: &str) -> String {
    let line = cpuinfo
        .lines()
        .find(|line| line.starts_with("model name") || line.starts_with("Model"));
    let model = line.and_then(|line| line.split_once(':'));
    model.map_or_else(
        || std::env::consts::ARCH.to_owned(),
        |(_, model)| model.trim().to_owned(),
    )
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}

fn kernel(release: &str) -> String {
    format!("Linux {release}")
}

/// The type of the file system on which a folder is: that of the longest mount point above it.
fn file_system(mountinfo: &str, folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = mountinfo.lines().filter_map(|line| {
        let (place, system) = line.split_once(" - ")?;
        let point = place.split(' ').nth(4)?;
        let kind = system.split(' ').next()?;
        folder
            .starts_with(point)
            .then_some((point.len(), kind.to_owned()))
    });
    // Of two on the same point the later one hides the other.
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_described() {
        let folder = tempfile::tempdir().unwrap();
        let machine = this(Some(folder.path()));
        assert!(machine.processors >= 1 && machine.memory > 1 << 20);
        assert!(!machine.processor.is_empty() && machine.descriptors > 0);
        assert!(machine.file_system.is_some());
    }

    #[test]
    fn the_longest_mount_point_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let mounts = format!(
            "1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 0:5 / {} rw,x shared:3 - tmpfs none rw\n",
            path.display()
        );
        assert_eq!(file_system(&mounts, &path).as_deref(), Some("tmpfs"));
        let above = path.parent().unwrap();
        assert_eq!(file_system(&mounts, above).as_deref(), Some("ext4"));
    }
}
