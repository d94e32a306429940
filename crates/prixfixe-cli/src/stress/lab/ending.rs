//! The end of a scenario: servers stop, what arrived is compared, the result is written and shown.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use prixfixe_load::export;
use prixfixe_load::plan::Plan;
use prixfixe_load::result::{Measurement, Part, ResultFile, SCHEMA, Verification};
use prixfixe_load::results::ResultFolder;
use prixfixe_load::schedule::Schedule;
use prixfixe_load::verify::Account;

use super::Lab;
use crate::cli::Outcome;
use crate::stress::terms::Verify;
use crate::stress::{command_line, machine, store_source, summary};

impl Lab {
    /// Ends it.
    pub(super) fn end(mut self) -> io::Result<Outcome> {
        self.end_disk_probe();
        self.stop_servers();
        let verification = match self.verification() {
            None => None,
            Some(Ok(verification)) => {
                if !verification.holds() {
                    self.fault(summary::of_verification(&verification));
                }
                Some(verification)
            }
            Some(Err(error)) => {
                self.fault(format!("what arrived could not be compared: {error}"));
                None
            }
        };
        let mut whole = self.whole_measurement();
        whole.verification = verification;
        let mut parts = std::mem::take(&mut self.parts);
        // The settings of a scenario of one part are those of the whole.
        if parts.len() == 1 {
            parts.clear();
        }
        let result = ResultFile {
            schema: SCHEMA,
            scenario: self.name.clone(),
            started_at: self.started_at.to_string(),
            passed: self.faults.is_empty(),
            faults: std::mem::take(&mut self.faults),
            whole,
            parts,
            tables: std::mem::take(&mut self.tables),
            disk_probe: self.disk_probe,
            machine: machine::this(self.is_own().then(|| self.folder.path())),
            versions: self.versions(),
            command: command_line::of_this_process(),
        };
        let written = self.write(&result);
        summary::print(
            &result,
            &self.notes,
            written.as_deref().ok(),
            &mut io::stdout().lock(),
        )?;
        if self.terms.keep {
            let kept = self.folder.keep();
            writeln!(
                io::stdout(),
                "the servers' folders are in {}",
                kept.display()
            )?;
        }
        written?;
        Ok(if result.passed {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }

    /// All parts as one.
    fn whole_measurement(&mut self) -> Measurement {
        if let [only] = &self.parts[..] {
            return only.measured.clone();
        }
        let Some(recording) = &self.whole else {
            return Measurement {
                valid: true,
                ..Measurement::default()
            };
        };
        // Parts have plans of their own; the whole has none.
        let no_plan = Schedule::Closed {
            messages: None,
            lasts: None,
        };
        let mut whole = recording.measurement(&Plan::new(Vec::new(), no_plan, 0));
        // What parts make up is no better than they are; here each reason has the name of its part.
        let invalid: Vec<&Part> = self.parts.iter().filter(|it| !it.measured.valid).collect();
        if !invalid.is_empty() {
            whole.valid = false;
            let named = |part: &&Part| {
                let because = part.measured.invalid_because.join("; ");
                format!("{}: {because}", part.name)
            };
            whole.invalid_because = invalid.iter().map(named).collect();
        }
        whole.settings = serde_json::Value::Null;
        whole.server = self.whole_server.take().map(|mut server| {
            if whole.accepted > 0 {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let thousands = whole.accepted as f64 / 1000.0;
                server.cpu_s_per_1000 = server.cpu_s / thousands;
            }
            server
        });
        whole
    }

    /// What arrived against what was acknowledged, if that is wanted and anything was sent.
    fn verification(&self) -> Option<io::Result<Verification>> {
        if !self.verifies || self.ledgers.is_empty() {
            return None;
        }
        Some(self.compare().map_err(io::Error::other))
    }

    fn compare(&self) -> Result<Verification, Box<dyn std::error::Error + Send + Sync>> {
        let mut account = Account::open(&self.ledgers, NonZeroU16::MIN)?;
        if self.is_own() {
            account.expect_nothing_else();
        }
        let stores: &[PathBuf] = match &self.terms.verify {
            Verify::Stores(stores) => stores,
            Verify::OwnStores { .. } => &self.stores,
            Verify::Export(path) => {
                for message in export::open(path)? {
                    let message = message?;
                    let recipients = message.recipients.as_deref();
                    account.arrived(&message.octets, recipients, &message.place);
                }
                return Ok(account.settle(&path.display().to_string())?);
            }
            Verify::Not => &[],
        };
        for store in stores {
            store_source::take_down(store, &mut account)?;
        }
        let source = match (stores, self.is_own()) {
            (_, true) => "the stores of the servers".to_owned(),
            (stores, false) => {
                let named: Vec<String> = stores
                    .iter()
                    .map(|store| store.display().to_string())
                    .collect();
                named.join(", ")
            }
        };
        Ok(account.settle(&source)?)
    }

    fn versions(&self) -> std::collections::BTreeMap<String, String> {
        let own = ("prixfixe".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
        let banners = self.banners.iter().filter(|_| !self.is_own()).cloned();
        banners.chain([own]).collect()
    }

    fn write(&self, result: &ResultFile) -> io::Result<PathBuf> {
        let path = match &self.terms.output {
            Some(path) => path.clone(),
            None => ResultFolder::new(&self.terms.results)
                .new_file(&self.name, self.started_at)
                .map_err(|error| unwritten(&self.terms.results, &error))?,
        };
        result
            .write(&path)
            .map_err(|error| unwritten(&path, &error))?;
        Ok(path)
    }
}

fn unwritten(path: &Path, error: &io::Error) -> io::Error {
    io::Error::other(format!(
        "the result could not be written to {}: {error}; what is above is all there is",
        path.display()
    ))
}

/// The first line of a log that says that something went wrong in the server itself.
pub(super) fn complaint(log: &Path) -> Option<String> {
    let lines = BufReader::new(File::open(log).ok()?).lines();
    let mut lines = lines.map_while(Result::ok);
    lines.find(|line| line.contains("\"level\":\"ERROR\"") || line.contains("panicked at"))
}
