//! Death at the instants at which there is most to break.

use std::thread;
use std::time::Duration;

use prixfixe_delivery::sqlite::StoreReader;

use crate::inspection::sqlite;
use crate::long_form;
use crate::ordeal::{Death, Ordeal, assert_aborted};
use crate::random::Random;
use crate::server::Launch;

#[test]
fn before_a_commit() {
    die_at("before-commit", 40);
}

#[test]
fn between_a_commit_and_its_250() {
    die_at("before-answers", 40);
}

#[test]
fn inside_a_checkpoint() {
    die_at("checkpoint", 1);
}

/// Dies at a point, later and later until a round counts; in the long form ten times so.
fn die_at(point: &str, first_skip: u32) {
    let mut ordeal = Ordeal::new();
    let mut wanted = if long_form() { 10 } else { 1 };
    let mut skip = first_skip;
    for _ in 0..wanted * TRIES {
        if ordeal
            .round(Death::AtFault(&format!("{point} {skip}")))
            .counts()
        {
            wanted -= 1;
            skip = first_skip + wanted;
        } else {
            skip *= 2;
        }
        if wanted == 0 {
            return;
        }
    }
    panic!("{wanted} more rounds should have had something to lose");
}

#[test]
fn inside_a_migration_of_a_store_with_mail() {
    let mut ordeal = Ordeal::new();
    ordeal.deliver(60);
    let folder = ordeal.folder();
    sqlite(&folder, "DROP VIEW inbox; PRAGMA user_version = 1");
    assert_aborted(&mut Launch::at(&folder).fault("migration 0").spawn());
    let untouched = StoreReader::open(&folder).unwrap_err();
    assert!(
        untouched.to_string().contains("schema version 1"),
        "{untouched}"
    );
    ordeal.recover();
    ordeal.deliver(20);
    ordeal.recover();
}

#[test]
fn at_aimed_points_of_the_first_start() {
    for fault in ["empty-file 0", "migration 0", "migration 1"] {
        let mut ordeal = Ordeal::new();
        assert_aborted(&mut Launch::at(&ordeal.folder()).fault(fault).spawn());
        ordeal.deliver(20);
        ordeal.recover();
    }
}

#[test]
fn at_random_instants_of_the_first_start() {
    let mut random = Random::new();
    for _ in 0..if long_form() { 100 } else { 10 } {
        let mut ordeal = Ordeal::new();
        let server = Launch::at(&ordeal.folder()).spawn();
        // No wait for anything: this is the random instant.
        thread::sleep(Duration::from_micros(random.next() % START_MICROSECONDS));
        server.kill();
        ordeal.deliver(5);
        ordeal.recover();
    }
}

/// Rounds for each that has to count.
const TRIES: u32 = 6;
/// About what a start takes.
const START_MICROSECONDS: u64 = 30_000;
