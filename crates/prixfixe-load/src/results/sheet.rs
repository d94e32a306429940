//! Tables as data, and the four ways in which they are written.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use serde_json::{Map, Value};

use crate::result::Table;
use crate::results::notation;

/// A table: typed cells under named columns. Text and Markdown are for people, with rounded
/// numbers; CSV and JSON for programs, with whole ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sheet {
    /// What it shows; may be empty.
    pub title: String,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name for programs: `latency_ms.p99`.
    pub key: String,
    /// Its head for people: `p99 ms`. A table without any has no heads in text.
    pub head: String,
}

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Words.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// Octets, which people read with a unit.
    Octets(f64),
    /// A relative change, which people read in percent: 0.1 is `+10.0 %`.
    Change(f64),
    /// Yes or no.
    Flag(bool),
    /// It is not known.
    Unknown,
}

impl Cell {
    /// Words.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A number, where there is one.
    pub fn known(number: Option<f64>) -> Self {
        number.map_or(Self::Unknown, Self::Number)
    }

    fn for_programs(&self) -> Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Count(count) => (*count).into(),
            Self::Number(number) | Self::Octets(number) | Self::Change(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Unknown => Value::Null,
        }
    }

    /// Whether it is read digit below digit, or says nothing about that.
    fn is_numeric(&self) -> bool {
        match self {
            Self::Text(text) => {
                text.is_empty() || text.starts_with(|first: char| first.is_ascii_digit())
            }
            Self::Flag(_) => false,
            _ => true,
        }
    }
}

/// As people read it: `12,346`, `1.23`, `12.3 MiB`, `+3.4 %`.
impl fmt::Display for Cell {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&match self {
            Self::Text(text) => visible(text),
            Self::Count(count) => notation::count(*count).into(),
            Self::Number(number) => notation::number(*number).into(),
            Self::Octets(octets) => notation::octets_of(*octets).into(),
            Self::Change(change) => notation::change(*change).into(),
            Self::Flag(true) => "yes".into(),
            Self::Flag(false) => "no".into(),
            Self::Unknown => "–".into(),
        })
    }
}

impl Sheet {
    /// An empty table with these columns, each a key and a head.
    pub fn new(title: impl Into<String>, columns: &[(&str, &str)]) -> Self {
        let columns = columns.iter().map(|(key, head)| Column {
            key: (*key).to_owned(),
            head: (*head).to_owned(),
        });
        Self {
            title: title.into(),
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    /// Appends a row. What is missing is unknown; what is too much is dropped.
    pub fn push(&mut self, mut row: Vec<Cell>) {
        row.resize(self.columns.len(), Cell::Unknown);
        self.rows.push(row);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Its rows, each as long as there are columns.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// Aligned columns under their heads, and the title above them.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            text.push_str(&visible(&self.title));
            text.push('\n');
        }
        let mut lines = self.lines();
        if self.columns.iter().all(|column| column.head.is_empty()) {
            lines.remove(0);
        }
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|column| lines.iter().map(|line| width(&line[column])).max())
            .map(Option::unwrap_or_default)
            .collect();
        for line in &lines {
            let mut row = String::new();
            for (column, cell) in line.iter().enumerate() {
                let padding = " ".repeat(widths[column] - width(cell));
                if self.is_right(column) {
                    row.push_str(&padding);
                    row.push_str(cell);
                } else {
                    row.push_str(cell);
                    row.push_str(&padding);
                }
                row.push_str("  ");
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// A table in Markdown, under its title in bold.
    pub fn to_markdown(&self) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            let _ = writeln!(text, "**{}**\n", escaped(&visible(&self.title)));
        }
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        for (index, line) in self.lines().into_iter().enumerate() {
            text.push_str(&row(line.iter().map(|cell| escaped(cell)).collect()));
            if index == 0 {
                let rule = |column| if self.is_right(column) { "---:" } else { "---" };
                let rules = (0..self.columns.len()).map(|column| rule(column).to_owned());
                text.push_str(&row(rules.collect()));
            }
        }
        text
    }

    /// Comma-separated values (RFC 4180) under the keys of the columns.
    pub fn to_csv(&self) -> String {
        let mut text = String::new();
        let mut row = |cells: Vec<String>| {
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        };
        row(self
            .columns
            .iter()
            .map(|column| quoted(&column.key))
            .collect());
        for cells in &self.rows {
            row(cells
                .iter()
                .map(|cell| match cell.for_programs() {
                    Value::Null => String::new(),
                    Value::String(text) => quoted(&text),
                    other => other.to_string(),
                })
                .collect());
        }
        text
    }

    /// A list of objects by the keys of the columns.
    pub fn to_json(&self) -> Value {
        let object = |row: &Vec<Cell>| {
            let keys = self.columns.iter().map(|column| column.key.clone());
            let object: Map<String, Value> = keys.zip(row.iter().map(Cell::for_programs)).collect();
            Value::Object(object)
        };
        self.rows.iter().map(object).collect()
    }

    /// The heads, then the rows.
    fn lines(&self) -> Vec<Vec<String>> {
        let heads = self
            .columns
            .iter()
            .map(|column| visible(&column.head).into_owned());
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().map(Cell::to_string).collect());
        std::iter::once(heads.collect()).chain(rows).collect()
    }

    /// Numbers stand digit below digit; the first column names the rows.
    fn is_right(&self, column: usize) -> bool {
        column > 0 && self.rows.iter().all(|row| row[column].is_numeric())
    }
}

/// A table of a result file: all of it words.
impl From<&Table> for Sheet {
    fn from(table: &Table) -> Self {
        let columns: Vec<(&str, &str)> = table
            .columns
            .iter()
            .map(|head| (head.as_str(), head.as_str()))
            .collect();
        let mut sheet = Self::new(&table.title, &columns);
        for row in &table.rows {
            sheet.push(row.iter().map(Cell::text).collect());
        }
        sheet
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// What a server said must not move the cursor of whoever reads it.
fn visible(text: &str) -> Cow<'_, str> {
    let hidden = |character: char| {
        // Directions and line ends of Unicode, which no category of `char` covers.
        character.is_control()
            || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if text.contains(hidden) {
        let shown = |character: char| {
            if hidden(character) {
                character.escape_default().to_string()
            } else {
                character.to_string()
            }
        };
        text.chars().map(shown).collect::<String>().into()
    } else {
        text.into()
    }
}

fn escaped(cell: &str) -> String {
    cell.replace('\\', "\\\\")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(
            "Runs",
            &[("name", "run"), ("rate", "messages/s"), ("ok", "passed")],
        );
        sheet.push(vec![
            Cell::text("a|b"),
            Cell::Number(12_345.67),
            Cell::Flag(true),
        ]);
        sheet.push(vec![Cell::text("c, \"d\"\u{1b}[2J"), Cell::Unknown]);
        sheet
    }

    #[test]
    fn text_is_aligned_and_moves_no_cursor() {
        assert_eq!(
            sheet().to_text(),
            "Runs\n\
             run              messages/s  passed\n\
             a|b                  12,346  yes\n\
             c, \"d\"\\u{1b}[2J           –  –\n"
        );
    }

    #[test]
    fn markdown_has_a_row_a_line() {
        assert_eq!(
            sheet().to_markdown(),
            "**Runs**\n\n\
             | run | messages/s | passed |\n\
             | --- | ---: | --- |\n\
             | a\\|b | 12,346 | yes |\n\
             | c, \"d\"\\\\u{1b}[2J | – | – |\n"
        );
    }

    #[test]
    fn csv_and_json_have_whole_numbers_and_the_text_as_it_is() {
        assert_eq!(
            sheet().to_csv(),
            "name,rate,ok\r\na|b,12345.67,true\r\n\"c, \"\"d\"\"\u{1b}[2J\",,\r\n"
        );
        assert_eq!(
            sheet().to_json(),
            serde_json::json!([
                {"name": "a|b", "rate": 12_345.67, "ok": true},
                {"name": "c, \"d\"\u{1b}[2J", "rate": null, "ok": null},
            ])
        );
    }

    #[test]
    fn a_table_of_a_result_file_may_have_rows_of_any_length() {
        let table = Table {
            title: "Faults".to_owned(),
            columns: vec!["fault".to_owned(), "count".to_owned()],
            rows: vec![vec!["reset".to_owned()], vec!["x".to_owned(); 3]],
        };
        let text = Sheet::from(&table).to_text();
        assert_eq!(text, "Faults\nfault  count\nreset  –\nx      x\n");
    }
}
