//! Runs the models of the protocols between processes.

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// The flag under which the crate's atomics are the model checker's.
const FLAG: &str = "--cfg loom";

/// Tries all courses of each model, and then each model with less ordering than the code asks for,
/// which has to fail. Built apart, since the flag would have everything else built anew.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    process::run(
        process::cargo(&workspace.root)
            .args(["test", "--package", "prixfixe-ipc", "--no-default-features"])
            .args(["--release", "--lib", "models::"])
            .arg("--target-dir")
            .arg(workspace.target.join("models"))
            .env("RUSTFLAGS", FLAG)
            // Optimising across crates takes longer here than it saves.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    )
}
