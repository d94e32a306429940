//! `unsafe` stands where memory is shared with other processes, and nowhere else.

use super::Fault;
use super::rust_words::has_word;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let elsewhere = || {
        let sources = tree.texts_ending(".rs");
        sources.filter(|(path, _)| !MAY_USE_IT.iter().any(|home| path.starts_with(home)))
    };
    let uses = elsewhere().flat_map(|(path, text)| {
        let lines = text
            .lines()
            .enumerate()
            .filter(|(_, line)| has_word(line, "unsafe"));
        lines.map(move |(index, _)| Fault::at(path, index + 1, "`unsafe` belongs to prixfixe-ipc"))
    });
    let roots = elsewhere()
        .filter(|(path, text)| is_crate_root(path) && !text.contains(attribute(path)))
        .map(|(path, _)| Fault::in_file(path, format!("a crate root without {}", attribute(path))));
    uses.chain(roots).collect()
}

const MAY_USE_IT: [&str; 3] = [
    "crates/prixfixe-ipc/",
    "crates/prixfixe-ffi/",
    // The floor below all calls over shared memory needs shared memory.
    BARE_MEMORY,
];
const BARE_MEMORY: &str = "bench/ipc/src/bare/memory.rs";
const BARE_MEMORY_ROOT: &str = "bench/ipc/src/main.rs";

/// What a crate root says. Forbidding has no exception, not even for the one file that needs it.
fn attribute(root: &str) -> &'static str {
    if root == BARE_MEMORY_ROOT {
        "#![deny(unsafe_code)]"
    } else {
        "#![forbid(unsafe_code)]"
    }
}

/// Fuzz targets are not meant: the entry point that their macro makes needs an unsafe attribute.
fn is_crate_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs") || path.contains("/src/bin/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsafe_outside_its_home_is_a_fault() {
        let code = "fn f() { unsafe { g() } }";
        let tree = Tree::of(&[
            ("crates/a/tests/t.rs", code),
            ("crates/prixfixe-ipc/src/m.rs", code),
        ]);
        assert_eq!(
            check(&tree),
            [Fault::at(
                "crates/a/tests/t.rs",
                1,
                "`unsafe` belongs to prixfixe-ipc"
            )]
        );
    }

    #[test]
    fn a_root_that_does_not_forbid_it_is_a_fault() {
        let tree = Tree::of(&[
            ("crates/a/src/lib.rs", "//! A.\n"),
            ("crates/b/src/main.rs", "//! B.\n#![forbid(unsafe_code)]\n"),
            ("crates/prixfixe-ipc/src/lib.rs", "//! C.\n"),
        ]);
        assert_eq!(check(&tree).len(), 1);
    }
}
