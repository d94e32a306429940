//! `docs/configuration.md` is the table of keys in words. The test here holds the two together;
//! `UPDATE_DOCS=1 cargo test -p prixfixe-cli reference` writes the document anew.

use std::fmt::Write as _;
use std::{env, fs};

use super::key::{Ignoring, Key, Missing, Shape, Status};
use super::settings::Sections;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

#[test]
fn document_and_table_agree() {
    let expected = document();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(DOCUMENT, &expected).unwrap();
    }
    let found = fs::read_to_string(DOCUMENT).unwrap();
    let only_in = |one: &str, other: &str| -> Vec<String> {
        let missing = one
            .lines()
            .filter(|line| !other.lines().any(|known| known == *line));
        missing.map(str::to_owned).collect()
    };
    let nothing: Vec<String> = Vec::new();
    let advice = "run UPDATE_DOCS=1 cargo test -p prixfixe-cli reference";
    assert_eq!(
        only_in(&expected, &found),
        nothing,
        "not in the document; {advice}"
    );
    assert_eq!(
        only_in(&found, &expected),
        nothing,
        "not in the table; {advice}"
    );
    assert_eq!(found, expected, "in another order; {advice}");
}

fn document() -> String {
    let mut out = include_str!("reference.md").to_owned();
    for shape in Sections::SHAPES {
        section(&mut out, shape);
    }
    out
}

fn section(out: &mut String, shape: &Shape) {
    let title = match (shape.path, shape.repeated) {
        ("", _) => "At the top of the file".to_owned(),
        (path, true) => format!("`[[{path}]]`"),
        (path, false) => format!("`[{path}]`"),
    };
    let doc = shape.doc.trim();
    let repeated = if shape.repeated {
        " Can stand several times; has no variables."
    } else {
        ""
    };
    writeln!(out, "\n## {title}\n\n{doc}{repeated}\n").unwrap();
    writeln!(
        out,
        "| key | value | default | what it does |\n| --- | --- | --- | --- |"
    )
    .unwrap();
    for key in shape.keys {
        row(out, key);
    }
}

fn row(out: &mut String, key: &Key) {
    let default = match key.default {
        Some(default) => format!("`{default}`"),
        None if key.is_required => "must be set".to_owned(),
        None => "not set".to_owned(),
    };
    let (name, wants) = (key.name, (key.wants)());
    let (doc, status) = (key.doc.trim(), status(key));
    writeln!(out, "| `{name}` | {wants} | {default} | {doc}{status} |").unwrap();
}

fn status(key: &Key) -> String {
    let words = |values: &[(&str, Missing)], ignoring| -> Vec<String> {
        let values = values
            .iter()
            .filter(|(_, missing)| missing.ignoring == ignoring);
        values.map(|(word, _)| format!("`\"{word}\"`")).collect()
    };
    let sentence = |words: Vec<String>, rest: &str| match words.join(", ") {
        words if words.is_empty() => String::new(),
        words => format!(" *To come{rest}: {words}.*"),
    };
    match key.status {
        Status::Built => String::new(),
        Status::Later(missing) => match missing.ignoring {
            Ignoring::Warned => " *To come.*".to_owned(),
            Ignoring::Unsafe => " *To come, until then refused.*".to_owned(),
        },
        Status::BuiltExcept(values) => {
            sentence(words(values, Ignoring::Warned), "")
                + &sentence(words(values, Ignoring::Unsafe), ", until then refused")
        }
    }
}
