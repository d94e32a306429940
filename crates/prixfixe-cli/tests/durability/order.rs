//! The order of system calls: before each 250 leaves, a sync of the file that holds the message
//! has ended which began after the last write of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use crate::client::Fate;
use crate::load::{Fates, Load};
use crate::recording::{Call, Event};
use crate::server::Launch;
use crate::{inspection, long_form, message, strace};

#[test]
fn each_250_leaves_after_a_sync_of_all_that_it_promises() {
    let (events, fates) = record(None, count());
    let violations = violations(&events, &fates);
    assert!(
        violations.is_empty(),
        "{} violations: {violations:#?}",
        violations.len()
    );
}

#[test]
fn without_syncs_the_check_finds_each_250_wanting() {
    let (events, fates) = record(Some("sync-off"), count());
    assert_eq!(violations(&events, &fates).len(), fates.len());
}

fn count() -> u32 {
    if long_form() { 1000 } else { 250 }
}

/// Has many clients deliver so many messages to a recorded server, all with success.
pub(crate) fn record(fault: Option<&str>, count: u32) -> (Vec<Event>, Fates) {
    let place = tempfile::tempdir().unwrap();
    let (folder, file) = (place.path().join("data"), place.path().join("calls"));
    let mut launch = Launch::at(&folder).recorded_to(&file);
    if let Some(fault) = fault {
        launch = launch.fault(fault);
    }
    let server = launch.start();
    let load = Load::start(server.address(), &Arc::new(AtomicU32::new(0)), count);
    let fates = load.finish();
    server.stop();
    inspection::inspect(&folder, &fates).unwrap();
    assert!(
        fates
            .values()
            .all(|fate| matches!(fate, Fate::Acknowledged(_))),
        "{fates:?}"
    );
    assert_eq!(fates.len(), count as usize);
    (strace::read(&file, &folder), fates)
}

/// What a message still needs before its 250.
#[derive(Default)]
struct Written {
    /// The places whose markers were seen, so that only the first write of each counts: pages
    /// are written again for the sake of their neighbours, and by checkpoints.
    places: BTreeSet<u32>,
    /// The last first write into each file: its end.
    last: BTreeMap<String, usize>,
    committed: bool,
}

/// One entry for each 250 that came too early, or cannot be shown to have come in time.
fn violations(events: &[Event], fates: &Fates) -> Vec<String> {
    let numbers: BTreeMap<&str, u32> = fates
        .iter()
        .filter_map(|(number, fate)| match fate {
            Fate::Acknowledged(id) => Some((id.as_str(), *number)),
            _ => None,
        })
        .collect();
    let mut written: BTreeMap<u32, Written> = BTreeMap::new();
    let mut log = Log::default();
    let mut unanswered: BTreeMap<&str, u32> = numbers.clone();
    let mut found = Vec::new();
    for event in events {
        if let Call::Write { file, data, .. } = &event.call {
            for (number, place) in message::markers(data) {
                let message = written.entry(number).or_default();
                if message.places.insert(place) {
                    message.last.insert(file.clone(), event.end);
                }
            }
            if file == LOG {
                let ids = ids_in(data).filter_map(|id| numbers.get(id).copied());
                for number in log.write(data, ids) {
                    let message = written.entry(number).or_default();
                    if !std::mem::replace(&mut message.committed, true) {
                        message.last.insert(file.clone(), event.end);
                    }
                }
            }
        }
        for id in event.acknowledged_ids() {
            let Some(number) = unanswered.remove(id.as_str()) else {
                found.push(format!("{id} is told twice, or to nobody"));
                continue;
            };
            let message = written.entry(number).or_default();
            if let Err(reason) = in_time(message, number, event, events) {
                found.push(format!("message {number}, {id}: {reason}"));
            }
        }
    }
    found.extend(
        unanswered
            .into_keys()
            .map(|id| format!("{id}: no 250 of it was recorded")),
    );
    found
}

/// Whether everything of the message was synced before the reply began.
fn in_time(
    written: &Written,
    number: u32,
    reply: &Event,
    events: &[Event],
) -> Result<(), &'static str> {
    if !written.committed {
        return Err("no commit of it was written before the 250");
    }
    // A marker that two pages share is not seen.
    let expected = message::markers(&message::bytes(number)).count();
    if written.places.len() < expected - expected / 5 {
        return Err("not all of its body was written before the 250");
    }
    let synced = |(file, written): (&String, &usize)| {
        events.iter().any(|event| {
            matches!(&event.call, Call::Sync { file: synced } if synced == file)
                && event.start > *written
                && event.end < reply.start
        })
    };
    if written.last.iter().all(synced) {
        Ok(())
    } else {
        Err("no sync since its last write")
    }
}

/// Follows the frames of the write-ahead log to the ends of its transactions.
#[derive(Default)]
struct Log {
    /// The frame under way is the last of its transaction.
    commit: bool,
    /// Messages in the transaction under way.
    messages: Vec<u32>,
}

impl Log {
    /// Takes one write; returns the messages whose transaction is whole with it.
    fn write(&mut self, data: &[u8], messages: impl Iterator<Item = u32>) -> Vec<u32> {
        // A frame is a header of 24 bytes, written by itself, and a page. Bytes 4 to 7 of the
        // header are zero but in the last frame of a transaction.
        if data.len() == FRAME_HEADER_BYTES {
            self.commit = data[4..8] != [0; 4];
            return Vec::new();
        }
        self.messages.extend(messages);
        if self.commit {
            std::mem::take(&mut self.messages)
        } else {
            Vec::new()
        }
    }
}

/// What may be an id in a trace line.
fn ids_in(page: &[u8]) -> impl Iterator<Item = &str> {
    let places = page
        .windows(4)
        .enumerate()
        .filter(|(_, window)| window == b" id ");
    places.filter_map(|(place, _)| std::str::from_utf8(page.get(place + 4..place + 15)?).ok())
}

const LOG: &str = "mail.sqlite3-wal";
const FRAME_HEADER_BYTES: usize = 24;
