//! The settings in force as TOML, with the origin of each: `check-config --print`.

use std::fmt::Write as _;

use super::key::Shape;
use super::place::Place;
use super::reader::Effective;
use super::settings::Sections;

/// A file that would give the same settings, with a comment where each came from.
pub(crate) fn to_toml(effective: &[Effective]) -> String {
    let mut out = String::new();
    for shape in Sections::SHAPES {
        let rows = effective.iter().filter(|row| row.key.section == shape.path);
        let mut last_row = None;
        for (index, setting) in rows.enumerate() {
            if index == 0 || setting.row != last_row {
                header(&mut out, shape);
            }
            last_row = setting.row;
            line(&mut out, setting);
        }
    }
    out
}

fn header(out: &mut String, shape: &Shape) {
    if shape.path.is_empty() {
        return;
    }
    let (open, close) = if shape.repeated {
        ("[[", "]]")
    } else {
        ("[", "]")
    };
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\n{open}{}{close}", shape.path);
}

fn line(out: &mut String, setting: &Effective) {
    let origin = match &setting.place {
        Place::Default => "default".to_owned(),
        Place::File(position) => format!("{}:{}", position.path().display(), position.line()),
        Place::WholeFile(path) => path.display().to_string(),
        Place::Environment(name) => format!("environment {name}"),
        Place::Flag(flag) => format!("flag {flag}"),
    };
    let name = setting.key.name;
    let _ = match &setting.value {
        Some(value) => writeln!(out, "{name} = {value}  # {}", one_line(&origin)),
        None => writeln!(out, "# {name} is not set"),
    };
}

/// A line break in a path would end the comment.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, "?")
}
