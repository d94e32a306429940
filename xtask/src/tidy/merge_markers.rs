//! A merge that was not finished.

use super::Fault;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let lines = tree.texts().flat_map(|(path, text)| {
        text.lines()
            .enumerate()
            .map(move |(index, line)| (path, index + 1, line))
    });
    lines
        .filter(|(_, _, line)| is_marker(line))
        .map(|(path, number, _)| Fault::at(path, number, "a merge marker"))
        .collect()
}

/// The line of equal signs is left out: in Markdown it underlines a title.
fn is_marker(line: &str) -> bool {
    ["<", ">", "|"]
        .iter()
        .any(|sign| line.starts_with(&format!("{} ", sign.repeat(7))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_a_fault() {
        let text = format!(
            "a\n{} HEAD\nb\n=======\nc\n{} topic\n",
            "<".repeat(7),
            ">".repeat(7)
        );
        assert_eq!(check(&Tree::of(&[("a.rs", &text)])).len(), 2);
        assert!(check(&Tree::of(&[("a.md", "Title\n=======\n")])).is_empty());
    }
}
