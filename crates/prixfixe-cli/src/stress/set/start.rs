//! `prixfixe stress start`.

use std::fs;
use std::io::{self, Write};

use clap::{Args, value_parser};
use prixfixe_load::resources::ProcessId;

use super::{Member, ServerSet, misused};
use crate::cli::Outcome;
use crate::stress::lab_folder::LabFolder;
use crate::stress::servers::{Life, Server, ServerPlan};

/// Start a set of servers for work by hand
///
/// They listen on loopback and go on until `prixfixe stress stop`. A set that was stopped is started
/// again with its mail, on the ports it had.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe stress start\n          \
    prixfixe stress start --servers 2 --port 2601 --set max_connections=5000")]
pub(in crate::stress) struct Start {
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 5,
        value_parser = value_parser!(u16).range(1..=i64::from(ServerSet::MOST)))]
    servers: u16,

    /// The port of the first one, the others following [default: free ports]
    #[arg(long, value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    port: Option<u16>,

    /// A setting of all of them, such as max_connections=5000; repeat it for more
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    #[command(flatten)]
    folder: LabFolder,
}

impl Start {
    /// Starts them.
    pub(in crate::stress) fn run(self) -> io::Result<Outcome> {
        let known = ServerSet::read(&self.folder)?;
        if known.servers.iter().any(|member| member.process.is_alive()) {
            return misused(
                "servers of the set run already; see `prixfixe stress status`, or end them by `prixfixe stress stop`",
            );
        }
        let last_port = self.port.map(|first| first.checked_add(self.servers - 1));
        if last_port == Some(None) {
            return misused("there are not so many ports behind --port");
        }
        fs::create_dir_all(self.folder.set())?;
        let folder = self.folder.set().canonicalize()?;
        // All of them are owned until all of them run: half a set is none.
        let mut running = Vec::new();
        for index in 0..self.servers {
            let number = index + 1;
            let mut plan = ServerPlan::new(
                format!("server {number}"),
                folder.join(number.to_string()),
                "",
            );
            plan.life = Life::ItsOwn;
            plan.sets.clone_from(&self.set);
            if let Some(first) = self.port {
                plan.listen = format!("127.0.0.1:{}", first + index);
            } else if let Some(member) = known.servers.get(usize::from(index))
                && let Some(address) = member.addresses.first()
            {
                plan.listen.clone_from(address);
            }
            running.push(Server::start(plan).map_err(io::Error::other)?);
        }
        let mut set = ServerSet::default();
        for server in &running {
            let pid = server.pid().unwrap_or_default();
            set.servers.push(Member {
                name: server.name().to_owned(),
                folder: server.plan().folder.clone(),
                addresses: server.addresses().to_vec(),
                process: ProcessId::of(pid)?,
            });
        }
        // Servers of an earlier, larger set keep their folders, and their place in the list.
        let beyond = known.servers.into_iter().skip(running.len());
        set.servers.extend(beyond);
        set.write(&self.folder)?;
        let addresses: Vec<&str> = running.iter().map(Server::address).collect();
        let out = &mut io::stdout().lock();
        let told = writeln!(out, "{} servers take mail on", running.len())
            .and_then(|()| writeln!(out, "{}", addresses.join(",")));
        running.into_iter().for_each(Server::release);
        told.map(|()| Outcome::Done)
    }
}
