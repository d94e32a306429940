//! Starts that cannot succeed: each ends at once, with exit code 1 and a message that says what is
//! wrong and where, and changes nothing.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use crate::inspection::sqlite;
use crate::server::Launch;
use crate::small_disk::SmallDisk;

/// Starts a server that must not start, and looks for the words in what it says.
#[track_caller]
fn check(launch: Launch<'_>, words: &[&str]) {
    let (status, log) = launch.spawn().wait();
    assert_eq!(status.code(), Some(1), "{status}:\n{log}");
    let message = log
        .lines()
        .find(|line| line.starts_with("prixfixe: "))
        .unwrap_or_default();
    for word in words {
        assert!(message.contains(word), "{word:?} is not in:\n{log}");
    }
    assert!(!log.contains("panicked"), "{log}");
}

/// A folder with a store in it, whose server has stopped.
fn stopped_store(folder: &Path) {
    Launch::at(folder).start().stop();
}

#[test]
fn on_a_folder_that_cannot_be_made() {
    let disk = SmallDisk::in_memory(1);
    let folder = disk.path().join("data");
    disk.make_read_only();
    check(
        Launch::at(&folder),
        &[folder.to_str().unwrap(), "cannot be used", "Read-only"],
    );
}

#[test]
fn on_a_store_that_has_become_read_only() {
    let disk = SmallDisk::in_memory(8);
    let folder = disk.path().join("data");
    stopped_store(&folder);
    disk.make_read_only();
    check(
        Launch::at(&folder),
        &[folder.to_str().unwrap(), "Read-only"],
    );
}

#[test]
fn on_a_file_in_the_place_of_the_folder() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("data");
    fs::write(&file, "mine").unwrap();
    check(
        Launch::at(&file),
        &[file.to_str().unwrap(), "cannot be used"],
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
}

#[test]
fn on_a_disk_without_room_for_a_database() {
    let disk = SmallDisk::in_memory(1);
    let folder = disk.path().join("data");
    let fill = fs::write(disk.path().join("ballast"), vec![1; 2 << 20]);
    assert!(fill.is_err());
    check(Launch::at(&folder), &[folder.to_str().unwrap(), "full"]);
}

#[test]
fn on_a_newer_schema() {
    let place = tempfile::tempdir().unwrap();
    stopped_store(place.path());
    sqlite(place.path(), "PRAGMA user_version = 99");
    check(
        Launch::at(place.path()),
        &["mail.sqlite3", "schema version 99", "newer program"],
    );
    assert_eq!(sqlite(place.path(), "PRAGMA user_version"), "99");
}

#[test]
fn on_the_database_of_another_program() {
    let place = tempfile::tempdir().unwrap();
    sqlite(place.path(), "CREATE TABLE theirs (x)");
    check(
        Launch::at(place.path()),
        &["mail.sqlite3", "another program"],
    );
    assert_eq!(sqlite(place.path(), ".tables"), "theirs");
}

#[test]
fn on_a_file_that_is_no_database() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("mail.sqlite3");
    let garbage = "not a database\n".repeat(1000);
    fs::write(&file, &garbage).unwrap();
    check(
        Launch::at(place.path()),
        &["mail.sqlite3", "not an SQLite database"],
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), garbage);
}

#[test]
fn on_a_store_in_use() {
    let place = tempfile::tempdir().unwrap();
    let server = Launch::at(place.path()).start();
    check(
        Launch::at(place.path()),
        &[place.path().to_str().unwrap(), "in use"],
    );
    assert_eq!(server.readiness().0, 200, "the first goes on");
    server.stop();
}

#[test]
fn on_a_port_in_use() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("data");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let launch = Launch::at(&folder).listen(&address);
    check(launch, &["another process listens on", &address]);
    assert!(
        !folder.exists(),
        "nothing is made for a server that does not start"
    );
}
