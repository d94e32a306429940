//! `prixfixe results check`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use prixfixe_load::gates::{self, Gates, Verdict};
use prixfixe_load::results::ResultFolder;

use super::format::Format;
use crate::cli::Outcome;

/// Hold a result against gates; exit code 1 if one is missed
///
/// A gate that names what the result has not is missed.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: prixfixe results check quick --gates gates.toml --reference peer.json"
)]
pub(super) struct Check {
    /// A path, a name in the folder of results, `latest`, or a scenario
    file: String,

    /// The file of gates
    #[arg(long, value_name = "FILE", default_value = "gates.toml")]
    gates: PathBuf,

    /// The result of another receiver, run in the same minutes, for gates on ratios
    #[arg(long, value_name = "FILE")]
    reference: Option<String>,

    /// The table of gates to use instead of the scenario's own
    #[arg(long, value_name = "NAME")]
    table: Option<String>,

    /// How to print what became of each gate
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

impl Check {
    pub(super) fn run(self, folder: &ResultFolder) -> io::Result<Outcome> {
        let path = self.gates.display();
        let text = fs::read_to_string(&self.gates)
            .map_err(|error| io::Error::new(error.kind(), format!("{path}: {error}")))?;
        let gates = match Gates::parse(&text) {
            Ok(gates) => gates,
            Err(error) => {
                writeln!(io::stderr(), "prixfixe results check: {path}: {error}")?;
                return Ok(Outcome::Misused);
            }
        };
        let kept = super::find(folder, &self.file)?;
        let reference = match &self.reference {
            Some(name) => Some(super::find(folder, name)?.result),
            None => None,
        };
        let table = self.table.as_ref().unwrap_or(&kept.result.scenario);
        let Some(gates) = gates.of(table) else {
            let known: Vec<&str> = gates.scenarios().collect();
            writeln!(
                io::stderr(),
                "prixfixe results check: {path} has no gates for {table:?}; it has some for: {}",
                known.join(", ")
            )?;
            return Ok(Outcome::Misused);
        };
        let verdicts = gates::check(gates, &kept.result, reference.as_ref());
        self.format.print(&Verdict::sheet(&verdicts))?;
        let missed = verdicts.iter().filter(|verdict| !verdict.met).count();
        let name = kept.name();
        if missed == 0 {
            writeln!(io::stderr(), "{name} meets all of {} gates", verdicts.len())?;
            Ok(Outcome::Done)
        } else {
            let all = verdicts.len();
            writeln!(io::stderr(), "{name} misses {missed} of {all} gates")?;
            Ok(Outcome::Failed)
        }
    }
}
