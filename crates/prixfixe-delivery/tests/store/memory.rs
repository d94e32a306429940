//! How much memory a store takes. Measured in a process of its own.

use crate::fixture::{Folder, body, child, child_folder, settings, store};
use prixfixe_delivery::sqlite::SqliteStore;

#[test]
fn a_store_is_small_and_a_large_message_does_not_make_it_large() {
    let folder = Folder::new();
    let status = child("memory::child_measures", &folder.path())
        .status()
        .unwrap();
    assert!(status.success());
}

#[tokio::test]
#[ignore = "run by a_store_is_small_and_a_large_message_does_not_make_it_large"]
async fn child_measures() {
    let Some(folder) = child_folder() else { return };
    let before = rss_anon_kib();
    let opened = SqliteStore::open(&settings(&folder)).unwrap().store;
    store(&opened, &body(1, 10_000)).await.unwrap();
    let idle = rss_anon_kib();
    let piece = body(1, 8192);
    let mut peak = idle;
    let mut incoming = opened.incoming();
    for n in 0..100 * 128 {
        incoming.write(&piece).await.unwrap();
        if n % 128 == 0 {
            peak = peak.max(rss_anon_kib());
        }
    }
    incoming.commit(crate::fixture::details()).await.unwrap();
    peak = peak.max(rss_anon_kib());
    println!("process {before} KiB, with an idle store {idle} KiB, at most {peak} KiB");
    assert!(idle < 10 * 1024, "an idle store: {idle} KiB");
    assert!(peak - idle <= 8 * 1024, "100 MiB took {} KiB", peak - idle);
}

fn rss_anon_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("RssAnon:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
