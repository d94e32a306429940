//! A path that exists on one machine only has no place in the tree.

use super::Fault;
use super::tree::Tree;

/// One fault per line with such a path.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    tree.texts()
        .flat_map(|(path, text)| check_text(path, text))
        .collect()
}

/// In halves, so that this file does not accuse itself.
const ROOTS: [&str; 4] = [
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
];

fn check_text(path: &str, text: &str) -> Vec<Fault> {
    let numbered = text.lines().enumerate();
    numbered
        .filter_map(|(index, line)| {
            let root = ROOTS.iter().find(|root| starts_somewhere(line, root))?;
            Some(Fault::at(
                path,
                index + 1,
                format!("a path below `{root}` exists on one machine only"),
            ))
        })
        .collect()
}

/// Whether an absolute path begins with `root`: the same words inside a longer path are fine.
fn starts_somewhere(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-}".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_path_of_one_machine_is_a_fault() {
        for root in ROOTS {
            let text = format!("fine\nlet x = \"{root}me/x\";");
            assert_eq!(check(&Tree::of(&[("a.rs", &text)])).len(), 1, "{root}");
        }
    }

    #[test]
    fn the_same_words_inside_a_longer_path_are_fine() {
        let text = format!(
            "see target{}x and https://example.org{}x",
            ROOTS[2], ROOTS[1]
        );
        assert!(check(&Tree::of(&[("a.md", &text)])).is_empty());
    }
}
