//! Runs the fuzz targets with the stable toolchain.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Builds all targets, then runs the named one, or each, for `seconds`. What the fuzzer finds on
/// its way is kept under the build folder; only `fuzz/corpus` is in the repository, and an input
/// gets there by being copied.
pub(crate) fn run(workspace: &Workspace, only: Option<&str>, seconds: u32) -> Result<(), Failure> {
    let folder = workspace.root.join("fuzz");
    let targets = targets(&folder)?;
    let chosen: Vec<_> = targets
        .iter()
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    if chosen.is_empty() {
        return Err(Failure::new(format!(
            "no such fuzz target; there are: {}",
            targets.join(", ")
        )));
    }
    let binaries = build(&folder, &workspace.target.join("fuzz"))?;
    for name in chosen {
        let target = Target {
            name,
            folder: &folder,
            output: &workspace.target.join("fuzz"),
        };
        target.run(&binaries.join(name), seconds)?;
    }
    Ok(())
}

fn targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let sources = folder.join("fuzz_targets");
    let entries = fs::read_dir(&sources).map_err(|error| Failure::at(&sources, &error))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Coverage feedback without nightly: the sanitizer-coverage pass is part of stable's LLVM, and
/// these are the flags that the usual nightly tool would give it.
const COVERAGE_FLAGS: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";

/// Returns the folder of the built targets.
fn build(folder: &Path, output: &Path) -> Result<PathBuf, Failure> {
    let host = host_triple()?;
    // Naming the target, even though it is the host, keeps the flags away from build scripts,
    // which would not link with them.
    process::run(
        process::cargo(folder)
            .args([
                "build",
                "--quiet",
                "--release",
                "--bins",
                "--target",
                &host,
                "--target-dir",
            ])
            .arg(output)
            .env("RUSTFLAGS", COVERAGE_FLAGS),
    )?;
    Ok(output.join(host).join("release"))
}

fn host_triple() -> Result<String, Failure> {
    let output = process::capture(Command::new("rustc").arg("-vV"))?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| Failure::new("`rustc -vV` names no host"))
}

struct Target<'a> {
    name: &'a str,
    folder: &'a Path,
    output: &'a Path,
}

impl Target<'_> {
    fn run(&self, binary: &Path, seconds: u32) -> Result<(), Failure> {
        let finds = self.output.join("finds").join(self.name);
        let artifacts = self.folder.join("artifacts").join(self.name);
        let corpus = self.folder.join("corpus").join(self.name);
        for folder in [&finds, &artifacts] {
            fs::create_dir_all(folder).map_err(|error| Failure::at(folder, &error))?;
        }
        if !corpus.is_dir() {
            return Err(Failure::new(format!(
                "fuzz target {} has no committed corpus",
                self.name
            )));
        }
        let output = process::capture(
            Command::new(binary)
                .arg(format!("-max_total_time={seconds}"))
                .args(["-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"])
                .arg(format!("-artifact_prefix={}/", artifacts.display()))
                // The first folder receives new inputs, the second is only read.
                .args([&finds, &corpus]),
        )?;
        let log = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            println!(
                "fuzz {}: {} inputs in {seconds} s, no fault",
                self.name,
                executed(&log)
            );
            return Ok(());
        }
        let last: Vec<&str> = log.lines().rev().take(LOG_TAIL_LINES).collect();
        for line in last.iter().rev() {
            eprintln!("{line}");
        }
        Err(Failure::new(format!(
            "fuzz target {} found a fault; its input is in {}",
            self.name,
            artifacts.display()
        )))
    }
}

/// Enough for a panic message, its backtrace and the fuzzer's summary.
const LOG_TAIL_LINES: usize = 60;

fn executed(log: &str) -> &str {
    log.lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or("?", str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_source_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let sources = folder.path().join("fuzz_targets");
        fs::create_dir(&sources).unwrap();
        for name in ["session.rs", "body.rs", "notes.md"] {
            fs::write(sources.join(name), "").unwrap();
        }
        assert_eq!(targets(folder.path()).unwrap(), ["body", "session"]);
    }

    #[test]
    fn a_missing_workspace_is_a_failure_and_not_a_skip() {
        assert!(targets(Path::new("no/such/fuzz")).is_err());
    }

    #[test]
    fn the_number_of_runs_is_read_from_the_statistics() {
        assert_eq!(
            executed("x\nstat::number_of_executed_units: 1234\n"),
            "1234"
        );
        assert_eq!(executed("died early"), "?");
    }
}
