//! Crashes at aimed points and at random ones: every answered message is there, once.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{
    Fault, FaultAction, FaultPoint, Filter, Page, SqliteStore, StoreReader, StoreSettings,
};

use crate::fixture::{Folder, body, child, child_folder, settings, store, stored, until};

/// Runs a child that stores messages until it dies, and returns those that it saw answered.
fn run_child(folder: &Path, fault: &str, kill_after: Option<Duration>) -> Vec<(MessageId, usize)> {
    let mut process = child("crash::child_stores_until_it_dies", folder)
        .env(FAULT, fault)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    if let Some(delay) = kill_after {
        std::thread::sleep(delay);
        process.kill().unwrap();
    }
    let answered = output
        .lines()
        .filter_map(|line| {
            let line = line.unwrap();
            // A line that the crash cut short does not count.
            let (id, number) = line
                .strip_prefix("answered ")?
                .strip_suffix('.')?
                .split_once(' ')?;
            Some((id.parse().unwrap(), number.parse().unwrap()))
        })
        .collect();
    assert!(!process.wait().unwrap().success(), "{fault}: it was to die");
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the other tests of this file"]
async fn child_stores_until_it_dies() {
    let Some(folder) = child_folder() else { return };
    let fault = std::env::var(FAULT).unwrap();
    let fault = fault.split_once(' ').map(|(point, skip)| Fault {
        point: match point {
            "EmptyFile" => FaultPoint::EmptyFile,
            "Migration" => FaultPoint::Migration,
            "BeforeCommit" => FaultPoint::BeforeCommit,
            "BeforeAnswers" => FaultPoint::BeforeAnswers,
            "Checkpoint" => FaultPoint::Checkpoint,
            other => panic!("{other}"),
        },
        skip: skip.parse().unwrap(),
        action: FaultAction::Abort,
    });
    let opened = SqliteStore::open(&StoreSettings {
        fault,
        ..settings(&folder)
    })
    .unwrap()
    .store;
    let start = usize::try_from(std::process::id()).unwrap() * 1_000_000;
    let writers = (0..8).map(|writer| {
        let opened = opened.clone();
        tokio::spawn(async move {
            for message in 0.. {
                let number = start + writer * 100_000 + message;
                let id = store(&opened, &body(number, size(number))).await.unwrap();
                println!("answered {id} {number}.");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Mostly small, some in chunks.
fn size(number: usize) -> usize {
    if number % 16 == 5 {
        700_000
    } else {
        2000 + number % 9000
    }
}

/// What was answered is there, byte for byte, nothing is there twice, and nothing is left over.
async fn check(folder: &Folder, answered: &[(MessageId, usize)]) {
    let opened = folder.open();
    until("remains are gone", || {
        folder.count("SELECT count(*) FROM loose") == 0
    })
    .await;
    let reader = folder.reader();
    for (id, number) in answered {
        assert!(
            stored(&reader, *id) == body(*number, size(*number)),
            "message {number}"
        );
    }
    let mut seen = HashMap::new();
    let mut page = Page::default();
    loop {
        let messages = reader.list(&Filter::default(), page, 500).unwrap();
        let Some(last) = messages.last() else { break };
        page.after = Some(last.id);
        for message in messages {
            let subject = message.subject.unwrap();
            let number = subject.strip_prefix("number ").unwrap().parse().unwrap();
            assert!(
                stored(&reader, message.id) == body(number, size(number)),
                "{subject}"
            );
            assert_eq!(
                seen.insert(number, message.id),
                None,
                "{subject} is there twice"
            );
        }
    }
    let owned = "SELECT count(*) FROM chunk WHERE upload NOT IN
        (SELECT upload FROM message WHERE upload IS NOT NULL)";
    assert_eq!(folder.count(owned), 0, "chunks without a message");
    let integrity = folder
        .sqlite()
        .query_one("PRAGMA integrity_check", [], |row| row.get(0));
    assert_eq!(integrity, Ok("ok".to_owned()));
    opened.close().await;
}

#[tokio::test]
async fn crashes_at_the_first_start_leave_something_that_opens() {
    for fault in ["EmptyFile 0", "Migration 0", "Migration 1"] {
        let folder = Folder::new();
        assert_eq!(run_child(&folder.path(), fault, None), []);
        assert!(StoreReader::open(&folder.path()).is_err(), "{fault}");
        let opened = folder.open();
        store(&opened, b"x").await.unwrap();
        opened.close().await;
    }
}

#[tokio::test]
async fn crashes_around_a_commit_lose_and_double_nothing() {
    let folder = Folder::new();
    let mut answered = Vec::new();
    for fault in [
        "BeforeCommit 0",
        "BeforeCommit 40",
        "BeforeAnswers 0",
        "BeforeAnswers 40",
    ] {
        answered.extend(run_child(&folder.path(), fault, None));
        check(&folder, &answered).await;
    }
    assert!(!answered.is_empty());
}

#[tokio::test]
async fn crashes_in_a_checkpoint_lose_and_double_nothing() {
    let folder = Folder::new();
    let mut answered = Vec::new();
    for fault in ["Checkpoint 0", "Checkpoint 1", "Checkpoint 4"] {
        answered.extend(run_child(&folder.path(), fault, None));
        check(&folder, &answered).await;
    }
}

#[tokio::test]
async fn kills_at_random_instants_lose_and_double_nothing() {
    let folder = Folder::new();
    let mut answered = Vec::new();
    for milliseconds in [30, 77, 141, 233, 390] {
        answered.extend(run_child(
            &folder.path(),
            "",
            Some(Duration::from_millis(milliseconds)),
        ));
        check(&folder, &answered).await;
    }
}

const FAULT: &str = "STORE_TEST_FAULT";
