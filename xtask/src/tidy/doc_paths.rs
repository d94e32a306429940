//! A path that the docs name exists.

use super::Fault;
use super::markdown;
use super::tree::Tree;

/// One fault per path in code marks that starts at the root and is not in the tree.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let named = tree.texts_ending(".md").flat_map(|(document, text)| {
        markdown::code(text)
            .into_iter()
            .filter(|code| code.block.is_none())
            .map(move |code| (document, code))
    });
    named
        .filter(|(_, code)| is_path(code.text) && !tree.has(code.text))
        .map(|(document, code)| {
            Fault::at(
                document,
                code.line,
                format!("`{}` does not exist", code.text),
            )
        })
        .collect()
}

const FOLDERS: [&str; 7] = [
    "crates/",
    "xtask/",
    "bench/",
    "docs/",
    "fuzz/",
    "examples/",
    ".ci/",
];

/// Patterns such as `tests/*.txt` and `fuzz/corpus/<target>` are not paths.
fn is_path(text: &str) -> bool {
    FOLDERS.iter().any(|folder| text.starts_with(folder))
        && text
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || "/._-".contains(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_a_fault() {
        let text = "`crates/a/src/lib.rs`, `crates/a`, `crates/b`, `fuzz/corpus/<target>`";
        let tree = Tree::of(&[("README.md", text), ("crates/a/src/lib.rs", "")]);
        assert_eq!(
            check(&tree),
            [Fault::at("README.md", 1, "`crates/b` does not exist")]
        );
    }
}
