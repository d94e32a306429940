//! A Rust file that is too long holds more than one idea.

use super::Fault;
use super::tree::Tree;

/// One fault per file that is too long, and per exception that is no longer needed.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    check_with(tree, &EXCEPTIONS)
}

/// Ten screens. The aim is 400; the room above is for a file that is about to be split.
const MOST_LINES: usize = 500;

/// Files that may be longer, each with its reason. This list may only shrink.
const EXCEPTIONS: [(&str, &str); 0] = [];

fn check_with(tree: &Tree, exceptions: &[(&str, &str)]) -> Vec<Fault> {
    let too_long: Vec<(&str, usize)> = tree
        .texts_ending(".rs")
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > MOST_LINES)
        .collect();
    let excused = |path: &str| exceptions.iter().any(|(excused, _)| *excused == path);
    let long = too_long
        .iter()
        .filter(|(path, _)| !excused(path))
        .map(|(path, lines)| {
            Fault::in_file(
                path,
                format!("{lines} lines; split it by idea, {MOST_LINES} is the most"),
            )
        });
    let needless = exceptions
        .iter()
        .filter(|(excused, _)| !too_long.iter().any(|(path, _)| path == excused))
        .map(|(path, _)| Fault::in_file(path, "needs no exception from the file length any more"));
    long.chain(needless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_a_fault_unless_excused() {
        let text = "x\n".repeat(MOST_LINES + 1);
        let tree = Tree::of(&[("a.rs", &text), ("b.md", &text)]);
        assert_eq!(check_with(&tree, &[]).len(), 1);
        assert!(check_with(&tree, &[("a.rs", "why")]).is_empty());
    }

    #[test]
    fn an_exception_must_go_when_it_is_not_needed() {
        let tree = Tree::of(&[("a.rs", &"x\n".repeat(MOST_LINES))]);
        assert_eq!(
            check_with(&tree, &[("a.rs", "was long"), ("gone.rs", "was here")]).len(),
            2
        );
        assert!(check_with(&tree, &[]).is_empty());
    }
}
