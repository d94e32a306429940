//! What is kept, and where.

use std::path::PathBuf;

use clap::Args;
use prixfixe_load::results::ResultFolder;

use crate::stress::lab_folder::LabFolder;

#[derive(Debug, Args)]
#[command(next_help_heading = "Results and servers")]
pub(super) struct KeepingFlags {
    /// Write the result to this file [default: a new one in --folder]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// The folder in which results are kept
    #[arg(long = "folder", value_name = "DIR", default_value = ResultFolder::USUAL)]
    pub(super) results: PathBuf,

    /// Keep the folders of the servers that were started, with their mail and logs
    #[arg(long)]
    pub(super) keep: bool,

    /// A setting of the servers that are started, such as workers=4; repeat it for more
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,

    #[command(flatten)]
    pub(super) lab: LabFolder,
}
