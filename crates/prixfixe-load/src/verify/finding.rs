//! What is wrong with which message, in words.

use std::collections::{BTreeMap, HashSet};

use crate::ledger::Answer;
use crate::result::Findings;
use crate::run_id::RunId;

/// A message: its run and its number.
pub(super) type Who = (RunId, u64);

/// Messages with one fault: how many, and where the first of them were found.
#[derive(Debug, Default)]
pub(super) struct Notes {
    count: u64,
    named: BTreeMap<Who, Vec<String>>,
}

/// How many places of a message are named, and how much of the name of one, in octets.
pub(super) const MOST_PLACES: usize = 4;
const MOST_PLACE_OCTETS: usize = 256;

impl Notes {
    /// Takes down a message, for the first time or again.
    pub(super) fn add(&mut self, who: Who, place: &str, is_first: bool) {
        self.count += u64::from(is_first);
        if is_first && self.named.len() < Findings::MOST_NAMED {
            self.named.entry(who).or_default();
        }
        if let Some(places) = self.named.get_mut(&who)
            && places.len() < MOST_PLACES
        {
            places.push(shortened(place).to_owned());
        }
    }

    /// Takes down a message of which no place says what is wrong.
    pub(super) fn add_without_place(&mut self, who: Who) {
        self.count += 1;
        if self.named.len() < Findings::MOST_NAMED {
            self.named.entry(who).or_default();
        }
    }

    /// Whether a message is among those that are named.
    pub(super) fn names(&self, who: Who) -> bool {
        self.named.contains_key(&who)
    }

    /// Puts them into words.
    pub(super) fn findings(&self, fault: Fault, known: &Known) -> Findings {
        let name = |(who, places): (&Who, &Vec<String>)| known.sentence(fault, *who, places);
        Findings {
            count: self.count,
            named: self.named.iter().map(name).collect(),
        }
    }
}

/// As much of the name of a place as is told.
pub(super) fn shortened(place: &str) -> &str {
    &place[..place.floor_char_boundary(MOST_PLACE_OCTETS)]
}

/// What can be wrong with a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    Lost,
    Duplicated,
    Altered,
    Misdelivered,
    NotWanted,
}

/// What is known of the messages that are named.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Whether a number alone does not say which message is meant.
    pub(super) several_runs: bool,
    /// The runs of which a ledger broke off.
    pub(super) unfinished: HashSet<RunId>,
    /// What the ledger says of each, and how often it was found.
    pub(super) entries: BTreeMap<Who, KnownEntry>,
}

/// A line of a ledger, and how often its message was found.
#[derive(Debug)]
pub(super) struct KnownEntry {
    pub(super) answer: Answer,
    pub(super) reply: String,
    pub(super) found: u32,
    /// Some of those who have no copy, as far as it is known who has.
    pub(super) unserved: Vec<String>,
}

impl Known {
    fn sentence(&self, fault: Fault, who: Who, places: &[String]) -> String {
        let (run, number) = who;
        let of_run = if self.several_runs {
            format!(" of run {run}")
        } else {
            String::new()
        };
        let entry = self.entries.get(&who);
        let found = entry.map_or(0, |entry| entry.found);
        let places = places.join(", ");
        let unserved = entry.map_or(&[][..], |entry| &entry.unserved);
        let unserved: Vec<String> = unserved
            .iter()
            .map(|address| format!("<{}>", shortened(address)))
            .collect();
        let what = match fault {
            Fault::Lost if found == 0 => "not found".to_owned(),
            Fault::Lost if unserved.is_empty() => format!("copies found: {found}"),
            Fault::Lost => format!("copies found: {found}, none for {}", unserved.join(", ")),
            // The ledger broke off before it, and so did the count.
            Fault::Duplicated if entry.is_none() => format!("found again as {places}"),
            Fault::Duplicated => format!("found {found} times, at last as {places}"),
            Fault::Altered => format!("altered in {places}"),
            Fault::Misdelivered if places.is_empty() => {
                format!("not stored for {}", unserved.join(", "))
            }
            Fault::Misdelivered if unserved.is_empty() => format!("stored for {places} as well"),
            Fault::Misdelivered => {
                format!("stored for {places}, and not for {}", unserved.join(", "))
            }
            Fault::NotWanted => format!("found as {places}"),
        };
        let answered = match entry {
            None if self.unfinished.contains(&run) => {
                "it is not in the ledger, which broke off".to_owned()
            }
            None => "it is not in the ledger, its body never ended".to_owned(),
            Some(KnownEntry { answer, reply, .. }) => match answer {
                Answer::Accepted => format!("acknowledged by {reply}"),
                Answer::Refused => format!("refused by {reply}"),
                Answer::Unknown => "never answered".to_owned(),
            },
        };
        format!("message {number}{of_run}: {what}; {answered}")
    }
}
