//! The write-ahead log stays bounded.

use crate::fixture::{Folder, body, store, until};

const BOUND: u64 = 64 << 20;
/// A page of 8 KiB with its header.
const LOG_PAGE_BYTES: u64 = 8192 + 24;

async fn fill(folder: &Folder, opened: &prixfixe_delivery::sqlite::SqliteStore, total: u64) -> u64 {
    let wal = folder.path().join("mail.sqlite3-wal");
    let mut largest = 0;
    let large = body(1, 4 << 20);
    for _ in 0..total.div_ceil(4 << 20) {
        store(opened, &large).await.unwrap();
        largest = largest.max(wal.metadata().unwrap().len());
    }
    largest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_times_its_bound_passes_through_it() {
    let folder = Folder::new();
    let opened = folder.open();
    let largest = fill(&folder, &opened, 5 * BOUND).await;
    // One batch may be written after the last look at the size.
    assert!(
        largest < BOUND + (4 << 20),
        "the log grew to {largest} bytes"
    );
    assert!(opened.health().wal_bytes <= largest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_reader_cannot_stop_the_mail_and_the_log_shrinks_after_it() {
    let folder = Folder::new();
    let opened = folder.open();
    store(&opened, b"x").await.unwrap();
    let foreign = folder.sqlite();
    foreign
        .execute_batch("BEGIN; SELECT * FROM message")
        .unwrap();
    fill(&folder, &opened, 2 * BOUND).await;
    assert!(opened.health().wal_bytes > BOUND);
    foreign.execute_batch("COMMIT").unwrap();
    fill(&folder, &opened, BOUND).await;
    assert!(opened.health().wal_bytes < BOUND);
}

#[tokio::test]
async fn what_removals_write_is_measured_too() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut large = opened.incoming();
    // Twelve chunks, the last of which stays in memory.
    large.write(&body(1, 3 << 20)).await.unwrap();
    until("the chunks are stored", || {
        folder.count("SELECT count(*) FROM chunk") == 11
    })
    .await;
    drop(large);
    until("the chunks are gone", || {
        folder.count("SELECT count(*) FROM loose") == 0
    })
    .await;
    let sqlite = folder.sqlite();
    until("the log is measured", || {
        let pages = sqlite.query_one("PRAGMA wal_checkpoint = NOOP", [], |row| {
            row.get::<_, u32>(1)
        });
        opened.health().wal_bytes == u64::from(pages.unwrap()) * LOG_PAGE_BYTES
    })
    .await;
}
