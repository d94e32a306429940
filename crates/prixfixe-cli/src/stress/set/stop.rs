//! `prixfixe stress stop`.

use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use prixfixe_load::resources::ProcessId;
use rustix::process::{Pid, Signal, kill_process};

use super::ServerSet;
use crate::cli::Outcome;
use crate::stress::lab_folder::LabFolder;
use crate::stress::servers::STOP_PATIENCE;

/// Stop the set of servers, whose mail stays
#[derive(Debug, Args)]
#[command(after_help = "Example: prixfixe stress stop")]
pub(in crate::stress) struct Stop {
    #[command(flatten)]
    folder: LabFolder,
}

impl Stop {
    /// Stops them in good order, and kills those that do not stop.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let set = ServerSet::read(&self.folder)?;
        let members = set.servers.iter();
        let running: Vec<_> = members.filter(|one| one.process.is_alive()).collect();
        for member in &running {
            signal(member.process, Signal::TERM)?;
        }
        let deadline = Instant::now() + STOP_PATIENCE;
        let mut deaf = 0;
        for member in &running {
            while member.process.is_alive() && Instant::now() < deadline {
                thread::sleep(LOOK);
            }
            if member.process.is_alive() {
                signal(member.process, Signal::KILL)?;
                deaf += 1;
            }
        }
        writeln!(io::stdout(), "{} servers stopped", running.len())?;
        if deaf > 0 {
            writeln!(
                io::stderr(),
                "prixfixe stress stop: {deaf} did not within {} s and were killed",
                STOP_PATIENCE.as_secs()
            )?;
            return Ok(Outcome::Failed);
        }
        Ok(Outcome::Done)
    }
}

const LOOK: Duration = Duration::from_millis(20);

fn signal(process: ProcessId, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    match pid.map(|pid| kill_process(pid, signal)) {
        // It has ended in the meantime.
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(error)) => Err(error.into()),
    }
}
