//! Code that says of itself that it is not finished.

use super::Fault;
use super::rust_words::code_of;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let lines = tree.texts_ending(".rs").flat_map(|(path, text)| {
        text.lines()
            .enumerate()
            .map(move |(index, line)| (path, index + 1, code_of(line)))
    });
    lines
        .filter_map(|(path, number, code)| {
            let word = UNFINISHED.iter().find(|word| code.contains(**word))?;
            Some(Fault::at(path, number, format!("`{word}` was left behind")))
        })
        .collect()
}

const UNFINISHED: [&str; 3] = ["todo!", "unimplemented!", "dbg!"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_is_a_fault() {
        for word in UNFINISHED {
            let text = format!("fn f() {{\n    {word}()\n}}\n");
            assert_eq!(check(&Tree::of(&[("a.rs", &text)])).len(), 1, "{word}");
        }
        assert!(check(&Tree::of(&[("a.rs", "// no todo! here\n")])).is_empty());
    }
}
