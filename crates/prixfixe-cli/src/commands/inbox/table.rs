//! Messages as aligned lines.

use std::io::{self, Write};

use console::{Alignment, measure_text_width, pad_str, truncate_str};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use prixfixe_delivery::sqlite::StoredMessage;

use super::{subject, visible};

/// Messages as aligned lines, with a heading. The first rows decide the widths, so that a list
/// of any length takes bounded memory.
#[derive(Debug)]
pub(crate) struct Table {
    zone: TimeZone,
    /// Columns of the terminal, into which every line is cut; a pipe gets whole lines.
    line_width: Option<usize>,
    widths: Option<[usize; COLUMNS]>,
}

impl Table {
    pub(super) fn new(line_width: Option<usize>) -> Self {
        Self {
            zone: TimeZone::system(),
            line_width,
            widths: None,
        }
    }

    /// Prints some more rows.
    pub(super) fn print(
        &mut self,
        messages: &[StoredMessage],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let rows: Vec<_> = messages.iter().map(|message| self.cells(message)).collect();
        let heading = HEADING.map(str::to_owned);
        let widths = match self.widths {
            Some(widths) => widths,
            None => {
                let widths = widths(&heading, &rows, self.line_width);
                self.print_row(&heading, &widths, out)?;
                *self.widths.insert(widths)
            }
        };
        rows.iter()
            .try_for_each(|row| self.print_row(row, &widths, out))
    }

    fn cells(&self, message: &StoredMessage) -> [String; COLUMNS] {
        let received_at = Timestamp::try_from(message.received_at).unwrap_or_default();
        let local = received_at.to_zoned(self.zone.clone());
        let sender = if message.sender.is_empty() {
            "<>"
        } else {
            &message.sender
        };
        let subject = subject::decode(message.subject.as_deref().unwrap_or_default());
        [
            message.id.to_string(),
            local.strftime("%Y-%m-%d %H:%M").to_string(),
            size(message.size),
            visible::line(sender),
            visible::line(&message.recipients.join(", ")),
            visible::line(&subject),
        ]
    }

    fn print_row(
        &self,
        cells: &[String; COLUMNS],
        widths: &[usize; COLUMNS],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let mut line = String::new();
        for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let alignment = if index == SIZE {
                Alignment::Right
            } else {
                Alignment::Left
            };
            let cut = match self.line_width {
                Some(_) => truncate_str(cell, *width, "…"),
                None => cell.into(),
            };
            line.push_str(&pad_str(&cut, *width, alignment, None));
            line.push_str(GAP);
        }
        writeln!(out, "{}", line.trim_end())
    }
}

const COLUMNS: usize = 6;
const HEADING: [&str; COLUMNS] = ["ID", "RECEIVED", "SIZE", "FROM", "TO", "SUBJECT"];
const SIZE: usize = 2;
const SUBJECT: usize = COLUMNS - 1;
const GAP: &str = "  ";
/// The widest that a column of addresses gets; one long address must not push all others away.
const ADDRESS_WIDTH: usize = 30;
/// Tenths of what a terminal has left for text that a column of addresses gets at most.
const ADDRESS_TENTHS: usize = 3;

fn widths(
    heading: &[String; COLUMNS],
    rows: &[[String; COLUMNS]],
    line_width: Option<usize>,
) -> [usize; COLUMNS] {
    let all = || std::iter::once(heading).chain(rows);
    let widest = |column: usize| all().map(|row| measure_text_width(&row[column])).max();
    let mut widths = [0; COLUMNS];
    // What is still free behind each column; a pipe has room for everything.
    let mut free = line_width.map(|width| width.saturating_sub(GAP.len() * SUBJECT));
    let mut address_width = ADDRESS_WIDTH;
    for (column, width) in widths.iter_mut().enumerate() {
        let bound = match column {
            ..=SIZE => usize::MAX,
            SUBJECT => free.unwrap_or(0),
            _ => address_width,
        };
        *width = widest(column).unwrap_or(0).min(bound);
        free = free.map(|free| free.saturating_sub(*width));
        if let (SIZE, Some(free)) = (column, free) {
            address_width = address_width.min(free * ADDRESS_TENTHS / 10);
        }
    }
    widths
}

/// A number of bytes in at most eight characters.
fn size(bytes: u64) -> String {
    let mut unit = "B";
    let mut whole = bytes;
    let mut tenths = 0;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if whole < 1024 {
            break;
        }
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit = larger;
    }
    if unit != "B" && whole < 10 {
        format!("{whole}.{tenths} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(subject: &str) -> Vec<[String; COLUMNS]> {
        let long = "bounce-with-a-long-name@lists.example.com";
        let cells = [
            "01H5FYBTDA0",
            "2026-01-31 08:00",
            "1023 KiB",
            long,
            long,
            subject,
        ];
        vec![cells.map(str::to_owned)]
    }

    #[test]
    fn lines_fit_the_terminal() {
        let heading = HEADING.map(str::to_owned);
        for line_width in [80, 120, 200] {
            for subject in ["short", "日本語の件名", &"long ".repeat(100)] {
                let rows = rows(subject);
                let table = Table::new(Some(line_width));
                let widths = widths(&heading, &rows, Some(line_width));
                let mut out = Vec::new();
                table.print_row(&rows[0], &widths, &mut out).unwrap();
                let line = String::from_utf8(out).unwrap();
                assert!(measure_text_width(line.trim_end()) <= line_width, "{line}");
            }
        }
    }

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_500_000, "1.4 MiB"),
            (10 << 20, "10 MiB"),
            ((1 << 30) - 1, "1023 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn a_pipe_gets_everything() {
        let rows = rows(&"long ".repeat(100));
        let table = Table::new(None);
        let mut out = Vec::new();
        table
            .print_row(&rows[0], &[11, 16, 8, 30, 30, 0], &mut out)
            .unwrap();
        assert!(String::from_utf8(out).unwrap().contains("long long"));
    }
}
