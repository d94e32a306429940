//! The whole test run: the README's second command, and all that continuous integration does.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::Effort;
use crate::failure::Failure;
use crate::workspace::Workspace;
use crate::{fuzz, models, mutants, process, setup, tidy};

/// Runs the steps in order, stops at the first that fails, and ends with what each one took.
pub(crate) fn run(workspace: &Workspace, effort: Effort) -> Result<(), Failure> {
    let mut durations = Vec::new();
    for step in STEPS
        .iter()
        .filter(|step| !step.only_long || effort == Effort::Long)
    {
        println!("\n== {}", step.name);
        let start = Instant::now();
        let outcome = (step.run)(workspace, effort);
        let elapsed = start.elapsed();
        if let Err(failure) = outcome {
            return Err(Failure::new(format!(
                "step `{}` failed after {}: {failure}",
                step.name,
                seconds(elapsed)
            )));
        }
        println!("-- {}: {}", step.name, seconds(elapsed));
        durations.push((step.name, elapsed));
    }
    println!("\n== all steps passed");
    for (name, elapsed) in &durations {
        println!("{name:<10}{:>10}", seconds(*elapsed));
    }
    println!(
        "{:<10}{:>10}",
        "total",
        seconds(durations.iter().map(|(_, elapsed)| *elapsed).sum())
    );
    Ok(())
}

struct Step {
    name: &'static str,
    only_long: bool,
    run: fn(&Workspace, Effort) -> Result<(), Failure>,
}

const STEPS: [Step; 12] = [
    Step {
        name: "setup",
        only_long: false,
        run: |workspace, _| setup::run(workspace),
    },
    Step {
        name: "fmt",
        only_long: false,
        run: fmt,
    },
    Step {
        name: "clippy",
        only_long: false,
        run: clippy,
    },
    Step {
        name: "doc",
        only_long: false,
        run: doc,
    },
    Step {
        name: "build",
        only_long: false,
        run: build,
    },
    // After the build, since the docs are compared with what the binary really offers.
    Step {
        name: "tidy",
        only_long: false,
        run: |workspace, _| tidy::run(workspace),
    },
    Step {
        name: "bench",
        only_long: false,
        run: bench,
    },
    Step {
        name: "fuzz",
        only_long: false,
        run: fuzz_each,
    },
    Step {
        name: "models",
        only_long: false,
        run: |workspace, _| models::run(workspace),
    },
    Step {
        name: "mutants",
        only_long: true,
        run: |workspace, _| mutants::run(workspace, None),
    },
    Step {
        name: "stress",
        only_long: false,
        run: stress,
    },
    // Last, so that the closing lines of the run are the tests' own results.
    Step {
        name: "test",
        only_long: false,
        run: test,
    },
];

fn fmt(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    process::run(process::cargo(&workspace.root).args(["fmt", "--all", "--check"]))?;
    let fuzz = workspace.root.join("fuzz");
    process::run(process::cargo(&fuzz).args(["fmt", "--check"]))
}

fn clippy(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    for feature in IPC_FEATURES {
        process::run(process::cargo(&workspace.root).args([
            "clippy",
            "--package",
            "prixfixe-ipc",
            "--no-default-features",
            "--features",
            feature,
            "--",
            "-D",
            "warnings",
        ]))?;
    }
    process::run(process::cargo(&workspace.root).args([
        "clippy",
        "--workspace",
        "--all-features",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Of the one published crate that has features to leave out: none, and each alone.
const IPC_FEATURES: [&str; 8] = [
    "",
    "tokio",
    "rkyv",
    "testing",
    "workload",
    "fault-points",
    "raw-peer",
    "fuzzing",
];

/// Programs first and libraries second: a library and the program of the same name share a page,
/// and the library's is the one that people read.
fn doc(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    // First, for the pages are overwritten: a link may name what a feature leaves out.
    for features in [&["--no-default-features"][..], &[]] {
        process::run(
            process::cargo(&workspace.root)
                .args(["doc", "--package", "prixfixe-ipc", "--no-deps"])
                .args(features)
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
    }
    for targets in [&["--bins", "--document-private-items"][..], &["--lib"]] {
        process::run(
            process::cargo(&workspace.root)
                .args(["doc", "--workspace", "--all-features", "--no-deps"])
                .args(targets)
                .env("RUSTDOCFLAGS", "-D warnings"),
        )?;
    }
    Ok(())
}

fn build(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    process::run(process::cargo(&workspace.root).args(["build", "--release", "--bin", "prixfixe"]))
}

/// The benchmarks' own arithmetic; the measurements themselves need a quiet machine.
fn bench(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    process::run(
        Command::new("python3")
            .args([
                "-B",
                "-m",
                "unittest",
                "discover",
                "--start-directory",
                "bench",
            ])
            .current_dir(&workspace.root),
    )
}

/// Load on the binary of the step `build`, held against `gates.toml`.
fn stress(workspace: &Workspace, _: Effort) -> Result<(), Failure> {
    process::run(
        Command::new("python3")
            .args(["-B", "bench/smoke.py", "--binary"])
            .arg(workspace.release_binary())
            .current_dir(&workspace.root),
    )
}

fn fuzz_each(workspace: &Workspace, effort: Effort) -> Result<(), Failure> {
    let seconds = match effort {
        Effort::Short => 5,
        Effort::Long => 60,
    };
    fuzz::run(workspace, None, seconds)
}

fn test(workspace: &Workspace, effort: Effort) -> Result<(), Failure> {
    let mut command = process::cargo(&workspace.root);
    // The driver's tests need the test kit, which is a feature.
    command.args(["test", "--workspace", "--all-features"]);
    if effort == Effort::Long {
        command.env("PRIXFIXE_LONG", "1");
    }
    process::run(&mut command)
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
