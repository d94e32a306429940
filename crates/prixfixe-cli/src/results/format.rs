//! The form in which results are printed.

use std::io::{self, Write};

use clap::ValueEnum;
use prixfixe_load::results::Sheet;

/// The form in which something is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns, for a terminal
    #[default]
    Text,
    /// For programs
    Json,
    /// For spreadsheets
    Csv,
    /// For documents
    Markdown,
}

impl Format {
    /// Prints a table.
    pub(super) fn print(self, sheet: &Sheet) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Text if sheet.is_empty() => Ok(()),
            Self::Text => out.write_all(sheet.to_text().as_bytes()),
            Self::Json => writeln!(out, "{:#}", sheet.to_json()),
            Self::Csv => out.write_all(sheet.to_csv().as_bytes()),
            Self::Markdown => out.write_all(sheet.to_markdown().as_bytes()),
        }
    }
}
