//! Whether what arrived is compared with what was acknowledged, and where it is looked for.

use std::path::PathBuf;

use clap::Args;

use super::{Misuse, Place};

#[derive(Debug, Args)]
#[command(next_help_heading = "Verification")]
pub(super) struct VerifyingFlags {
    /// Compare what arrived with what was acknowledged; the default with servers that the lab starts
    #[arg(long, conflicts_with = "no_verify")]
    verify: bool,

    /// Do not
    #[arg(long)]
    no_verify: bool,

    /// The folder of a Prix Fixe store of a --target; repeat it for more
    #[arg(long, value_name = "DIR", conflicts_with_all = ["export", "no_verify"])]
    store: Vec<PathBuf>,

    /// A folder of messages, a Maildir or an mbox to which a --target delivers
    #[arg(long, value_name = "PATH", conflicts_with = "no_verify")]
    export: Option<PathBuf>,

    /// Keep the ledger, which says how each message was answered, for `prixfixe stress verify`
    #[arg(long, value_name = "FILE")]
    pub(super) ledger: Option<PathBuf>,
}

/// Where what arrived is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stress) enum Verify {
    /// Nowhere.
    Not,
    /// In the stores of the servers that the lab starts: because somebody wants it, or by default,
    /// which a scenario may decide otherwise.
    OwnStores {
        /// Whether somebody wants it.
        wanted: bool,
    },
    /// In these stores.
    Stores(Vec<PathBuf>),
    /// In what a target delivered to.
    Export(PathBuf),
}

impl VerifyingFlags {
    pub(super) fn verify(&self, place: &Place) -> Result<Verify, Misuse> {
        let is_own = place.targets().is_none();
        let somewhere = !self.store.is_empty() || self.export.is_some();
        if is_own && somewhere {
            return Misuse::because(
                "--store and --export say where a --target keeps its mail; those of the lab are known",
            );
        }
        if self.verify && !is_own && !somewhere {
            return Misuse::because(
                "--verify with --target needs --store DIR or --export PATH: where the mail is that arrived",
            );
        }
        if let Some(missing) = self
            .store
            .iter()
            .chain(&self.export)
            .find(|path| !path.exists())
        {
            return Misuse::because(format!("{}: there is nothing", missing.display()));
        }
        Ok(match &self.export {
            _ if self.no_verify => Verify::Not,
            Some(path) => Verify::Export(path.clone()),
            None if !self.store.is_empty() => Verify::Stores(self.store.clone()),
            None if is_own => Verify::OwnStores {
                wanted: self.verify,
            },
            None => Verify::Not,
        })
    }
}
