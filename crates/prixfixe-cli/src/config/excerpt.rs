//! A finding with the line that it is about, for a terminal.

use std::fmt;

use super::fault::Finding;
use super::place::Place;

/// Shows a finding, and below it the line of the file with a mark under the place.
pub(crate) struct Excerpt<'a>(pub(crate) &'a Finding);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)?;
        let Place::File(position) = &self.0.place else {
            return Ok(());
        };
        let number = position.line().to_string();
        let margin = " ".repeat(number.len());
        let line = position.line_text();
        // Tabs are kept, so that the mark stands where the terminal puts the text.
        let before = line.chars().take(position.column() - 1);
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mark = "^".repeat(position.width());
        write!(out, "\n {margin} |\n {number} | {}", printable(line))?;
        write!(out, "\n {margin} | {indent}{mark}")
    }
}

/// A file can hold what would move the cursor.
fn printable(line: &str) -> String {
    line.replace(|c: char| c.is_control() && c != '\t', "?")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Arc;

    use super::Excerpt;
    use crate::config::fault::{Finding, Problem};
    use crate::config::place::{Place, Position, SourceFile};

    #[test]
    fn the_mark_stands_under_the_value() {
        let check = |text: &str, value: &str, expected: &str| {
            let start = text.find(value).unwrap();
            let source = Arc::new(SourceFile {
                path: PathBuf::from("prixfixe.toml"),
                text: text.to_owned(),
            });
            let finding = Finding {
                place: Place::File(Position::new(&source, start, start + value.len())),
                key: "domain".to_owned(),
                problem: Problem::Value("wrong; do right".to_owned()),
            };
            assert_eq!(Excerpt(&finding).to_string(), expected);
        };
        check(
            "# Grüße\ndomain = \"ü\" # x\n",
            "\"ü\"",
            "prixfixe.toml:2:10: domain: wrong; do right\n   |\n 2 | domain = \"ü\" # x\n   |          ^^^",
        );
        check(
            "\tdomain = \"\u{1b}[2J",
            "domain",
            "prixfixe.toml:1:2: domain: wrong; do right\n   |\n 1 | \tdomain = \"?[2J\n   | \t^^^^^^",
        );
    }
}
