//! The protocol core performs no IO, reads no clock and starts no thread.

use super::Fault;
use super::rust_words::code_of;
use super::tree::Tree;

/// One fault per line of the core's own code that reaches outside; its tests may read files.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let sources = tree
        .texts_ending(".rs")
        .filter(|(path, _)| path.starts_with(CORE) && !path.ends_with("/tests.rs"));
    sources
        .flat_map(|(path, text)| check_source(path, text))
        .collect()
}

const CORE: &str = "crates/prixfixe-proto/src/";

/// `std::io` is not among them: its `Write` is how text is put into a buffer.
const REACHING_OUT: [&str; 8] = [
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    "tokio",
];

fn check_source(path: &str, text: &str) -> Vec<Fault> {
    let own = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .enumerate();
    own.filter_map(|(index, line)| {
        let code = code_of(line);
        let word = REACHING_OUT.iter().find(|word| code.contains(**word))?;
        Some(Fault::at(
            path,
            index + 1,
            format!("the protocol core must not use `{word}`"),
        ))
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_out_is_a_fault_in_the_core_and_fine_in_its_tests() {
        let tree = Tree::of(&[
            (
                "crates/prixfixe-proto/src/a.rs",
                "let now = Instant::now();\n",
            ),
            (
                "crates/prixfixe-proto/src/b.rs",
                "// std::fs\n#[cfg(test)]\nuse std::fs;\n",
            ),
            ("crates/prixfixe-proto/tests/c.rs", "use std::fs;\n"),
            ("crates/prixfixe/src/d.rs", "use std::net;\n"),
        ]);
        let faults = check(&tree);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(
            (faults[0].path.as_str(), faults[0].line),
            ("crates/prixfixe-proto/src/a.rs", 1)
        );
    }
}
