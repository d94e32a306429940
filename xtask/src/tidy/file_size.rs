//! A large file stays in every clone for ever.

use super::Fault;
use super::tree::Tree;

const MOST_BYTES: u64 = 1024 * 1024;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let large = tree.files().iter().filter(|file| file.bytes >= MOST_BYTES);
    large
        .map(|file| {
            Fault::in_file(
                &file.path,
                format!("{} bytes; 1 MiB is the most", file.bytes),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_a_fault() {
        let large = "x".repeat(1024 * 1024);
        let tree = Tree::of(&[("large.bin", &large), ("small.bin", "x")]);
        assert_eq!(check(&tree).len(), 1);
    }
}
