//! Removing messages beside a running server.

use prixfixe_delivery::sqlite::{Filter, ReadError, StoreRemover};

use crate::fixture::{Folder, body, store, stored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_removed_beside_a_writer() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut doomed = Vec::new();
    for number in 0..40 {
        let size = if number % 10 == 0 { 3_000_000 } else { 5000 };
        doomed.push(store(&opened, &body(number, size)).await.unwrap());
    }
    let writing = tokio::spawn(async move {
        let mut kept = Vec::new();
        for number in 0..300 {
            kept.push((store(&opened, &body(number, 5000)).await.unwrap(), number));
        }
        kept
    });
    let path = folder.path();
    let ids = doomed.clone();
    let removing = tokio::task::spawn_blocking(move || {
        let mut remover = StoreRemover::open(&path).unwrap();
        (remover.remove(&ids).unwrap(), remover.remove(&ids).unwrap())
    });
    assert_eq!(removing.await.unwrap(), (40, 0));
    let kept = writing.await.unwrap();
    let reader = folder.reader();
    for (id, number) in &kept {
        assert!(stored(&reader, *id) == body(*number, 5000));
    }
    for id in doomed {
        let gone = reader.copy_as_received(id, &mut Vec::new());
        assert!(matches!(gone, Err(ReadError::NoSuchMessage(_))));
    }
    assert_eq!(reader.count(&Filter::default()).unwrap(), 300);
    for (table, rows) in [("recipient", 300), ("chunk", 0), ("loose", 0)] {
        assert_eq!(
            folder.count(&format!("SELECT count(*) FROM {table}")),
            rows,
            "{table}"
        );
    }
    assert_eq!(
        folder
            .sqlite()
            .query_one("PRAGMA integrity_check", [], |row| row.get(0)),
        Ok("ok".to_owned())
    );
}
