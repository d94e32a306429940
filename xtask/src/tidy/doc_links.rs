//! A link in the docs leads somewhere.

use super::Fault;
use super::markdown;
use super::tree::Tree;

/// One fault per relative link whose file is not in the tree.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let links = tree.texts_ending(".md").flat_map(|(path, text)| {
        markdown::links(text)
            .into_iter()
            .map(move |(line, link)| (path, line, link))
    });
    links
        .filter(|(_, _, link)| is_relative(link))
        .filter(|(path, _, link)| !resolve(path, link).is_some_and(|target| tree.has(&target)))
        .map(|(path, line, link)| Fault::at(path, line, format!("the link `{link}` leads nowhere")))
        .collect()
}

fn is_relative(link: &str) -> bool {
    !link.starts_with('#') && !link.contains("://") && !link.starts_with("mailto:")
}

/// The path from the root, or None for a link that leaves the tree.
fn resolve(document: &str, link: &str) -> Option<String> {
    let target = link.split('#').next().unwrap_or(link);
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> usize {
        check(&Tree::of(&[
            ("docs/a.md", text),
            ("README.md", "x"),
            ("docs/b.md", "x"),
        ]))
        .len()
    }

    #[test]
    fn a_link_to_what_is_there_is_fine() {
        assert_eq!(
            faults("[a](b.md#part) [b](../README.md) [c](#here) [d](https://example.org/x)"),
            0
        );
    }

    #[test]
    fn a_link_to_nothing_or_out_of_the_tree_is_a_fault() {
        assert_eq!(faults("[a](c.md)"), 1);
        assert_eq!(faults("[a](../../README.md)"), 1);
    }
}
