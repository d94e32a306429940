//! Power cuts, by replaying what a server wrote: whatever part of the unsynced writes got to the
//! disk, every message acknowledged before the cut is there once, byte for byte.

use std::collections::BTreeSet;
use std::path::Path;

use prixfixe_delivery::sqlite::{Durability, MinFreeDisk, SqliteStore, StoreSettings};

use crate::client::Fate;
use crate::inspection::inspect;
use crate::load::Fates;
use crate::long_form;
use crate::order::record;
use crate::power_cut_disk::{Edge, PowerCutDisk, edges};
use crate::random::Random;
use crate::recording::{Call, Event};

#[test]
fn each_power_cut_leaves_each_acknowledged_message() {
    let (events, fates) = record(None, MESSAGES);
    if let Err(loss) = cut_often(&events.iter().collect::<Vec<_>>(), &fates) {
        panic!("{loss}");
    }
}

#[test]
fn without_syncs_some_power_cut_shows_a_loss() {
    let (events, fates) = record(Some("sync-off"), MESSAGES);
    let loss = cut_often(&events.iter().collect::<Vec<_>>(), &fates).unwrap_err();
    println!("found, as it must be: {loss}");
}

/// The same where some syncs had done nothing: those of the log, which are the commits; those of
/// the database in checkpoints, without which the log must not start over; those of the folder,
/// which keep names.
#[test]
fn without_the_syncs_of_one_file_some_power_cut_shows_a_loss() {
    let (events, fates) = record(None, MESSAGES);
    let answers = |event: &&Event| event.acknowledged_ids().next().is_some();
    let first_answer = events.iter().find(answers).expect("a 250").start;
    let is_dropped = |event: &Event, of: &str| match &event.call {
        Call::Sync { file } => file == of && event.start > first_answer,
        Call::SyncFolder => of == "the folder",
        _ => false,
    };
    for of in ["mail.sqlite3-wal", "mail.sqlite3", "the folder"] {
        let kept: Vec<&Event> = events
            .iter()
            .filter(|event| !is_dropped(event, of))
            .collect();
        assert!(kept.len() < events.len(), "{of} was never synced");
        let loss = cut_often(&kept, &fates).expect_err(of);
        println!("without syncs of {of}: {loss}");
    }
}

/// Cuts the power at many instants and looks at what is left each time; ends at the first loss.
fn cut_often(events: &[&Event], fates: &Fates) -> Result<(), String> {
    let mut random = Random::new();
    let edges = edges(events);
    let instants = instants(events, &edges, &mut random);
    let mut disk = PowerCutDisk::new(events);
    // Before the first acknowledgement each message may be there or not.
    let mut known: Fates = fates
        .keys()
        .map(|number| (*number, Fate::Unanswered))
        .collect();
    let mut unanswered = fates.clone();
    for (instant, edge) in edges.iter().enumerate() {
        disk.step(*edge);
        // From the instant at which a 250 begins to leave, its client may have seen it.
        let begun = events.get(edge.event).filter(|_| !edge.ends);
        for id in begun.into_iter().flat_map(|event| event.acknowledged_ids()) {
            let answered =
                unanswered.extract_if(.., |_, fate| *fate == Fate::Acknowledged(id.clone()));
            known.extend(answered);
        }
        if instants.contains(&instant) {
            let place = tempfile::tempdir().unwrap();
            disk.cut(&mut random, place.path());
            start_and_inspect(place.path(), &known)
                .map_err(|loss| format!("a cut at {instant} of {}: {loss}", edges.len()))?;
        }
    }
    Ok(())
}

/// Half of them anywhere, half a moment after a 250.
fn instants(events: &[&Event], edges: &[Edge], random: &mut Random) -> BTreeSet<usize> {
    let answers: Vec<usize> = (0..edges.len())
        .filter(|place| {
            events[edges[*place].event]
                .acknowledged_ids()
                .next()
                .is_some()
        })
        .collect();
    let count = if long_form() { 5000 } else { 200 };
    let mut instants = BTreeSet::new();
    while instants.len() < count {
        instants.insert(random.below(edges.len()));
        instants.insert(answers[random.below(answers.len())] + random.below(10));
    }
    instants
}

/// Starts a store on what the cut has left, as a server would, and compares.
fn start_and_inspect(folder: &Path, fates: &Fates) -> Result<(), String> {
    let mut settings = StoreSettings::at(folder);
    settings.min_free_disk = MinFreeDisk::Off;
    // The cut is over: nothing that happens from here on needs to survive another.
    settings.durability = Durability::Off;
    let opened = SqliteStore::open(&settings).map_err(|error| error.to_string())?;
    let outcome = inspect(folder, fates);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(opened.store.close());
    outcome
}

/// Enough for the log to be copied and started over, few enough to be written out at each cut.
const MESSAGES: u32 = 250;
