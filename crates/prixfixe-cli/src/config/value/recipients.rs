//! The list of accepted recipients, some of it in files of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::recipient::RecipientPattern;
use super::{Report, Setting};
use crate::config::fault::Problem;
use crate::config::node::{Node, Value};
use crate::config::place::{Place, Position, SourceFile, absolute};

/// Whom mail is accepted for; never nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recipients(Vec<RecipientEntry>);

impl Recipients {
    /// All patterns, from the list itself and from the files that it names.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &RecipientPattern> {
        self.0.iter().flat_map(|entry| match entry {
            RecipientEntry::Pattern(pattern) => std::slice::from_ref(pattern),
            RecipientEntry::File { patterns, .. } => patterns.as_slice(),
        })
    }
}

/// An item of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecipientEntry {
    /// A pattern.
    Pattern(RecipientPattern),
    /// `file:PATH`: one pattern on each line, `#` begins a comment.
    File {
        /// The path, resolved.
        path: PathBuf,
        /// What it holds.
        patterns: Vec<RecipientPattern>,
    },
}

impl Setting for Recipients {
    const LIST: bool = true;

    fn wants() -> String {
        format!(
            "a list, each item {}, or \"file:PATH\"",
            RecipientPattern::wants()
        )
    }

    fn read(node: &Node, report: &mut Report<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            report.wrong_type(node, &Self::wants());
            return None;
        };
        let entries: Vec<_> = items.iter().map(|item| read_entry(item, report)).collect();
        let recipients = Self(entries.into_iter().collect::<Option<_>>()?);
        if recipients.patterns().next().is_none() {
            let nobody = "the list is empty, so all mail would be refused; write [\"*\"] to accept \
                          all, or say for whom";
            report.fault(&node.place, Problem::Value(nobody.to_owned()));
            return None;
        }
        Some(recipients)
    }

    fn to_toml(&self) -> Option<toml::Value> {
        let text = |entry: &RecipientEntry| match entry {
            RecipientEntry::Pattern(pattern) => pattern.to_string(),
            RecipientEntry::File { path, .. } => format!("file:{}", absolute(path).display()),
        };
        let items = self.0.iter().map(|entry| toml::Value::String(text(entry)));
        Some(toml::Value::Array(items.collect()))
    }
}

fn read_entry(node: &Node, report: &mut Report<'_>) -> Option<RecipientEntry> {
    let path = match &node.value {
        Value::Text(text) | Value::Raw(text) => text.strip_prefix("file:"),
        _ => None,
    };
    let Some(path) = path else {
        return RecipientPattern::read(node, report).map(RecipientEntry::Pattern);
    };
    let path = node.place.resolve(Path::new(path));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => {
            let reason = format!("{}: {error}", path.display());
            report.fault(&node.place, Problem::Unreadable(reason));
            return None;
        }
    };
    let source = Arc::new(SourceFile { path, text });
    let patterns = read_lines(&source, report)?;
    Some(RecipientEntry::File {
        path: source.path.clone(),
        patterns,
    })
}

fn read_lines(source: &Arc<SourceFile>, report: &mut Report<'_>) -> Option<Vec<RecipientPattern>> {
    let mut patterns = Vec::new();
    let mut all_good = true;
    let mut line_start = 0;
    for line in source.text.split_inclusive('\n') {
        let content = without_comment(line);
        let pattern = content.trim();
        let start = line_start + content.len() - content.trim_start().len();
        line_start += line.len();
        if pattern.is_empty() {
            continue;
        }
        match pattern.parse::<RecipientPattern>() {
            Ok(pattern) => patterns.push(pattern),
            Err(error) => {
                let position = Position::new(source, start, start + pattern.len());
                report.fault(&Place::File(position), Problem::Value(error.to_string()));
                all_good = false;
            }
        }
    }
    all_good.then_some(patterns)
}

/// A `#` within a word is part of an address; a comment's stands at the start or behind a space.
fn without_comment(line: &str) -> &str {
    let begins_comment = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    };
    let mut hashes = line.match_indices('#').map(|(at, _)| at);
    let end = hashes.find(|at| begins_comment(*at)).unwrap_or(line.len());
    line.get(..end).unwrap_or(line)
}
