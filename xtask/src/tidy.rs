//! The rules that the compiler does not know. Each is a file of its own, a pure function from the
//! tree to its faults, and has a test that shows it failing.

mod allowed_dependencies;
mod cli_docs;
mod dialogue_sources;
mod doc_links;
mod doc_paths;
mod file_length;
mod file_size;
mod machine_paths;
mod markdown;
mod merge_markers;
mod names;
mod published_readmes;
mod rust_words;
mod sans_io;
mod trailing_space;
pub(crate) mod tree;
mod unfinished;
mod unsafe_code;
mod xtask_docs;

use std::fmt;

use crate::failure::Failure;
use crate::workspace::Workspace;
use tree::Tree;

/// Checks every rule and shows all faults at once.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let tree = read(workspace)?;
    let mut faults = check(&tree);
    let binary = workspace.release_binary();
    if binary.is_file() {
        faults.extend(cli_docs::check(&tree, &mut cli_docs::Help::of(&binary)));
    } else {
        println!("tidy: no release binary, so the commands in the docs were not compared with it");
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    match faults.len() {
        0 => {
            println!(
                "tidy: {} rules hold over {} files",
                RULES.len() + 1,
                tree.files().len()
            );
            Ok(())
        }
        count => Err(Failure::new(format!("tidy found {count} faults"))),
    }
}

/// A broken rule and the place where it is broken.
#[derive(Debug, PartialEq)]
struct Fault {
    path: String,
    /// Counted from 1; 0 means the whole file.
    line: usize,
    message: String,
}

impl Fault {
    fn in_file(path: &str, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line: 0,
            message: message.into(),
        }
    }

    fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

type Rule = fn(&Tree) -> Vec<Fault>;

const RULES: [Rule; 15] = [
    allowed_dependencies::check,
    dialogue_sources::check,
    doc_links::check,
    doc_paths::check,
    file_length::check,
    file_size::check,
    machine_paths::check,
    merge_markers::check,
    names::check,
    published_readmes::check,
    sans_io::check,
    trailing_space::check,
    unfinished::check,
    unsafe_code::check,
    xtask_docs::check,
];

fn check(tree: &Tree) -> Vec<Fault> {
    RULES.iter().flat_map(|rule| rule(tree)).collect()
}

fn read(workspace: &Workspace) -> Result<Tree, Failure> {
    Tree::read(&workspace.root).map_err(|error| Failure::at(&workspace.root, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that the rules hold wherever `cargo test` is run, and not only where someone thinks of it.
    #[test]
    fn this_workspace_is_tidy() {
        let faults = check(&read(&Workspace::locate()).unwrap());
        let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(faults.is_empty(), "\n{}", shown.join("\n"));
    }

    #[test]
    fn a_fault_reads_like_a_compiler_message() {
        assert_eq!(Fault::at("a.rs", 3, "no").to_string(), "a.rs:3: no");
        assert_eq!(Fault::in_file("a.rs", "no").to_string(), "a.rs: no");
    }
}
