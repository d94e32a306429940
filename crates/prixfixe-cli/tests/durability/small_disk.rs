//! File systems of their own, for the tests that need a disk that is full or read-only. They take
//! root.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A mounted file system, gone when dropped.
pub(crate) struct SmallDisk {
    mount_point: TempDir,
    /// Holds the image of a file system on a disk.
    image: Option<TempDir>,
}

impl SmallDisk {
    /// One in memory, of so many MiB.
    pub(crate) fn in_memory(mib: u32) -> Self {
        let mount_point = tempfile::tempdir().unwrap();
        let size = format!("size={mib}M");
        run(
            "mount",
            &[
                "-t",
                "tmpfs",
                "-o",
                &size,
                "tmpfs",
                text(mount_point.path()),
            ],
        );
        Self {
            mount_point,
            image: None,
        }
    }

    /// One of ext4 in a file, of 64 MiB.
    pub(crate) fn ext4() -> Self {
        let place = tempfile::tempdir().unwrap();
        let image = place.path().join("image");
        std::fs::File::create(&image)
            .unwrap()
            .set_len(64 << 20)
            .unwrap();
        run("mkfs.ext4", &["-q", text(&image)]);
        let mount_point = tempfile::tempdir().unwrap();
        run(
            "mount",
            &["-o", "loop", text(&image), text(mount_point.path())],
        );
        Self {
            mount_point,
            image: Some(place),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.mount_point.path()
    }

    /// Makes it read-only, which Linux refuses while a file is open for writing.
    pub(crate) fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro", text(self.path())]);
    }

    /// Makes it read-only under those who write, as ext4 does by itself when its disk fails.
    pub(crate) fn fail(&self) {
        run("mount", &["-o", "remount,abort", text(self.path())]);
    }

    /// Takes it off, in the state that it is in, and mounts it again, which repairs it.
    pub(crate) fn mount_again(&self) {
        let image = self
            .image
            .as_ref()
            .expect("a file system on a disk")
            .path()
            .join("image");
        run("umount", &[text(self.path())]);
        run("mount", &["-o", "loop", text(&image), text(self.path())]);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a test that fails may still have a server on it. An error here would hide why.
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.path())
            .status();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder")
}

fn run(program: &str, arguments: &[&str]) {
    let done = Command::new(program)
        .args(arguments)
        .status()
        .is_ok_and(|status| status.success());
    assert!(
        done,
        "this test needs root and a Linux that mounts, to run {program} {arguments:?}"
    );
}
