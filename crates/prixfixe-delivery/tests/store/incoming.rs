//! Messages on their way in: sizes, crowds, cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prixfixe_delivery::sqlite::{MessageDetails, StoreError, Trace};

use crate::fixture::{Folder, body, details, store, store_from, stored, until};

const CHUNK: usize = 256 * 1024;

#[tokio::test]
async fn every_size_comes_back_as_it_went_in() {
    let folder = Folder::new();
    let opened = folder.open();
    let sizes = [
        0,
        1,
        10_000,
        CHUNK - 1,
        CHUNK,
        CHUNK + 1,
        2 * CHUNK,
        2 * CHUNK + 1,
        5_000_000,
    ];
    let mut ids = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        ids.push((
            store(&opened, &body(number, size)).await.unwrap(),
            body(number, size),
        ));
    }
    assert!(ids.is_sorted_by_key(|(id, _)| *id));
    for reader in [folder.reader(), {
        opened.close().await;
        folder.reader()
    }] {
        for (id, body) in &ids {
            assert!(stored(&reader, *id) == *body, "{} bytes", body.len());
            assert_eq!(reader.get(*id).unwrap().unwrap().size, body.len() as u64);
        }
    }
    assert_eq!(folder.count("SELECT count(*) FROM loose"), 0);
}

#[tokio::test]
async fn details_are_kept_and_the_trace_names_the_message() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut incoming = opened.incoming();
    incoming
        .write(b"Subject: hi\r\n there\r\n\r\nbody\x00\r\n")
        .await
        .unwrap();
    let mut sent = details();
    sent.recipients.push("carol@example.org".into());
    sent.trace = Trace::around_id(
        "Return-Path: <>\r\nReceived: id ".into(),
        "; now\r\n".into(),
    );
    sent.marks.nul = true;
    let id = incoming.commit(sent.clone()).await.unwrap();

    let reader = folder.reader();
    let found = reader.get(id).unwrap().unwrap();
    assert_eq!(found.received_at, sent.received_at);
    assert_eq!(
        (&found.sender, &found.recipients),
        (&sent.sender, &sent.recipients)
    );
    assert_eq!(found.subject.as_deref(), Some("hi there"));
    assert_eq!((found.marks, found.body_type), (sent.marks, sent.body_type));
    assert_eq!(found.state, "stored");
    assert_eq!(
        found.trace,
        format!("Return-Path: <>\r\nReceived: id {id}; now\r\n")
    );
    let mut shown = Vec::new();
    let length = reader.copy_with_trace(id, &mut shown).unwrap();
    assert_eq!(length, shown.len() as u64);
    let as_received = stored(&reader, id);
    assert_eq!(shown, [found.trace.as_bytes(), &as_received[..]].concat());
    assert!(
        as_received.starts_with(b"Subject"),
        "the trace is not part of the bytes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_writers_at_once_lose_and_mix_up_nothing() {
    let folder = Folder::new();
    let opened = folder.open();
    let writers: Vec<_> = (0..20)
        .map(|writer| {
            let opened = opened.clone();
            tokio::spawn(async move {
                let mut ids = Vec::new();
                for message in 0..25 {
                    let number = writer * 100 + message;
                    let size = if message == 7 {
                        CHUNK * 3
                    } else {
                        3000 + number
                    };
                    ids.push((
                        store(&opened, &body(number, size)).await.unwrap(),
                        number,
                        size,
                    ));
                }
                ids
            })
        })
        .collect();
    let reader = folder.reader();
    let mut all = Vec::new();
    for writer in writers {
        let ids = writer.await.unwrap();
        assert!(ids.is_sorted_by_key(|(id, ..)| *id));
        all.extend(ids);
    }
    for (id, number, size) in &all {
        assert!(
            stored(&reader, *id) == body(*number, *size),
            "message {number}"
        );
    }
    assert_eq!(
        reader
            .count(&prixfixe_delivery::sqlite::Filter::default())
            .unwrap(),
        500
    );
}

#[tokio::test]
async fn a_message_that_is_given_up_leaves_nothing() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut incoming = opened.incoming();
    incoming.write(&body(1, CHUNK * 20)).await.unwrap();
    until("chunks are stored", || {
        folder.count("SELECT count(*) FROM chunk") > 10
    })
    .await;
    assert_eq!(folder.count("SELECT count(*) FROM loose"), 1);
    drop(incoming);
    until("they are gone", || {
        folder.count("SELECT count(*) FROM chunk") == 0
    })
    .await;
    until("and the mark is", || {
        folder.count("SELECT count(*) FROM loose") == 0
    })
    .await;
}

#[tokio::test]
async fn a_closed_gate_stores_nothing() {
    let folder = Folder::new();
    let opened = folder.open();
    for size in [100, CHUNK * 2 + 5] {
        let mut incoming = opened.incoming();
        incoming.write(&body(1, size)).await.unwrap();
        let refused = incoming.commit_through(details(), || false).await;
        assert!(matches!(refused, Err(StoreError::Cancelled)), "{refused:?}");
    }
    let entered = Arc::new(AtomicBool::new(false));
    let gate = Arc::clone(&entered);
    let mut incoming = opened.incoming();
    incoming.write(b"x").await.unwrap();
    incoming
        .commit_through(details(), move || !gate.swap(true, Ordering::Relaxed))
        .await
        .unwrap();
    assert!(entered.load(Ordering::Relaxed));
    until("chunks are gone", || {
        folder.count("SELECT count(*) FROM chunk") == 0
    })
    .await;
    assert_eq!(folder.count("SELECT count(*) FROM message"), 1);
}

#[tokio::test]
async fn a_commit_dropped_in_the_queue_stores_nothing_and_one_dropped_later_does() {
    let folder = Folder::new();
    let opened = folder.open();
    // While another connection holds the write lock, the writer waits in its first batch.
    let blocker = folder.sqlite();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = |number: usize| {
        let opened = opened.clone();
        let entered = Arc::new(AtomicBool::new(false));
        let gate = Arc::clone(&entered);
        let task = tokio::spawn(async move {
            let mut incoming = opened.incoming();
            incoming.write(&body(number, 100)).await.unwrap();
            let enter = move || {
                gate.store(true, Ordering::Relaxed);
                true
            };
            incoming.commit_through(details(), enter).await
        });
        (task, entered)
    };
    let (taken, entered) = start(1);
    until("the writer has taken it", || {
        entered.load(Ordering::Relaxed)
    })
    .await;
    let (queued, never) = start(2);
    tokio::task::yield_now().await;
    taken.abort();
    queued.abort();
    assert!(queued.await.unwrap_err().is_cancelled());
    blocker.execute_batch("COMMIT").unwrap();
    store(&opened, &body(3, 100)).await.unwrap();
    assert!(!never.load(Ordering::Relaxed));
    let subjects = "SELECT group_concat(subject, '+') FROM (SELECT * FROM message ORDER BY id)";
    let subjects: String = folder
        .sqlite()
        .query_one(subjects, [], |row| row.get(0))
        .unwrap();
    assert_eq!(subjects, "number 1+number 3");
}

#[tokio::test]
async fn one_refused_message_does_not_fail_those_beside_it() {
    let folder = Folder::new();
    let opened = folder.open();
    let trigger = "CREATE TRIGGER refuse BEFORE INSERT ON message WHEN new.sender = 'bad' BEGIN
        SELECT raise(ABORT, 'refused'); END";
    folder.sqlite().execute_batch(trigger).unwrap();
    let blocker = folder.sqlite();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The first is taken alone and holds the writer, so the others meet in one batch.
    let tasks: Vec<_> = ["first", "one", "bad", "two"]
        .map(|sender| {
            let opened = opened.clone();
            tokio::spawn(async move { store_from(&opened, sender, b"x").await })
        })
        .into();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    blocker.execute_batch("COMMIT").unwrap();
    for (task, expected) in tasks.into_iter().zip([true, true, false, true]) {
        match task.await.unwrap() {
            Ok(_) => assert!(expected),
            Err(error) => assert!(
                !expected && matches!(error, StoreError::Refused(_)),
                "{error}"
            ),
        }
    }
    assert!(opened.health().writable, "the store is not at fault");
}

#[tokio::test]
async fn an_upload_that_somebody_tampered_with_fails_alone() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut large = opened.incoming();
    large.write(&body(1, CHUNK * 2)).await.unwrap();
    let blocker = folder.sqlite();
    until("the upload is known", || {
        folder.count("SELECT count(*) FROM loose") == 1
    })
    .await;
    blocker
        .execute_batch("BEGIN IMMEDIATE; DELETE FROM loose")
        .unwrap();
    // The first is taken alone and holds the writer, so the others meet in one batch.
    let send = |sender: &'static str| {
        let opened = opened.clone();
        tokio::spawn(async move { store_from(&opened, sender, b"x").await })
    };
    let mut small = vec![send("first")];
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    small.push(send("one"));
    tokio::task::yield_now().await;
    let tampered = tokio::spawn(large.commit(details()));
    tokio::task::yield_now().await;
    small.push(send("two"));
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    blocker.execute_batch("COMMIT").unwrap();
    let refused = tampered.await.unwrap();
    assert!(
        matches!(refused, Err(StoreError::Refused(_))),
        "{refused:?}"
    );
    for task in small {
        task.await.unwrap().unwrap();
    }
    let health = opened.health();
    assert!(health.writable && health.last_error.is_none());
    until("its chunks are gone", || {
        folder.count("SELECT count(*) FROM chunk") == 0
    })
    .await;
}

#[tokio::test]
async fn a_message_without_recipients_or_with_a_broken_write_is_refused() {
    let folder = Folder::new();
    let opened = folder.open();
    let nobody = MessageDetails {
        recipients: Vec::new(),
        ..details()
    };
    let refused = opened.incoming().commit(nobody).await;
    assert!(matches!(refused, Err(StoreError::NoRecipient)));

    let blocker = folder.sqlite();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut incoming = opened.incoming();
    let large = body(1, CHUNK * 5);
    let write = tokio::time::timeout(std::time::Duration::from_millis(20), incoming.write(&large));
    assert!(
        write.await.is_err(),
        "the disk is held, so the write has to wait"
    );
    blocker.execute_batch("COMMIT").unwrap();
    assert!(matches!(
        incoming.write(b"x").await,
        Err(StoreError::Incomplete)
    ));
    assert!(matches!(
        incoming.commit(details()).await,
        Err(StoreError::Incomplete)
    ));
    until("chunks are gone", || {
        folder.count("SELECT count(*) FROM chunk") == 0
    })
    .await;
    assert_eq!(folder.count("SELECT count(*) FROM message"), 0);
}

#[tokio::test]
async fn closing_answers_what_is_queued_and_refuses_the_rest() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut half = opened.incoming();
    half.write(&body(1, CHUNK * 4)).await.unwrap();
    let queued: Vec<_> = (0..50)
        .map(|number| {
            let opened = opened.clone();
            tokio::spawn(async move { store(&opened, &body(number, 500)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    opened.close().await;
    opened.close().await;
    let mut stored = 0;
    for task in queued {
        match task.await.unwrap() {
            Ok(_) => stored += 1,
            Err(error) => assert!(matches!(error, StoreError::Closed), "{error}"),
        }
    }
    assert!(matches!(
        half.commit(details()).await,
        Err(StoreError::Closed)
    ));
    assert!(!opened.health().writable);
    assert!(matches!(opened.health().trouble, Some(StoreError::Closed)));
    assert!(
        !folder.path().join("mail.sqlite3-wal").exists(),
        "all is in one file"
    );
    assert_eq!(folder.count("SELECT count(*) FROM message"), stored);

    let again = prixfixe_delivery::sqlite::SqliteStore::open(&folder.settings()).unwrap();
    assert_eq!(again.recovery.removed_remains, 1);
    until("remains are gone", || {
        folder.count("SELECT count(*) FROM chunk") == 0
    })
    .await;
}
