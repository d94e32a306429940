//! What is opened, what is not, and what is said about it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use prixfixe_delivery::sqlite::{
    Health, OpenError, Recovery, SqliteStore, StoreError, StoreReader, StoreRemover,
};

use crate::fixture::{Folder, body, child, child_folder, settings, store};

#[tokio::test]
async fn the_folder_and_its_files_are_the_owners_alone() {
    let folder = Folder::new();
    let opened = SqliteStore::open(&folder.settings()).unwrap();
    assert_eq!(opened.recovery, Recovery::default());
    store(&opened.store, b"x").await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.path()), 0o700);
    for file in folder.path().read_dir().unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test]
async fn a_second_process_is_locked_out_and_told_where() {
    let folder = Folder::new();
    let opened = folder.open();
    let refused = SqliteStore::open(&folder.settings()).unwrap_err();
    assert!(matches!(refused, OpenError::Locked(_)));
    assert!(
        refused
            .to_string()
            .contains(folder.path().to_str().unwrap()),
        "{refused}"
    );

    let other = child("opening::child_tries_to_open", &folder.path())
        .status()
        .unwrap();
    assert!(other.success(), "the other process was not locked out");
    opened.close().await;
    folder.open();
}

#[test]
#[ignore = "run by a_second_process_is_locked_out_and_told_where"]
fn child_tries_to_open() {
    let Some(folder) = child_folder() else { return };
    let refused = SqliteStore::open(&settings(&folder));
    assert!(matches!(refused, Err(OpenError::Locked(_))));
}

#[tokio::test]
async fn databases_of_others_and_of_the_future_are_refused_untouched() {
    type Spoil = fn(&Folder, &Path);
    type Expected = fn(&OpenError) -> bool;
    let cases: [(Spoil, Expected); 4] = [
        (
            |_, file| std::fs::write(file, "hello ".repeat(999)).unwrap(),
            |error| matches!(error, OpenError::NotADatabase(_)),
        ),
        (
            |folder, _| {
                folder
                    .sqlite()
                    .execute_batch("PRAGMA user_version = 99")
                    .unwrap();
            },
            |error| matches!(error, OpenError::Newer { found: 99, .. }),
        ),
        (
            |folder, _| {
                folder
                    .sqlite()
                    .execute_batch("PRAGMA application_id = 99")
                    .unwrap();
            },
            |error| matches!(error, OpenError::Foreign(_)),
        ),
        (
            |folder, file| {
                std::fs::remove_file(file).unwrap();
                folder
                    .sqlite()
                    .execute_batch("CREATE TABLE theirs (x)")
                    .unwrap();
            },
            |error| matches!(error, OpenError::Foreign(_)),
        ),
    ];
    for (spoil, expected) in cases {
        let folder = Folder::new();
        folder.open().close().await;
        let file = folder.path().join("mail.sqlite3");
        spoil(&folder, &file);
        let before = std::fs::read(&file).unwrap();
        let refusals = [
            SqliteStore::open(&folder.settings())
                .map(|_| ())
                .unwrap_err(),
            StoreReader::open(&folder.path()).map(|_| ()).unwrap_err(),
            StoreRemover::open(&folder.path()).map(|_| ()).unwrap_err(),
        ];
        for refused in refusals {
            assert!(expected(&refused), "{refused:?}");
            assert!(
                refused
                    .to_string()
                    .contains(folder.path().to_str().unwrap()),
                "{refused}"
            );
        }
        assert!(
            std::fs::read(&file).unwrap() == before,
            "the file was changed"
        );
    }
}

#[tokio::test]
async fn a_reader_says_when_there_is_nothing_or_something_old() {
    let folder = Folder::new();
    assert!(matches!(
        StoreReader::open(&folder.path()),
        Err(OpenError::Missing(_))
    ));
    folder.open().close().await;
    folder
        .sqlite()
        .execute_batch("DROP VIEW inbox; PRAGMA user_version = 1")
        .unwrap();
    let refused = StoreReader::open(&folder.path()).unwrap_err();
    assert!(matches!(refused, OpenError::Older { found: 1, .. }));
    folder.open();
    folder.reader();
}

#[test]
fn a_path_that_cannot_be_a_folder_is_an_error() {
    let refused = SqliteStore::open(&settings("/proc/no/store".as_ref()));
    assert!(
        matches!(refused, Err(OpenError::Folder { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn ids_ascend_over_restarts_deletions_and_a_clock_that_was_wrong() {
    let folder = Folder::new();
    let opened = folder.open();
    // As if the clock had been years ahead for one message.
    let ahead = opened
        .ids()
        .next_at(std::time::UNIX_EPOCH + std::time::Duration::from_hours(800_000));
    let first = store(&opened, b"x").await.unwrap();
    assert!(first > ahead);
    assert_eq!(
        StoreRemover::open(&folder.path())
            .unwrap()
            .remove(&[first])
            .unwrap(),
        1
    );
    opened.close().await;
    let opened = folder.open();
    let second = store(&opened, b"x").await.unwrap();
    assert!(second > first, "{second} after {first}");
    // The same again without a deletion in between.
    opened.close().await;
    assert!(store(&folder.open(), b"x").await.unwrap() > second);
}

#[tokio::test]
async fn any_sqlite_tool_reads_the_file() {
    let folder = Folder::new();
    let opened = folder.open();
    let id = store(&opened, &body(7, 1000)).await.unwrap();
    let file = folder.path().join("mail.sqlite3");
    let ask = |sql: &str| {
        let output = Command::new("sqlite3").arg(&file).arg(sql).output();
        let output = output.expect("the test needs the sqlite3 shell");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        ask("SELECT * FROM inbox"),
        format!(
            "{id}|2023-11-14T22:13:20.123Z|alice@example.com|bob@example.net|number 7|1000|stored\n"
        )
    );
    assert!(ask(".schema").contains("-- The bytes as they were received."));
    assert_eq!(ask("PRAGMA integrity_check"), "ok\n");
    assert_eq!(
        ask("SELECT body FROM message").trim_end().len(),
        body(7, 1000).trim_ascii_end().len()
    );
}

#[tokio::test]
async fn health_is_good_at_first_and_names_what_it_knows() {
    let folder = Folder::new();
    let opened = folder.open();
    let Health {
        writable,
        trouble,
        last_error,
        disk_free_bytes,
        ..
    } = opened.health();
    assert!(writable && trouble.is_none());
    assert!(last_error.is_none() && disk_free_bytes > Some(0));
}

#[tokio::test]
async fn to_show_a_store_does_not_ask_the_disk() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    settings.min_free_disk = prixfixe_delivery::sqlite::MinFreeDisk::Bytes(u64::MAX / 2);
    let opened = SqliteStore::open(&settings).unwrap().store;
    assert!(format!("{opened:?}").contains("closed: false"));
    // Ends what is queued: had the disk been found low, the writer would have looked closer.
    opened.close().await;
    let health = opened.health();
    assert!(health.last_error.is_none(), "{health:?}");
}

#[tokio::test]
async fn below_the_floor_of_free_disk_messages_are_refused_as_full() {
    let folder = Folder::new();
    let mut settings = folder.settings();
    settings.min_free_disk = prixfixe_delivery::sqlite::MinFreeDisk::Bytes(u64::MAX / 2);
    let opened = SqliteStore::open(&settings).unwrap().store;
    let idle = opened.health();
    assert!(!idle.writable);
    assert!(
        matches!(idle.trouble, Some(StoreError::Full)),
        "the reason is named before any mail comes: {idle:?}"
    );
    for size in [10, 1_000_000] {
        let refused = store(&opened, &body(1, size)).await;
        assert!(matches!(refused, Err(StoreError::Full)), "{refused:?}");
    }
    assert!(!opened.health().writable);
}
