//! Results as tables.

use std::io::{self, Write};

use console::{Alignment, pad_str};

use super::measure::Line;
use super::verdict::{Medians, Verdict, shown};

/// The medians of rows, ours first and the peers below.
pub(super) fn print_rows(rows: &[Medians], out: &mut dyn Write) -> io::Result<()> {
    let heading = [
        "row",
        "system",
        "calls/s",
        "mean µs",
        "p50",
        "p99",
        "p99.9",
        "max",
        "CPU s/M server",
        "clients",
    ];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    for medians in rows {
        cells.push(cells_of(&medians.ours, &medians.ours.system));
        let mut peers: Vec<_> = medians.peers.iter().collect();
        peers.sort_by_key(|(name, _)| name.as_str());
        cells.extend(peers.iter().map(|(name, line)| cells_of(line, name)));
    }
    if rows.is_empty() {
        return Ok(());
    }
    print(&cells, 2, out)?;
    writeln!(out)
}

/// Figures and their bounds.
pub(super) fn print_verdicts(verdicts: &[Verdict], out: &mut dyn Write) -> io::Result<()> {
    if verdicts.is_empty() {
        return Ok(());
    }
    let heading = ["row", "figure", "measured", "bound", ""];
    let mut cells = vec![heading.map(str::to_owned).to_vec()];
    cells.extend(verdicts.iter().map(|verdict| {
        let judged = match verdict.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None if verdict.is_miss() => "not judged",
            None => "",
        };
        vec![
            verdict.row.clone(),
            verdict.what.clone(),
            verdict.measured.clone(),
            verdict.bound.clone(),
            judged.to_owned(),
        ]
    }));
    print(&cells, 5, out)
}

fn cells_of(line: &Line, system: &str) -> Vec<String> {
    vec![
        line.row.clone(),
        system.to_owned(),
        format!("{:.0}", line.calls_per_second),
        shown(Some(line.mean_us)),
        shown(line.p50_us),
        shown(line.p99_us),
        shown(line.p999_us),
        shown(line.max_us),
        shown(Some(line.cpu_seconds_per_million.server)),
        shown(Some(line.cpu_seconds_per_million.clients)),
    ]
}

/// Prints lines of equal length; the first `left` columns stand to the left.
fn print(lines: &[Vec<String>], left: usize, out: &mut dyn Write) -> io::Result<()> {
    let columns = lines.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            let widths = lines
                .iter()
                .map(|line| console::measure_text_width(&line[column]));
            widths.max().unwrap_or(0)
        })
        .collect();
    for line in lines {
        let padded = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, width))| {
                let alignment = if column < left {
                    Alignment::Left
                } else {
                    Alignment::Right
                };
                pad_str(cell, *width, alignment, None).into_owned()
            });
        let text = padded.collect::<Vec<_>>().join("  ");
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
