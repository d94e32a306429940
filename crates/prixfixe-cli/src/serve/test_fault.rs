//! Lets the tests of durability break a running server: an aimed crash, or commits that do not
//! wait for the disk.
//!
//! No setting, and compiled only with debug assertions: what is built with `--release` does not
//! contain this file, so nothing in the environment of a production server can weaken its promise.

use std::env;

use prixfixe_delivery::sqlite::{Durability, Fault, FaultAction, FaultPoint, StoreSettings};

/// `sync-off`, or the name of a point and how many passes of it go by unharmed. The prefix differs
/// from that of the settings, where an unknown name is refused.
const VARIABLE: &str = "TEST_PRIXFIXE_FAULT";

/// Does to the store what the variable says; without it, nothing.
///
/// # Panics
///
/// If the variable says something else: a test must not believe in a fault that is not there.
pub(crate) fn arm(store: &mut StoreSettings) {
    let Ok(text) = env::var(VARIABLE) else { return };
    tracing::warn!(
        fault = text,
        "{VARIABLE} is set: this server is made to break its promise"
    );
    if text == "sync-off" {
        store.durability = Durability::Off;
        return;
    }
    let fault = parse(&text);
    assert!(fault.is_some(), "{VARIABLE}: {text:?} is no fault");
    store.fault = fault;
}

fn parse(text: &str) -> Option<Fault> {
    let (point, skip) = text.split_once(' ')?;
    let point = match point {
        "empty-file" => FaultPoint::EmptyFile,
        "migration" => FaultPoint::Migration,
        "before-commit" => FaultPoint::BeforeCommit,
        "before-answers" => FaultPoint::BeforeAnswers,
        "checkpoint" => FaultPoint::Checkpoint,
        _ => return None,
    };
    Some(Fault {
        point,
        skip: skip.parse().ok()?,
        action: FaultAction::Abort,
    })
}
