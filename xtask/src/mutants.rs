//! Proves that the safety tests notice broken code: each mutant breaks one promise in a copy of
//! the tree, and the test that guards the promise has to fail there.

mod copy;
mod description;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;
use copy::Copy;
use description::Mutant;

/// Runs the named mutant, or all of `xtask/mutants`, in a copy under the build folder; the working
/// tree is never touched.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>) -> Result<(), Failure> {
    let mutants = read_all(&workspace.root.join("xtask/mutants"), only)?;
    let copy = Copy::make(&workspace.root, &workspace.target.join("mutants/tree"))?;
    let judge = Judge {
        tree: copy.root(),
        target: workspace.target.join("mutants/target"),
    };

    // A test that fails on sound code would call every mutant caught.
    for test in mutants
        .iter()
        .map(|mutant| &mutant.test)
        .collect::<BTreeSet<_>>()
    {
        judge.passes_on_sound_code(test)?;
    }
    let mut survivors = Vec::new();
    for mutant in &mutants {
        let undo = copy.apply(mutant)?;
        let verdict = judge.verdict(mutant);
        undo.restore()?;
        let verdict = verdict?;
        println!("mutant {}: {}", mutant.name, verdict.describe());
        if verdict == Verdict::Survived {
            survivors.push(mutant.name.as_str());
        }
    }
    if survivors.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "no test noticed: {}",
        survivors.join(", ")
    )))
}

fn read_all(folder: &Path, only: Option<&str>) -> Result<Vec<Mutant>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::at(folder, &error))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .collect();
    paths.sort();
    let mut mutants = paths
        .iter()
        .map(|path| Mutant::read(path))
        .collect::<Result<Vec<_>, _>>()?;
    mutants.retain(|mutant| only.is_none_or(|only| only == mutant.name));
    if mutants.is_empty() {
        return Err(Failure::new(format!(
            "{}: no such mutant",
            folder.display()
        )));
    }
    Ok(mutants)
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Caught,
    /// The broken code made the test hang until it was stopped, which nobody overlooks either.
    Hung,
    Survived,
}

impl Verdict {
    fn describe(&self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::Hung => "caught (the test hung and was stopped)",
            Self::Survived => "SURVIVED",
        }
    }
}

struct Judge<'a> {
    tree: &'a Path,
    target: PathBuf,
}

/// Longer than any single test takes, so that only a hang reaches it.
const TEST_LIMIT_SECONDS: &str = "600";
/// What `timeout` exits with when it had to stop the program, by TERM and by KILL.
const TIMED_OUT: [i32; 2] = [124, 137];

impl Judge<'_> {
    fn passes_on_sound_code(&self, test: &str) -> Result<(), Failure> {
        self.compiles(test)?;
        let output = self.test(test)?;
        if !output.status.success() {
            return Err(self.shown(
                &output,
                &format!("`cargo test {test}` fails without any mutant"),
            ));
        }
        if !ran_some_test(&String::from_utf8_lossy(&output.stdout)) {
            return Err(Failure::new(format!("`cargo test {test}` matches no test")));
        }
        Ok(())
    }

    fn verdict(&self, mutant: &Mutant) -> Result<Verdict, Failure> {
        // Code that does not compile fails every test and proves nothing.
        self.compiles(&mutant.test)
            .map_err(|failure| Failure::new(format!("mutant {}: {failure}", mutant.name)))?;
        let status = self.test(&mutant.test)?.status;
        Ok(match status.code() {
            Some(0) => Verdict::Survived,
            Some(code) if TIMED_OUT.contains(&code) => Verdict::Hung,
            _ => Verdict::Caught,
        })
    }

    fn compiles(&self, test: &str) -> Result<(), Failure> {
        let mut command = process::cargo(self.tree);
        command
            .env("CARGO_TARGET_DIR", &self.target)
            .args(["test", "--quiet", "--no-run"]);
        let output = process::capture(command.args(test.split_whitespace()))?;
        if output.status.success() {
            return Ok(());
        }
        Err(self.shown(&output, "does not compile"))
    }

    fn test(&self, test: &str) -> Result<Output, Failure> {
        let cargo = process::cargo(self.tree);
        process::capture(
            Command::new("timeout")
                .args(["--kill-after=10", TEST_LIMIT_SECONDS])
                .arg(cargo.get_program())
                .arg("test")
                .args(test.split_whitespace())
                .current_dir(self.tree)
                .env("CARGO_TARGET_DIR", &self.target),
        )
    }

    fn shown(&self, output: &Output, message: &str) -> Failure {
        eprintln!("{}", String::from_utf8_lossy(&output.stdout));
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        Failure::new(format!("{message} (in {})", self.tree.display()))
    }
}

fn ran_some_test(output: &str) -> bool {
    output
        .lines()
        .filter_map(|line| line.strip_prefix("test result: ok. "))
        .any(|counts| !counts.starts_with("0 passed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_tests_proves_nothing() {
        assert!(!ran_some_test(
            "running 0 tests\n\ntest result: ok. 0 passed; 0 failed"
        ));
        assert!(ran_some_test(
            "test result: ok. 0 passed\ntest result: ok. 2 passed; 0 failed"
        ));
    }

    /// A tiny crate with one guarded promise, and a weak test beside the good one.
    fn crate_with_a_promise() -> (tempfile::TempDir, Copy) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("src")).unwrap();
        fs::write(
            source.join("Cargo.toml"),
            "[package]\nname = \"sample\"\nedition = \"2024\"\n[workspace]\n",
        )
        .unwrap();
        fs::write(source.join("src/lib.rs"), SAMPLE).unwrap();
        let copy = Copy::make(&source, &folder.path().join("copy")).unwrap();
        (folder, copy)
    }

    const SAMPLE: &str = "pub fn is_end(line: &str) -> bool { line == \".\" }\n\
        #[test] fn guards() { assert!(!is_end(\"..\")); }\n\
        #[test] fn weak() { assert!(is_end(\".\")); }\n";

    fn judged(replace: &str, test: &str) -> Result<Verdict, Failure> {
        let (folder, copy) = crate_with_a_promise();
        let judge = Judge {
            tree: copy.root(),
            target: folder.path().join("target"),
        };
        let mutant = Mutant {
            name: "dots".into(),
            file: "src/lib.rs".into(),
            find: "line == \".\"".into(),
            replace: replace.into(),
            test: test.into(),
        };
        judge.passes_on_sound_code(test)?;
        let undo = copy.apply(&mutant)?;
        let verdict = judge.verdict(&mutant);
        undo.restore()?;
        assert_eq!(
            fs::read_to_string(copy.root().join("src/lib.rs")).unwrap(),
            SAMPLE
        );
        verdict
    }

    #[test]
    fn a_mutant_is_caught_by_a_good_test_and_survives_a_weak_one() {
        let mutation = "line.starts_with('.')";
        assert_eq!(judged(mutation, "guards").unwrap(), Verdict::Caught);
        assert_eq!(judged(mutation, "weak").unwrap(), Verdict::Survived);
    }

    #[test]
    fn a_mutant_that_does_not_compile_and_a_test_that_does_not_exist_are_failures() {
        assert!(judged("line ==", "guards").is_err());
        assert!(judged("true", "no_such_test").is_err());
    }
}
