//! `prixfixe stress logs`.

use std::fs::File;
use std::io::{self, Read, Write};
use std::thread;
use std::time::Duration;

use clap::{Args, value_parser};

use super::{Member, ServerSet, misused};
use crate::cli::Outcome;
use crate::stress::lab_folder::LabFolder;

/// Print the logs of the set of servers
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe stress logs\n          \
    prixfixe stress logs 2 --follow")]
pub(in crate::stress) struct Logs {
    /// The number of one server; all of them without
    #[arg(value_name = "N", value_parser = value_parser!(u16).range(1..))]
    number: Option<u16>,

    /// Go on printing what is added, until Ctrl-C
    #[arg(long)]
    follow: bool,

    #[command(flatten)]
    folder: LabFolder,
}

impl Logs {
    /// Prints them.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let set = ServerSet::read(&self.folder)?;
        let chosen: Vec<&Member> = match self.number {
            Some(number) => set
                .servers
                .iter()
                .skip(usize::from(number) - 1)
                .take(1)
                .collect(),
            None => set.servers.iter().collect(),
        };
        if chosen.is_empty() {
            return misused("there is no such server; see `prixfixe stress status`");
        }
        let show_names = chosen.len() > 1;
        let mut logs = Vec::new();
        for member in chosen {
            let open = File::open(member.log());
            let file = open.map_err(|error| {
                let text = format!("{}: {error}", member.log().display());
                io::Error::new(error.kind(), text)
            })?;
            let prefix = if show_names {
                format!("{}: ", member.name)
            } else {
                String::new()
            };
            logs.push(Log {
                file,
                prefix,
                begun: Vec::new(),
            });
        }
        loop {
            for log in &mut logs {
                log.print_new()?;
            }
            if !self.follow {
                return Ok(Outcome::Done);
            }
            thread::sleep(LOOK);
        }
    }
}

const LOOK: Duration = Duration::from_millis(200);
/// Octets that are read at once.
const READ: usize = 8 << 10;
/// Octets of a line that are waited for.
const MOST_LINE: usize = 1 << 20;

struct Log {
    file: File,
    prefix: String,
    /// A line whose end is not there yet.
    begun: Vec<u8>,
}

impl Log {
    fn print_new(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ];
        let mut out = io::stdout().lock();
        loop {
            let count = self.file.read(&mut buffer)?;
            if count == 0 {
                return out.flush();
            }
            self.begun.extend_from_slice(&buffer[..count]);
            let end = self.begun.iter().rposition(|octet| *octet == b'\n');
            let complete = match end {
                Some(end) => end + 1,
                // Longer than any line of a server: it is shown in pieces.
                None if self.begun.len() > MOST_LINE => self.begun.len(),
                None => continue,
            };
            let rest = self.begun.split_off(complete);
            for line in self.begun.split_inclusive(|octet| *octet == b'\n') {
                out.write_all(self.prefix.as_bytes())?;
                out.write_all(line)?;
            }
            self.begun = rest;
        }
    }
}
