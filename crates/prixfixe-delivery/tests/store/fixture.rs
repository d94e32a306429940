//! What the tests of the store have in common.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant, UNIX_EPOCH};

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{
    MessageDetails, MinFreeDisk, SqliteStore, StoreError, StoreReader, StoreSettings,
};
use tempfile::TempDir;

/// A data folder that does not exist yet, in a temporary one.
pub(crate) struct Folder {
    dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn settings(&self) -> StoreSettings {
        settings(&self.path())
    }

    pub(crate) fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.settings()).unwrap().store
    }

    pub(crate) fn reader(&self) -> StoreReader {
        StoreReader::open(&self.path()).unwrap()
    }

    /// The database through an ordinary connection, as any SQLite tool has it.
    pub(crate) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path().join("mail.sqlite3")).unwrap()
    }

    pub(crate) fn count(&self, sql: &str) -> i64 {
        self.sqlite().query_one(sql, [], |row| row.get(0)).unwrap()
    }
}

/// Settings that ignore how full the disk of whoever runs the tests is.
pub(crate) fn settings(path: &Path) -> StoreSettings {
    StoreSettings {
        min_free_disk: MinFreeDisk::Off,
        ..StoreSettings::at(path)
    }
}

pub(crate) fn details() -> MessageDetails {
    MessageDetails::new(
        UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        "alice@example.com".into(),
        vec!["bob@example.net".into()],
    )
}

/// A message of `size` bytes, in which every stretch differs from every other.
pub(crate) fn body(number: usize, size: usize) -> Vec<u8> {
    let mut bytes = format!("Subject: number {number}\r\n\r\n").into_bytes();
    let mut line = 0;
    while bytes.len() < size {
        bytes.extend_from_slice(format!("{number} {line}\r\n").as_bytes());
        line += 1;
    }
    bytes.truncate(size);
    bytes
}

pub(crate) async fn store(store: &SqliteStore, body: &[u8]) -> Result<MessageId, StoreError> {
    store_from(store, "alice@example.com", body).await
}

pub(crate) async fn store_from(
    store: &SqliteStore,
    sender: &str,
    body: &[u8],
) -> Result<MessageId, StoreError> {
    let mut incoming = store.incoming();
    // As the bytes come from a connection: in pieces of its read buffer.
    for piece in body.chunks(8192) {
        incoming.write(piece).await?;
    }
    incoming
        .commit(MessageDetails {
            sender: sender.into(),
            ..details()
        })
        .await
}

pub(crate) fn stored(reader: &StoreReader, id: MessageId) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.copy_as_received(id, &mut bytes).unwrap();
    bytes
}

/// Waits until something has come true. The limit is there to end a test that fails, and is far
/// above what it takes.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "waited in vain until {what}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// This test program, set to run only the ignored test `name`, with the data in `folder`.
pub(crate) fn child(name: &str, folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        name,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(CHILD_FOLDER, folder);
    command
}

/// The folder given to [`child`]; `None` in a test that somebody runs by hand.
pub(crate) fn child_folder() -> Option<PathBuf> {
    std::env::var_os(CHILD_FOLDER).map(PathBuf::from)
}

const CHILD_FOLDER: &str = "STORE_TEST_FOLDER";
