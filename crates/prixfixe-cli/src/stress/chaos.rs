//! `prixfixe stress chaos`: one fault after the other beside a healthy load, and what came of each.

mod crowd;
mod hostile;
mod hostile_client;
mod row;
mod shortage;
mod trial;

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use prixfixe_load::result::Table;

use super::lab::{Lab, LabError};
use super::misused;
use super::terms::{Misuse, Place, Targets, TermsFlags, length_flag};
use crate::cli::Outcome;
use row::{Row, rows};
use trial::MOST_GROWTH_OCTETS;

/// Let everything go wrong beside a healthy load, one fault after the other
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe stress chaos\n          \
    prixfixe stress chaos --only reset-reply,slow-bodies --duration 10s\n          \
    prixfixe stress chaos --target mx.example.com:25 --to load@example.com")]
pub(super) struct Chaos {
    /// Only these faults; --only help lists them
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,

    /// How long each fault lasts
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = length_flag)]
    duration: Duration,

    /// A server that runs already, as HOST:PORT; without the faults that need a hold over it
    #[arg(long, value_name = "HOST:PORT")]
    target: Option<Targets>,

    #[command(flatten)]
    terms: TermsFlags,
}

impl Chaos {
    /// Carries it out.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let mut chosen = rows();
        let names: Vec<&str> = chosen.iter().map(|row| row.name).collect();
        if self.only == ["help"] {
            writeln!(io::stdout(), "{}", names.join("\n"))?;
            return Ok(Outcome::Done);
        }
        if let Some(unknown) = self
            .only
            .iter()
            .find(|name| !names.contains(&name.as_str()))
        {
            return misused(
                "chaos",
                &format!("there is no fault {unknown:?}; --only help lists them"),
            );
        }
        if !self.only.is_empty() {
            chosen.retain(|row| self.only.iter().any(|name| name == row.name));
        }
        let terms =
            Place::of(self.target, None, Vec::new()).and_then(|place| self.terms.into_terms(place));
        let terms = match terms {
            Ok(terms) => terms,
            Err(Misuse(text)) => return misused("chaos", &text),
        };
        Lab::conduct("chaos", terms, |lab| steps(lab, &chosen, self.duration))
    }
}

fn steps(lab: &mut Lab, rows: &[Row], lasts: Duration) -> Result<(), LabError> {
    let target = if lab.is_own() {
        None
    } else {
        lab.targets().into_iter().next()
    };
    let mut table = Table {
        title: match target {
            Some(_) => "Faults (memory, descriptors and mail of a target are not seen)".to_owned(),
            None => format!(
                "Faults (memory is back if it grew by at most {} MiB)",
                MOST_GROWTH_OCTETS >> 20
            ),
        },
        columns: COLUMNS.map(str::to_owned).to_vec(),
        rows: Vec::new(),
    };
    let mut inputs = Vec::new();
    let mut stopped = false;
    for (index, row) in rows.iter().enumerate() {
        if target.is_some() && row.fault.needs_own_server() {
            lab.note(format!(
                "{}: left out, it needs a server that the lab starts",
                row.name
            ));
            continue;
        }
        stopped = lab.interrupt().is_set();
        if stopped {
            break;
        }
        tell(&format!(
            "chaos {} of {}: {}",
            index + 1,
            rows.len(),
            row.name
        ));
        match trial::run(lab, row, lasts, target.as_deref()) {
            Ok(outcome) => {
                table.rows.push(in_words(row, &outcome));
                for fault in &outcome.faults {
                    lab.fault(format!("{}: {fault}", row.name));
                }
                let mut figures = outcome.healthy.figures;
                figures.verification = outcome.verification;
                lab.take_part(row.name, figures, outcome.healthy.recording);
                inputs.extend(outcome.inputs);
            }
            Err(error) => lab.fault(format!("{}: {error}", row.name)),
        }
    }
    lab.table(table);
    if !inputs.is_empty() {
        lab.table(Table {
            title: "Hostile inputs".to_owned(),
            columns: ["input", "replies", "end", "verdict"]
                .map(str::to_owned)
                .to_vec(),
            rows: inputs,
        });
    }
    if stopped {
        return Err(LabError::Stopped);
    }
    Ok(())
}

const COLUMNS: [&str; 8] = [
    "fault",
    "faulty clients saw",
    "healthy",
    "takes mail after",
    "mail",
    "memory KiB",
    "descriptors",
    "verdict",
];

fn in_words(row: &Row, outcome: &trial::Outcome) -> Vec<String> {
    let unknown = || "–".to_owned();
    vec![
        row.name.to_owned(),
        outcome.faulty.clone(),
        format!(
            "{} of {}",
            outcome.healthy.figures.accepted, outcome.healthy.figures.sent
        ),
        outcome.recovered.map_or_else(
            || "never".to_owned(),
            |time| format!("{} ms", time.as_millis()),
        ),
        outcome.verification.as_ref().map_or_else(unknown, |found| {
            format!(
                "{} stored, {} lost, {} doubled, {} altered, {} misdelivered",
                found.stored,
                found.lost.count,
                found.duplicated.count,
                found.altered.count,
                found.misdelivered.count
            )
        }),
        outcome.usage.map_or_else(unknown, |(before, after)| {
            format!("{} → {}", before.private >> 10, after.private >> 10)
        }),
        outcome.usage.map_or_else(unknown, |(before, after)| {
            format!("{} → {}", before.descriptors, after.descriptors)
        }),
        if outcome.faults.is_empty() {
            "held"
        } else {
            "FAILED"
        }
        .to_owned(),
    ]
}

fn tell(line: &str) {
    // With standard error gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{line}");
}
