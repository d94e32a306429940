//! A control group of our own, which is charged for memory that no process shows: page tables,
//! socket buffers, and pages of shared memory whoever touches them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A group that is removed when it is dropped, after its processes have ended.
#[derive(Debug)]
pub(super) struct Group {
    folder: PathBuf,
    usage: &'static str,
}

impl Group {
    /// A new group.
    ///
    /// # Errors
    /// Where this process may not make one: that takes rights that few have.
    pub(super) fn make() -> io::Result<Self> {
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for (root, usage) in KINDS {
            let root = Path::new(root);
            let folder = root.join(format!("prixfixe-bench-{}", std::process::id()));
            let made = fs::create_dir(&folder);
            let group = Self { folder, usage };
            match made.and_then(|()| group.used()) {
                Ok(_) => return Ok(group),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Takes a process in, with whatever it uses from now on.
    pub(super) fn take(&self, pid: u32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string())
    }

    /// Bytes that the group is charged for.
    pub(super) fn used(&self) -> io::Result<u64> {
        let text = fs::read_to_string(self.folder.join(self.usage))?;
        text.trim().parse().map_err(io::Error::other)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Fails where it was never made.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Where groups with a count of memory are, in the second and in the first version of the system.
const KINDS: [(&str, &str); 3] = [
    ("/sys/fs/cgroup", "memory.current"),
    ("/sys/fs/cgroup/unified", "memory.current"),
    ("/sys/fs/cgroup/memory", "memory.usage_in_bytes"),
];
