//! Where the workspace and its build output lie.

use std::env;
use std::path::{Path, PathBuf};

/// The two folders that every task needs.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR`, or `target` in the root.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn locate() -> Self {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest.parent().unwrap_or(manifest).to_path_buf();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |dir| root.join(dir));
        Self { root, target }
    }

    /// The release binary that `cargo xtask test` builds once and measures.
    pub(crate) fn release_binary(&self) -> PathBuf {
        self.target.join("release/prixfixe")
    }
}
