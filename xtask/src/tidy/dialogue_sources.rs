//! A dialogue file says which rule or attack it guards, or nobody dares to change it.

use super::Fault;
use super::tree::Tree;

/// One fault per file below a `tests/dialogues` whose first lines name neither.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    tree.files()
        .iter()
        .filter(|file| {
            file.path.contains("/tests/dialogues/") && !file.path.ends_with("/README.md")
        })
        .filter(|file| !file.text.as_deref().is_some_and(names_its_source))
        .map(|file| {
            Fault::in_file(
                &file.path,
                "its first lines name no RFC section (`RFC 5321 4.5.2`) and no attack",
            )
        })
        .collect()
}

const FIRST_LINES: usize = 5;
/// The only document of XCLIENT, which no RFC describes.
const XCLIENT_SOURCE: &str = "postfix's xclient_readme";

fn names_its_source(text: &str) -> bool {
    text.lines().take(FIRST_LINES).any(|line| {
        let line = line.to_ascii_lowercase();
        line.contains("attack")
            || line.contains(XCLIENT_SOURCE)
            || line
                .split_once("rfc")
                .is_some_and(|(_, rest)| names_section(rest))
    })
}

/// A number for the document and another for the section in it.
fn names_section(after_rfc: &str) -> bool {
    let numbers =
        after_rfc.split(|character: char| !character.is_ascii_digit() && character != '.');
    numbers
        .filter(|number| number.starts_with(|first: char| first.is_ascii_digit()))
        .count()
        >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> usize {
        check(&Tree::of(&[("crates/a/tests/dialogues/x.txt", text)])).len()
    }

    #[test]
    fn a_dialogue_names_a_section_or_an_attack() {
        assert_eq!(faults("# RFC 5321 section 4.5.2: dots\nC: DATA\n"), 0);
        assert_eq!(faults("# RFC5321 4.5.2\n"), 0);
        assert_eq!(faults("# Attack: smuggling by LF.LF\n"), 0);
        assert_eq!(faults("# Postfix's XCLIENT_README: 220\n"), 0);
    }

    #[test]
    fn one_that_names_neither_is_a_fault() {
        assert_eq!(faults("# some test\nC: DATA\n"), 1);
        assert_eq!(faults("# RFC 5321 somewhere\n"), 1);
        assert_eq!(faults(&format!("{}# RFC 5321 4.5.2\n", "#\n".repeat(9))), 1);
    }
}
