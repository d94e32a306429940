//! A crate that is published on its own explains itself.

use super::Fault;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    PUBLISHED
        .iter()
        .map(|name| {
            (
                format!("crates/{name}/Cargo.toml"),
                format!("crates/{name}/README.md"),
            )
        })
        .filter(|(manifest, readme)| tree.has(manifest) && !tree.has(readme))
        .map(|(_, readme)| Fault::in_file(&readme, "is missing; the crate is published on its own"))
        .collect()
}

const PUBLISHED: [&str; 4] = [
    "prixfixe-proto",
    "prixfixe",
    "prixfixe-ipc",
    "prixfixe-load",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_crate_without_readme_is_a_fault() {
        let manifests = [
            ("crates/prixfixe/Cargo.toml", ""),
            ("crates/prixfixe-cli/Cargo.toml", ""),
        ];
        assert_eq!(check(&Tree::of(&manifests)).len(), 1);
        let with = [
            ("crates/prixfixe/Cargo.toml", ""),
            ("crates/prixfixe/README.md", ""),
        ];
        assert!(check(&Tree::of(&with)).is_empty());
    }
}
