//! Looks into a store and says whether it holds what it must, and nothing that it must not.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Filter, Page, StoreReader};

use crate::client::Fate;
use crate::load::Fates;
use crate::message;

/// Every acknowledged message is there once, under its id, byte for byte; what was sent and not
/// answered is there at most once; whatever is there is whole, and somebody had finished sending it.
pub(crate) fn inspect(folder: &Path, fates: &Fates) -> Result<(), String> {
    let stored = read_all(folder)?;
    for (number, fate) in fates {
        match (fate, stored.get(number)) {
            (Fate::Acknowledged(id), None) => {
                return Err(format!(
                    "message {number} was acknowledged as {id} and is lost"
                ));
            }
            (Fate::Acknowledged(id), Some(found)) if *id != found.to_string() => {
                return Err(format!(
                    "message {number} is {found} and not {id}, as was told"
                ));
            }
            (Fate::NotBegun | Fate::Unfinished | Fate::Refused(_), Some(id)) => {
                return Err(format!(
                    "message {number} is there as {id} though it was {fate:?}"
                ));
            }
            _ => {}
        }
    }
    match stored.keys().find(|number| !fates.contains_key(number)) {
        Some(number) => Err(format!("message {number} is there and nobody sent it")),
        None => Ok(()),
    }
}

/// All messages, by their number; each is what its number says, and is there once.
fn read_all(folder: &Path) -> Result<BTreeMap<u32, MessageId>, String> {
    let reader = StoreReader::open(folder).map_err(|error| error.to_string())?;
    let mut stored = BTreeMap::new();
    let mut page = Page::default();
    let mut bytes = Vec::new();
    loop {
        let listed = reader.list(&Filter::default(), page, 1000);
        let listed = listed.map_err(|error| error.to_string())?;
        let Some(last) = listed.last() else {
            return Ok(stored);
        };
        page.after = Some(last.id);
        for found in listed {
            let id = found.id;
            let number = found.subject.as_deref().and_then(message::number_in);
            let number = number.ok_or_else(|| format!("{id} is none of the messages sent"))?;
            bytes.clear();
            reader
                .copy_as_received(id, &mut bytes)
                .map_err(|error| format!("message {number}, {id}: {error}"))?;
            if bytes != message::bytes(number) {
                return Err(format!("message {number}, {id}, is not what was sent"));
            }
            if let Some(other) = stored.insert(number, id) {
                return Err(format!(
                    "message {number} is there twice, as {id} and {other}"
                ));
            }
        }
    }
}

/// What an SQLite tool answers to a query, line by line. It recovers the database as any reader
/// does, so it must not come before a server that is to do that.
pub(crate) fn sqlite(folder: &Path, sql: &str) -> String {
    let output = Command::new("sqlite3")
        .args(["-cmd", ".timeout 10000"])
        .arg(folder.join("mail.sqlite3"))
        .arg(sql)
        .output()
        .expect("this test needs the program sqlite3");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "sqlite3 {sql:?}: {errors}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The database is sound, and no chunk is left over that nobody would ever remove.
pub(crate) fn assert_sound(folder: &Path) {
    assert_eq!(sqlite(folder, "PRAGMA integrity_check"), "ok");
    assert_eq!(
        sqlite(folder, UNOWNED_CHUNKS),
        "0",
        "chunks that belong to nothing"
    );
}

const UNOWNED_CHUNKS: &str = "SELECT count(*) FROM chunk
    WHERE upload NOT IN (SELECT upload FROM message WHERE upload IS NOT NULL)
    AND upload NOT IN (SELECT upload FROM loose)";
