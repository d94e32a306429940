//! A disk that is really full: a small file system of its own.

use std::path::Path;
use std::process::Command;

use prixfixe_delivery::sqlite::{
    Filter, MinFreeDisk, SqliteStore, StoreError, StoreRemover, StoreSettings,
};

use crate::fixture::{Folder, body, settings, store, stored, until};

/// A file system in memory, unmounted when dropped.
struct SmallDisk {
    mount_point: tempfile::TempDir,
}

impl SmallDisk {
    fn new(size: &str) -> Self {
        let mount_point = tempfile::tempdir().unwrap();
        run(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"],
            mount_point.path(),
        );
        Self { mount_point }
    }

    fn path(&self) -> &Path {
        self.mount_point.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["--lazy"], self.path());
    }
}

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = Command::new(program).args(arguments).arg(path).status();
    let done = status.is_ok_and(|status| status.success());
    assert!(
        done,
        "this test needs root, to run {program} {arguments:?} {}",
        path.display()
    );
}

#[tokio::test]
async fn a_full_disk_refuses_and_recovers_without_a_restart() {
    let disk = SmallDisk::new("8M");
    let path = disk.path().join("data");
    let opened = SqliteStore::open(&settings(&path)).unwrap().store;
    let ballast = disk.path().join("ballast");
    let mut kept = Vec::new();
    for round in 0..3 {
        for number in 0..10 {
            let number = round * 100 + number;
            kept.push((store(&opened, &body(number, 9000)).await.unwrap(), number));
        }
        // Something else fills the disk to the last block.
        let fill = std::fs::write(&ballast, vec![1; 16 << 20]);
        assert_eq!(fill.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        let refused = store(&opened, &body(1, 200_000)).await;
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
        let large = store(&opened, &body(1, 3_000_000)).await;
        assert!(matches!(large, Err(StoreError::Full)), "{large:?}");
        assert!(!opened.health().writable);
        assert!(matches!(opened.health().trouble, Some(StoreError::Full)));

        std::fs::remove_file(&ballast).unwrap();
        // Nobody sends anything: the store finds out by itself.
        until("the store works again", || opened.health().writable).await;
        let health = opened.health();
        assert!(health.trouble.is_none(), "{health:?}");
        assert!(matches!(health.last_error.unwrap().error, StoreError::Full));
    }
    let reader = prixfixe_delivery::sqlite::StoreReader::open(&path).unwrap();
    for (id, number) in &kept {
        assert!(stored(&reader, *id) == body(*number, 9000));
    }
    assert_eq!(reader.count(&Filter::default()).unwrap(), kept.len() as u64);
    opened.close().await;
    let sqlite = rusqlite::Connection::open(path.join("mail.sqlite3")).unwrap();
    for table in ["chunk", "loose"] {
        let rows: i64 = sqlite
            .query_one(&format!("SELECT count(*) FROM {table}"), [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn removing_mail_makes_room_on_a_disk_that_mail_has_filled() {
    let disk = SmallDisk::new("64M");
    let path = disk.path().join("data");
    let min_free_disk = MinFreeDisk::Bytes(16 << 20);
    let settings = StoreSettings {
        min_free_disk,
        ..StoreSettings::at(&path)
    };
    let opened = SqliteStore::open(&settings).unwrap().store;
    let mut ids = Vec::new();
    let refused = loop {
        match store(&opened, &body(ids.len(), 100_000)).await {
            Ok(id) => ids.push(id),
            Err(error) => break error,
        }
        // The free space is looked at once a second.
        tokio::time::sleep(std::time::Duration::from_millis(6)).await;
    };
    assert!(matches!(refused, StoreError::Full), "{refused}");
    assert!(ids.len() > 20);
    assert!(!opened.health().writable);
    let removed = StoreRemover::open(&path).unwrap().remove(&ids).unwrap();
    assert_eq!(removed, ids.len());
    until("the store works again", || opened.health().writable).await;
    store(&opened, &body(1, 100_000)).await.unwrap();
}

#[tokio::test]
async fn a_read_only_file_system_is_refused_at_the_start() {
    let folder = Folder::new();
    folder.open().close().await;
    run(
        "mount",
        &["--bind", folder.path().to_str().unwrap()],
        &folder.path(),
    );
    run("mount", &["-o", "remount,bind,ro"], &folder.path());
    let refused = SqliteStore::open(&folder.settings());
    run("umount", &[], &folder.path());
    let refused = refused.unwrap_err();
    assert!(
        refused.to_string().contains("Read-only file system"),
        "{refused}"
    );
}
