//! What `run` and the scenarios are told alike: how to talk, where to look for what arrived, and
//! what to keep.

mod encryption;
mod keeping;
mod login;
mod place;
mod talk;
mod timeouts;
mod verifying;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use prixfixe_load::ledger::LedgerReader;
use prixfixe_load::plan::{Dialogue, Login, Plan, Timeouts, Tls};
use prixfixe_load::result::ResultFile;
use prixfixe_load::schedule::Schedule;

use super::lab_folder::LabFolder;

pub(super) use place::{Place, Targets};
pub(super) use verifying::Verify;

/// Flags that `run` and the scenarios share.
#[derive(Debug, Args)]
pub(super) struct TermsFlags {
    #[command(flatten)]
    talk: talk::TalkFlags,
    #[command(flatten)]
    encryption: encryption::EncryptionFlags,
    #[command(flatten)]
    login: login::LoginFlags,
    #[command(flatten)]
    timeouts: timeouts::TimeoutFlags,
    #[command(flatten)]
    verifying: verifying::VerifyingFlags,
    #[command(flatten)]
    keeping: keeping::KeepingFlags,
}

/// What holds for every part of a run.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// Where to.
    pub(super) place: Place,
    /// Who talks to whom.
    pub(super) dialogue: Dialogue,
    /// How many messages a connection carries.
    pub(super) per_connection: Option<NonZeroU32>,
    /// How many threads generate.
    pub(super) threads: Option<usize>,
    /// How connections are encrypted.
    pub(super) tls: Tls,
    /// Who logs in.
    pub(super) login: Option<Login>,
    /// How long each step may take.
    pub(super) timeouts: Timeouts,
    /// Where what arrived is looked for.
    pub(super) verify: Verify,
    /// Where the first ledger is written, if it is to be kept.
    pub(super) ledger: Option<PathBuf>,
    /// The result file, if not one of a name of its own.
    pub(super) output: Option<PathBuf>,
    /// The folder of results.
    pub(super) results: PathBuf,
    /// Whether the servers' folders are kept.
    pub(super) keep: bool,
    /// Where the servers' folders are made.
    pub(super) lab: LabFolder,
    /// Settings of own servers, `KEY=VALUE`.
    pub(super) sets: Vec<String>,
}

/// Flags that contradict each other, in words for who gave them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Misuse(pub(super) String);

impl Misuse {
    /// With these words.
    pub(super) fn because<T>(words: impl Into<String>) -> Result<T, Self> {
        Err(Self(words.into()))
    }
}

impl TermsFlags {
    /// The terms, if they can be met.
    pub(super) fn into_terms(self, place: Place) -> Result<Terms, Misuse> {
        check_files(
            self.keeping.output.as_deref(),
            self.verifying.ledger.as_deref(),
        )?;
        let tls = self.encryption.tls()?;
        let login = self.login.login()?;
        let verify = self.verifying.verify(&place)?;
        if !self.keeping.sets.is_empty() && place.targets().is_some() {
            return Misuse::because("--set is for servers that the lab starts, not for a --target");
        }
        if self.keeping.keep && place.targets().is_some() {
            return Misuse::because(
                "--keep keeps servers that the lab starts, and there are none with --target",
            );
        }
        Ok(Terms {
            dialogue: self.talk.dialogue(place.targets().is_none()),
            place,
            per_connection: self.talk.per_connection,
            threads: self.talk.threads.map(usize::from),
            tls,
            login,
            timeouts: self.timeouts.timeouts(),
            verify,
            ledger: self.verifying.ledger,
            output: self.keeping.output,
            results: self.keeping.results,
            keep: self.keeping.keep,
            lab: self.keeping.lab,
            sets: self.keeping.sets,
        })
    }
}

/// Files that are written at the end are looked at before the run: nothing else is replaced, and a
/// folder that is not there costs no result.
fn check_files(output: Option<&Path>, ledger: Option<&Path>) -> Result<(), Misuse> {
    if let (Some(output), Some(ledger)) = (output, ledger)
        && output == ledger
    {
        return Misuse::because("--output and --ledger name the same file");
    }
    if let Some(output) = output {
        check_folder("--output", output)?;
        if output.is_file() && ResultFile::read(output).is_err() {
            return Misuse::because(format!(
                "--output: {} is there and is no result; choose another name, or remove it",
                output.display()
            ));
        }
    }
    if let Some(ledger) = ledger {
        check_folder("--ledger", ledger)?;
        if ledger.is_file() && LedgerReader::open(ledger).is_err() {
            return Misuse::because(format!(
                "--ledger: {} is there and is no ledger; choose another name, or remove it",
                ledger.display()
            ));
        }
    }
    Ok(())
}

fn check_folder(flag: &str, file: &Path) -> Result<(), Misuse> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Misuse::because(format!("{flag}: there is no folder {}", folder.display()))
        }
        _ => Ok(()),
    }
}

impl Terms {
    /// A plan on these terms; the targets are the lab's to set.
    pub(super) fn plan(&self, schedule: Schedule, workers: usize) -> Plan {
        Plan {
            per_connection: self.per_connection,
            dialogue: self.dialogue.clone(),
            tls: self.tls.clone(),
            login: self.login.clone(),
            timeouts: self.timeouts,
            threads: self.threads,
            ..Plan::new(Vec::new(), schedule, workers)
        }
    }
}

/// A length of time as settings have it: `30s`, `1h30m`.
fn length(text: &str) -> Result<Duration, String> {
    let parsed: Result<crate::config::Duration, _> = text.parse();
    parsed
        .map(crate::config::Duration::get)
        .map_err(|error| error.to_string())
}

/// The same, for flags of others.
pub(super) fn length_flag(text: &str) -> Result<Duration, String> {
    match length(text)? {
        Duration::ZERO => Err("longer than nothing".to_owned()),
        length => Ok(length),
    }
}
