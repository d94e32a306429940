//! `prixfixe stress status`.

use std::io::{self, Write};

use clap::Args;
use console::{Alignment, pad_str};
use prixfixe_delivery::sqlite::{Filter, StoreReader};
use prixfixe_load::resources::Usage;

use super::{Member, ServerSet};
use crate::cli::Outcome;
use crate::stress::lab_folder::LabFolder;

/// Show the set of servers: whether they run, where, their memory and their mail
///
/// Exit code 0 if all of them run, else 1.
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe stress status")]
pub(in crate::stress) struct Status {
    #[command(flatten)]
    folder: LabFolder,
}

impl Status {
    /// Prints a line for each.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let set = ServerSet::read(&self.folder)?;
        if set.servers.is_empty() {
            writeln!(
                io::stdout(),
                "no servers; `prixfixe stress start` starts some"
            )?;
            return Ok(Outcome::Failed);
        }
        let heading = ["server", "state", "address", "pid", "RSS MiB", "messages"];
        let mut rows = vec![heading.map(str::to_owned)];
        rows.extend(set.servers.iter().map(row));
        print(&rows)?;
        let all_up = set.servers.iter().all(|one| one.process.is_alive());
        Ok(if all_up {
            Outcome::Done
        } else {
            Outcome::Failed
        })
    }
}

type Row = [String; 6];

fn row(member: &Member) -> Row {
    let is_up = member.process.is_alive();
    let usage = Usage::of(member.process.pid).ok().filter(|_| is_up);
    let none = || "-".to_owned();
    [
        member.name.clone(),
        if is_up { "up" } else { "down" }.to_owned(),
        member.addresses.join(", "),
        usage.map_or_else(none, |_| member.process.pid.to_string()),
        usage.map_or_else(none, |usage| mebibytes(usage.rss)),
        messages(member).map_or_else(none, |count| count.to_string()),
    ]
}

/// How many messages it keeps, where that can be seen.
fn messages(member: &Member) -> Option<u64> {
    let reader = StoreReader::open(&member.store()).ok()?;
    reader.count(&Filter::default()).ok()
}

fn mebibytes(octets: u64) -> String {
    let tenths = octets * 10 / (1 << 20);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Names to the left, figures to the right.
fn print(rows: &[Row]) -> io::Result<()> {
    let mut widths = [0; 6];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(console::measure_text_width(cell));
        }
    }
    let out = &mut io::stdout().lock();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .enumerate()
            .map(|(index, (cell, width))| {
                let side = if index < FIGURES_FROM {
                    Alignment::Left
                } else {
                    Alignment::Right
                };
                pad_str(cell, width, side, None).into_owned()
            })
            .collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(())
}

const FIGURES_FROM: usize = 3;
