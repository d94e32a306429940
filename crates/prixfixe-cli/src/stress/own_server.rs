//! A `prixfixe serve` that does not outlive the lab that started it.

use std::io;

use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::cli::{GlobalFlags, Outcome};
use crate::commands::serve::Serve;

/// Serve until the process with this id ends
#[derive(Debug, Args)]
pub(super) struct OwnServer {
    /// The process that started this one
    #[arg(long, value_name = "PID")]
    parent: i32,

    #[command(flatten)]
    serve: Serve,
}

impl OwnServer {
    /// Serves. A lab that is killed takes its servers along.
    pub(super) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before it was known that its end matters.
        if getppid() != Pid::from_raw(self.parent) {
            return Err(io::Error::other("the lab has ended"));
        }
        self.serve.run(global)
    }
}
