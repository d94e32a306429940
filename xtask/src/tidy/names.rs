//! A file whose name says nothing collects what belongs elsewhere.

use super::Fault;
use super::rust_words::code_of;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Fault> {
    let written = tree
        .texts()
        .filter(|(path, _)| CODE.iter().any(|ending| path.ends_with(ending)));
    written
        .flat_map(|(path, text)| in_path(path).chain(in_modules(path, text)))
        .collect()
}

const CODE: [&str; 3] = [".rs", ".py", ".sh"];
const REFUSED: [&str; 8] = [
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "misc",
];

fn in_path(path: &str) -> impl Iterator<Item = Fault> {
    let parts = path
        .split('/')
        .map(|part| part.split('.').next().unwrap_or(part));
    parts
        .filter(|part| REFUSED.contains(part))
        .map(move |part| {
            Fault::in_file(
                path,
                format!("`{part}` says nothing; name it after what it holds"),
            )
        })
}

fn in_modules<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = Fault> + 'a {
    text.lines().enumerate().filter_map(move |(index, line)| {
        let code = code_of(line);
        let (_, after) = code.split_once("mod ")?;
        let name = after.split([';', ' ', '{']).next()?;
        REFUSED.contains(&name).then(|| {
            Fault::at(
                path,
                index + 1,
                format!("module `{name}` says nothing by its name"),
            )
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_says_nothing_is_a_fault_as_file_folder_and_module() {
        for (path, text) in [
            ("crates/a/src/util.rs", ""),
            ("crates/a/tests/common/mod.rs", ""),
            ("crates/a/src/lib.rs", "pub(crate) mod helpers;"),
        ] {
            assert_eq!(check(&Tree::of(&[(path, text)])).len(), 1, "{path}");
        }
    }

    #[test]
    fn a_name_that_only_contains_one_is_fine() {
        let tree = Tree::of(&[(
            "crates/a/src/utility_room.rs",
            "mod commoner;\n// a common case\n",
        )]);
        assert!(check(&tree).is_empty());
    }
}
