//! The account: what was acknowledged, compared with what arrived.
//!
//! The ledgers of one or several runs are opened, every message that is found is shown to the
//! account, and then it is settled. What it keeps for a message is six octets and a bit for each of
//! its recipients, in pages of 1,024 messages whose numbers follow each other, and the names of a
//! bounded number of findings.

use std::collections::{HashMap, HashSet};
use std::io;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use crate::label::{self, Inspected};
use crate::ledger::{Answer, LedgerReader};
use crate::result::{Findings, Verification};
use crate::run_id::RunId;

mod book;
mod finding;

use book::Book;
use finding::{Fault, Known, KnownEntry, Notes};

/// An account of one or several runs.
#[derive(Debug)]
pub struct Account {
    ledgers: Vec<PathBuf>,
    unfinished_ledgers: Vec<PathBuf>,
    copies: NonZeroU16,
    runs: HashMap<RunId, Book>,
    /// How many octets the pages of the books may take yet.
    octets_left: u64,
    /// The runs of which a ledger broke off: what it does not have may have been acknowledged.
    unfinished: HashSet<RunId>,
    /// Whether nothing else may be where these runs are looked for.
    alone: bool,
    /// What was found, and what of it is wrong.
    stored: u64,
    unlisted: u64,
    foreign: Findings,
    unlabelled: u64,
    of_other_runs: u64,
    duplicated: Notes,
    altered: Notes,
    misdelivered: Notes,
    recipients_known: u64,
    not_wanted: Notes,
}

impl Account {
    /// The most messages of all ledgers together, where their numbers follow each other and none has
    /// more than eight recipients; with more there are fewer.
    pub const MOST_MESSAGES: u64 = 1 << 27;
    /// The memory that they take, in octets.
    pub const MOST_OCTETS: u64 = 7 * Self::MOST_MESSAGES;

    /// Reads what was acknowledged, from ledgers that are complete. `copies` is how often an
    /// acknowledged message has to be found: once, or once for each recipient where a target stores
    /// it so. Ledgers may be of the same run if no message is in two of them.
    pub fn open(ledgers: &[PathBuf], copies: NonZeroU16) -> Result<Self, AccountError> {
        let account = Self::open_unfinished(ledgers, copies)?;
        match account.unfinished_ledgers.first() {
            Some(path) => Err(AccountError::Unfinished(path.clone())),
            None => Ok(account),
        }
    }

    /// The same, from ledgers that may have broken off, as that of a generator that was killed. What
    /// such a run sent and its ledger does not have is nobody's fault where it is found, and nobody
    /// knows of it where it is not.
    pub fn open_unfinished(ledgers: &[PathBuf], copies: NonZeroU16) -> Result<Self, AccountError> {
        let mut unfinished = HashSet::new();
        let mut unfinished_ledgers = Vec::new();
        let mut runs: HashMap<RunId, Book> = HashMap::new();
        let mut octets_left = Self::MOST_OCTETS;
        for path in ledgers {
            let unreadable = AccountError::of_ledger(path);
            let mut ledger = LedgerReader::open(path).map_err(&unreadable)?;
            let run = ledger.run;
            let book = runs
                .entry(run)
                .or_insert_with(|| Book::new(ledger.recipients.clone()));
            if *book.recipients() != ledger.recipients {
                return Err(AccountError::OtherRecipients(path.clone()));
            }
            for entry in ledger.by_ref() {
                let entry = entry.map_err(&unreadable)?;
                let known = book
                    .entry_or_new(entry.number, &mut octets_left)
                    .ok_or(AccountError::TooMany)?;
                if known.record.answer.replace(entry.answer).is_some() {
                    return Err(AccountError::Twice {
                        path: path.to_owned(),
                        number: entry.number,
                    });
                }
            }
            if !ledger.is_complete() {
                unfinished.insert(run);
                unfinished_ledgers.push(path.clone());
            }
        }
        Ok(Self {
            ledgers: ledgers.to_owned(),
            unfinished_ledgers,
            copies,
            runs,
            octets_left,
            unfinished,
            alone: false,
            stored: 0,
            unlisted: 0,
            foreign: Findings::default(),
            unlabelled: 0,
            of_other_runs: 0,
            duplicated: Notes::default(),
            altered: Notes::default(),
            misdelivered: Notes::default(),
            recipients_known: 0,
            not_wanted: Notes::default(),
        })
    }

    /// The ledgers that broke off.
    pub fn unfinished_ledgers(&self) -> &[PathBuf] {
        &self.unfinished_ledgers
    }

    /// Says that nothing else may be where these runs are looked for: from now on a message without
    /// a label, or of another run, is a fault.
    pub fn expect_nothing_else(&mut self) {
        self.alone = true;
    }

    /// Takes down a message that was found, with trace lines in front of it or without: `recipients`
    /// are those for whom this copy was stored, where that is known, and `place` says where it is.
    pub fn arrived(&mut self, message: &[u8], recipients: Option<&[String]>, place: &str) {
        let (label, is_intact) = match label::inspect(message) {
            Inspected::Unlabelled => {
                self.unlabelled += 1;
                self.stranger("a message without a label", place);
                return;
            }
            Inspected::Intact(label) => (label, true),
            Inspected::Altered(label) => (label, false),
        };
        let Some(book) = self.runs.get_mut(&label.run) else {
            self.of_other_runs += 1;
            let what = format!("message {} of run {}", label.number, label.run);
            self.stranger(&what, place);
            return;
        };
        self.stored += 1;
        self.recipients_known += u64::from(recipients.is_some());
        let who = (label.run, label.number);
        let is_unfinished = self.unfinished.contains(&label.run);
        let entry = if is_unfinished {
            book.entry_or_new(label.number, &mut self.octets_left)
        } else {
            book.entry(label.number)
        };
        let Some(mut entry) = entry else {
            let is_first = !self.not_wanted.names(who);
            self.not_wanted.add(who, place, is_first);
            return;
        };
        let is_unlisted = entry.record.answer.is_none() && is_unfinished;
        let is_first = entry.record.found() == 0;
        self.unlisted += u64::from(is_unlisted && is_first);
        let is_wanted = is_unlisted
            || matches!(
                entry.record.answer,
                Some(Answer::Accepted | Answer::Unknown)
            );
        if is_wanted {
            entry.record.is_for_unknown |= recipients.is_none();
            for address in recipients.unwrap_or_default() {
                if !entry.serve(address) {
                    let is_first = !std::mem::replace(&mut entry.record.is_misdelivered, true);
                    let has_it = format!("<{}> in {place}", finding::shortened(address));
                    self.misdelivered.add(who, &has_it, is_first);
                }
            }
        } else {
            self.not_wanted.add(who, place, is_first);
        }
        let record = entry.record;
        if is_intact {
            record.intact = record.intact.saturating_add(1);
            let too_many = record.intact.saturating_sub(self.copies.get());
            if is_wanted && too_many > 0 {
                self.duplicated.add(who, place, too_many == 1);
            }
        } else {
            record.altered = record.altered.saturating_add(1);
            self.altered.add(who, place, record.altered == 1);
        }
    }

    /// Draws the line, after all that is there has been taken down. `source` says where was looked.
    pub fn settle(mut self, source: &str) -> Result<Verification, AccountError> {
        let mut verification = Verification {
            source: source.to_owned(),
            stored: self.stored,
            unlabelled: self.unlabelled,
            of_other_runs: self.of_other_runs,
            recipients_known: self.recipients_known,
            unanswered_but_stored: self.unlisted,
            foreign: self.foreign,
            ..Verification::default()
        };
        let mut lost = Notes::default();
        let mut known = Known {
            several_runs: self.runs.len() > 1,
            unfinished: self.unfinished,
            ..Known::default()
        };
        // The ledgers are read again, so that replies need not be kept in memory.
        for path in &self.ledgers {
            let unreadable = AccountError::of_ledger(path);
            let ledger = LedgerReader::open(path).map_err(&unreadable)?;
            let run = ledger.run;
            for entry in ledger {
                let entry = entry.map_err(&unreadable)?;
                let who = (run, entry.number);
                let book = self.runs.get_mut(&run);
                let Some(message) = book.and_then(|book| book.entry(entry.number)) else {
                    return Err(AccountError::Changed(path.to_owned()));
                };
                let found = message.record.found();
                let is_complete = found >= u32::from(self.copies.get());
                match entry.answer {
                    Answer::Accepted => {
                        verification.acknowledged += 1;
                        if !is_complete {
                            lost.add_without_place(who);
                        }
                    }
                    Answer::Unknown if message.record.intact > 0 => {
                        verification.unanswered_but_stored += 1;
                    }
                    Answer::Unknown | Answer::Refused => {}
                }
                // Where copies are missing, it is those that are lost.
                let is_there = is_complete && entry.answer != Answer::Refused;
                if is_there && !message.record.is_misdelivered && message.lacks_somebody() {
                    self.misdelivered.add_without_place(who);
                }
                let named = [
                    &lost,
                    &self.duplicated,
                    &self.altered,
                    &self.misdelivered,
                    &self.not_wanted,
                ];
                if named.iter().any(|notes| notes.names(who)) {
                    let unserved = message.unserved().take(finding::MOST_PLACES);
                    let entry = KnownEntry {
                        answer: entry.answer,
                        reply: entry.reply,
                        found,
                        unserved: if message.record.is_for_unknown {
                            Vec::new()
                        } else {
                            unserved.collect()
                        },
                    };
                    known.entries.insert(who, entry);
                }
            }
        }
        verification.lost = lost.findings(Fault::Lost, &known);
        verification.duplicated = self.duplicated.findings(Fault::Duplicated, &known);
        verification.altered = self.altered.findings(Fault::Altered, &known);
        verification.misdelivered = self.misdelivered.findings(Fault::Misdelivered, &known);
        verification.refused_but_stored = self.not_wanted.findings(Fault::NotWanted, &known);
        if verification.lost.count > 0 && self.unlabelled > 0 {
            verification.lost.named.push(format!(
                "{} without a label were found: a lost one may be among them",
                self.unlabelled
            ));
        }
        Ok(verification)
    }

    fn stranger(&mut self, what: &str, place: &str) {
        if !self.alone {
            return;
        }
        self.foreign.count += 1;
        if self.foreign.named.len() < Findings::MOST_NAMED {
            self.foreign
                .named
                .push(format!("{what}: found as {}", finding::shortened(place)));
        }
    }
}

/// An account that cannot be drawn up.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A ledger cannot be read, or is damaged.
    #[error("{}: {error}", .path.display())]
    Ledger {
        /// The ledger.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// A message stands twice in the ledgers of its run, so that there is no saying how it was
    /// answered.
    #[error("{}: message {number} has been in the ledgers before; is this one named twice?", .path.display())]
    Twice {
        /// The second ledger, or the only one.
        path: PathBuf,
        /// The message.
        number: u64,
    },
    /// A ledger has no end, so that losses would not be seen.
    #[error(
        "{}: the ledger has no end: its run goes on, was killed, or could not write it; wait for the end of the run, or take --unfinished to compare what there is",
        .0.display()
    )]
    Unfinished(PathBuf),
    /// Two ledgers of one run do not agree on whom its messages are for.
    #[error(
        "{}: its messages are for others than in another ledger of the same run; compare the two one by one",
        .0.display()
    )]
    OtherRecipients(PathBuf),
    /// A ledger is not any more what it was; the run goes on.
    #[error("{} changes while it is read; wait for the end of the run", .0.display())]
    Changed(PathBuf),
    /// There is no room for all of them.
    #[error(
        "the ledgers have more than {} messages, or their numbers lie far apart, or messages have hundreds of recipients",
        Account::MOST_MESSAGES
    )]
    TooMany,
}

impl AccountError {
    fn of_ledger(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Ledger {
            path: path.clone(),
            error,
        }
    }
}

#[cfg(test)]
mod recipient_tests;
#[cfg(test)]
mod tests;
