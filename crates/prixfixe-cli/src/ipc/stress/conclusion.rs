//! The end of a level: its result, as a file of the lab's format and for whoever sits before it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use prixfixe_load::resources::Resources;
use prixfixe_load::result::{Measurement, Part, ResultFile, SCHEMA, Table};
use prixfixe_load::results::ResultFolder;
use serde_json::Value;

use super::gathered::Gathered;
use crate::ipc::clock::Nanos;
use crate::stress::{command_line, machine, summary};

/// What a level has found so far.
pub(super) struct Findings {
    started_at: Timestamp,
    parts: Vec<Part>,
    whole: Option<Gathered>,
    tables: Vec<Table>,
    faults: Vec<String>,
    notes: Vec<String>,
}

/// How long a client sleeps before it looks by itself, as the library has it.
const LOOKS_BY_ITSELF: Nanos = Nanos(50_000_000);

/// A part of a level that has come to its end.
pub(super) struct Finished<'a> {
    pub(super) name: &'a str,
    pub(super) gathered: Gathered,
    /// How many calls were to be made, where that was fixed.
    pub(super) planned: Option<u64>,
    pub(super) settings: Value,
    /// What the server took, and when the part began.
    pub(super) server: Option<(&'a Resources, Instant)>,
}

/// Where the result is kept.
#[derive(Clone, Debug)]
pub(super) struct Keeping {
    pub(super) output: Option<PathBuf>,
    pub(super) results: PathBuf,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self {
            started_at: Timestamp::now(),
            parts: Vec::new(),
            whole: None,
            tables: Vec::new(),
            faults: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// A part that ran after all before it.
    pub(super) fn part(&mut self, part: Finished<'_>) {
        let gathered = self.look_into(part);
        match &mut self.whole {
            Some(whole) => whole.append(&gathered),
            None => self.whole = Some(gathered),
        }
    }

    /// A part that ran beside the one before.
    pub(super) fn part_beside(&mut self, part: Finished<'_>) {
        let gathered = self.look_into(part);
        match &mut self.whole {
            Some(whole) => whole.join(&gathered),
            None => self.whole = Some(gathered),
        }
    }

    fn look_into(&mut self, part: Finished<'_>) -> Gathered {
        let Finished {
            name,
            gathered,
            planned,
            settings,
            server,
        } = part;
        for fault in gathered.account.faults() {
            self.fault(format!("{name}: {fault}"));
        }
        let calls = gathered.account.calls();
        if let Some(planned) = planned.filter(|planned| *planned != calls) {
            self.fault(format!(
                "{name}: {planned} calls were to be made, and {calls} are accounted for"
            ));
        }
        self.look_into_wakes(name, &gathered);
        let mut measured = gathered.measurement(settings);
        if let Some((resources, began)) = server {
            resources.write_into(&mut measured, began);
        }
        self.parts.push(Part {
            name: name.to_owned(),
            measured,
        });
        gathered
    }

    /// A sleeper looks by itself after a while. Where calls take that long, a reply may come at just
    /// that moment; where they do not, its wake-up was lost.
    fn look_into_wakes(&mut self, name: &str, gathered: &Gathered) {
        if gathered.woke_late == 0 {
            return;
        }
        let times = gathered.woke_late;
        if gathered.latencies.at(0.99) < LOOKS_BY_ITSELF {
            self.fault(format!(
                "{name}: {times} wake-ups were lost and made up for"
            ));
        }
        let text = "replies that were there when a sleeper looked by itself";
        let row = vec![name.to_owned(), times.to_string()];
        self.table("Late wake-ups", &["part", text], vec![row]);
    }

    /// Calls of a part that should all have been completed and were not.
    pub(super) fn expect_all_completed(&mut self, name: &str, gathered: &Gathered) {
        let failed = gathered.account.calls() - gathered.account.completed();
        if failed > 0 {
            self.fault(format!("{name}: {failed} calls were not completed"));
        }
    }

    /// A promise was broken.
    pub(super) fn fault(&mut self, text: impl Into<String>) {
        self.faults.push(text.into());
    }

    /// What was found so far to be broken.
    #[cfg(test)]
    pub(super) fn faults(&self) -> &[String] {
        &self.faults
    }

    /// Something that whoever reads the figures should know.
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn table(&mut self, title: &str, columns: &[&str], rows: Vec<Vec<String>>) {
        self.tables.push(Table {
            title: title.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows,
        });
    }

    /// Writes and shows the result, and says whether every promise was kept.
    pub(super) fn conclude(
        mut self,
        scenario: &str,
        settings: Value,
        keeping: &Keeping,
    ) -> io::Result<bool> {
        let whole = self.whole_measurement(settings);
        // The figures of a level of one part are those of the whole.
        if self.parts.len() == 1 {
            self.parts.clear();
        }
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let result = ResultFile {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            started_at: self.started_at.to_string(),
            passed: self.faults.is_empty(),
            faults: self.faults,
            whole,
            parts: self.parts,
            tables: self.tables,
            disk_probe: None,
            machine: machine::this(None),
            versions: BTreeMap::from([("prixfixe".to_owned(), version)]),
            command: command_line::of_this_process(),
        };
        let written = write(&result, self.started_at, keeping);
        summary::print(
            &result,
            &self.notes,
            written.as_deref().ok(),
            &mut io::stdout().lock(),
        )?;
        io::stdout().flush()?;
        written?;
        Ok(result.passed)
    }

    fn whole_measurement(&mut self, settings: Value) -> Measurement {
        let mut whole = match (&self.parts[..], &self.whole) {
            ([only], _) => only.measured.clone(),
            (_, Some(gathered)) => gathered.measurement(Value::Null),
            (_, None) => Measurement {
                valid: true,
                ..Measurement::default()
            },
        };
        whole.settings = settings;
        whole
    }
}

fn write(result: &ResultFile, started_at: Timestamp, keeping: &Keeping) -> io::Result<PathBuf> {
    let unwritten = |path: &Path, error: &io::Error| {
        io::Error::other(format!(
            "the result could not be written to {}: {error}; what is above is all there is",
            path.display()
        ))
    };
    let path = match &keeping.output {
        Some(path) => path.clone(),
        None => ResultFolder::new(&keeping.results)
            .new_file(&result.scenario, started_at)
            .map_err(|error| unwritten(&keeping.results, &error))?,
    };
    result
        .write(&path)
        .map_err(|error| unwritten(&path, &error))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_wake_up_is_a_fault_unless_calls_take_as_long_as_a_sleeper_waits() {
        let findings_of = |latency| {
            let mut gathered = Gathered::default();
            gathered.latencies.record(Nanos(latency));
            gathered.woke_late = 1;
            let mut findings = Findings::new();
            findings.look_into_wakes("a", &gathered);
            (findings.faults.len(), findings.tables.len())
        };
        assert_eq!(findings_of(1_000), (1, 1));
        assert_eq!(findings_of(300_000_000), (0, 1));
    }
}
