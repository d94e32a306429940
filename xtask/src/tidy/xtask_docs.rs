//! A task that the docs name is one that xtask knows.

use super::Fault;
use super::markdown;
use super::tree::Tree;
use crate::command::NAMES;

/// One fault per `cargo xtask` with an unknown word behind it.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let named = tree.texts_ending(".md").flat_map(|(path, text)| {
        markdown::code(text).into_iter().filter_map(move |code| {
            let (_, after) = code.text.split_once("cargo xtask ")?;
            Some((path, code.line, after.split_whitespace().next()?))
        })
    });
    named
        .filter(|(_, _, task)| !NAMES.contains(task))
        .map(|(path, line, task)| Fault::at(path, line, format!("xtask knows no task `{task}`")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_does_not_exist_is_a_fault() {
        let text = "Run `cargo xtask tidy`, `cargo xtask`.\n```sh\ncargo xtask polish --all\n```\n";
        let faults = check(&Tree::of(&[("README.md", text)]));
        assert_eq!(
            faults,
            [Fault::at("README.md", 3, "xtask knows no task `polish`")]
        );
    }
}
