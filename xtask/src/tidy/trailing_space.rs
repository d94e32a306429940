//! Space at the end of a line is noise in every later change.

use super::Fault;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let written = tree
        .texts()
        .filter(|(path, _)| CHECKED.iter().any(|ending| path.ends_with(ending)) || is_plain(path));
    let lines = written.flat_map(|(path, text)| {
        text.split('\n')
            .enumerate()
            .map(move |(index, line)| (path, index + 1, line))
    });
    lines
        .filter(|(_, _, line)| line.ends_with([' ', '\t', '\r']))
        .map(|(path, number, _)| Fault::at(path, number, "space at the end of the line"))
        .collect()
}

const CHECKED: [&str; 9] = [
    ".rs", ".md", ".toml", ".py", ".sh", ".sql", ".html", ".css", ".js",
];

/// Scripts such as `.ci/run`, whose only dot is in the folder.
fn is_plain(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| !name.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_at_the_end_is_a_fault() {
        for path in ["a.rs", "b.md", ".ci/run", "LICENSE-MIT"] {
            assert_eq!(check(&Tree::of(&[(path, "x\ny \n")])).len(), 1, "{path}");
        }
        assert_eq!(check(&Tree::of(&[("a.py", "x\r\n")])).len(), 1);
    }

    #[test]
    fn recorded_bytes_keep_theirs() {
        let tree = Tree::of(&[("a/tests/dialogues/x.txt", "C: NOOP \n"), ("a.eml", "x \n")]);
        assert!(check(&tree).is_empty());
    }
}
