//! Dependencies between our crates point one way, dev-dependencies included.

use super::Fault;
use super::tree::Tree;

/// One fault per dependency that the diagram does not have.
pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let manifests = tree
        .texts_ending("/Cargo.toml")
        .filter(|(path, _)| path.starts_with("crates/") || path.starts_with("xtask/"));
    manifests
        .flat_map(|(path, text)| check_manifest(path, text))
        .collect()
}

/// The diagram of ARCHITECTURE.md: a crate, and what it may know directly. What those know, it may
/// know too; nothing points back.
const ARROWS: [(&str, &[&str]); 8] = [
    ("prixfixe-proto", &[]),
    ("prixfixe", &["prixfixe-proto"]),
    ("prixfixe-ipc", &[]),
    ("prixfixe-ffi", &["prixfixe-ipc"]),
    ("prixfixe-delivery", &["prixfixe", "prixfixe-ipc"]),
    // It measures the server and therefore shares no code with it.
    ("prixfixe-load", &[]),
    ("prixfixe-cli", &["prixfixe-delivery", "prixfixe-load"]),
    ("xtask", &[]),
];

fn check_manifest(path: &str, text: &str) -> Vec<Fault> {
    let Ok(manifest) = text.parse::<toml::Table>() else {
        return vec![Fault::in_file(path, "is not TOML")];
    };
    let package = manifest
        .get("package")
        .and_then(|package| package.get("name"));
    let Some(name) = package.and_then(toml::Value::as_str) else {
        return vec![Fault::in_file(path, "names no package")];
    };
    if !ARROWS.iter().any(|(known, _)| *known == name) {
        return vec![Fault::in_file(
            path,
            format!("{name} is not in the diagram of crates"),
        )];
    }
    own_dependencies(&manifest)
        .into_iter()
        .filter(|dependency| !may_know(name, dependency))
        .map(|dependency| Fault::in_file(path, format!("{name} must not depend on {dependency}")))
        .collect()
}

/// A crate may name itself, which cargo takes among dev-dependencies only: that is how its own tests
/// switch on a feature, and it points nowhere else.
fn may_know(name: &str, dependency: &str) -> bool {
    name == dependency || leads_to(name, dependency)
}

fn leads_to(name: &str, dependency: &str) -> bool {
    let arrows = ARROWS
        .iter()
        .find(|(known, _)| *known == name)
        .map_or(&[][..], |(_, to)| to);
    arrows
        .iter()
        .any(|next| *next == dependency || leads_to(next, dependency))
}

/// Our crates among the dependencies of every kind and platform, under their true names.
fn own_dependencies(manifest: &toml::Table) -> Vec<String> {
    let platforms = manifest.get("target").and_then(toml::Value::as_table);
    let tables = platforms
        .into_iter()
        .flat_map(toml::Table::values)
        .filter_map(toml::Value::as_table);
    let mut found = Vec::new();
    for table in std::iter::once(manifest).chain(tables) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(kind).and_then(toml::Value::as_table) else {
                continue;
            };
            for (key, value) in dependencies {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                let name = renamed.unwrap_or(key);
                if ARROWS.iter().any(|(known, _)| *known == name) {
                    found.push(name.to_owned());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, dependencies: &str) -> usize {
        let text = format!("[package]\nname = '{name}'\n{dependencies}");
        check(&Tree::of(&[("crates/x/Cargo.toml", &text)])).len()
    }

    #[test]
    fn an_arrow_and_what_lies_behind_it_are_allowed() {
        assert_eq!(
            faults(
                "prixfixe",
                "[dependencies]\nprixfixe-proto.workspace = true"
            ),
            0
        );
        assert_eq!(
            faults("prixfixe-cli", "[dependencies]\nprixfixe.workspace = true"),
            0
        );
        assert_eq!(faults("prixfixe-proto", "[dependencies]\nmemchr = '2'"), 0);
        assert_eq!(
            faults("prixfixe", "[dev-dependencies]\nprixfixe.path = '.'"),
            0
        );
    }

    #[test]
    fn an_arrow_back_is_a_fault_in_every_kind_of_table() {
        for table in [
            "dependencies",
            "dev-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            assert_eq!(
                faults("prixfixe-proto", &format!("[{table}]\nprixfixe = '1'")),
                1
            );
        }
        assert_eq!(
            faults(
                "prixfixe-load",
                "[dependencies.p]\npackage = 'prixfixe-proto'"
            ),
            1
        );
    }

    #[test]
    fn a_crate_that_is_in_no_diagram_is_a_fault() {
        assert_eq!(faults("prixfixe-util", ""), 1);
    }
}
