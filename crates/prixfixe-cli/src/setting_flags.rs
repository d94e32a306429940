//! The flags that set settings, shared by the subcommands that read them.

use std::path::PathBuf;

use clap::Args;

use crate::config::{Assignment, Sources, Target};

/// Flags of `serve`, and of `check-config`, which says what `serve` would make of them. Their
/// values are texts here: the settings parse them, so that all faults are found together.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingFlags {
    /// The name of the server in its greeting
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,

    /// Accept mail for an address, a domain or *@DOMAIN; repeat it for more
    #[arg(long, value_name = "PATTERN")]
    recipients: Vec<String>,

    /// Listen on IP:PORT, unix:PATH, inherited or inherited:NAME; repeat it for more
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,

    /// The port of the default listeners
    #[arg(long, value_name = "PORT", conflicts_with = "listen")]
    port: Option<String>,

    /// Where mail goes: store or discard
    #[arg(long, value_name = "PLACE")]
    destination: Option<String>,

    /// The folder of the store
    #[arg(long, value_name = "DIR")]
    store: Option<String>,

    /// The most connections at one time
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<String>,

    /// The largest message, such as 25MiB
    #[arg(long, value_name = "SIZE")]
    max_message_size: Option<String>,

    /// Threads that serve connections, or auto
    #[arg(long, value_name = "COUNT")]
    workers: Option<String>,

    /// Where to serve /healthz and /readyz, or off
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,

    /// The log: auto, human or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,

    /// The least important events to log: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// Any other setting, such as limits.command_errors=5; repeat it for more
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl SettingFlags {
    /// Everything that settings come from: these flags, the environment of the process, `file`.
    pub(crate) fn into_sources(self, file: Option<PathBuf>) -> Sources {
        Sources {
            file,
            environment: std::env::vars_os().collect(),
            flags: self.into_assignments(),
        }
    }

    fn into_assignments(self) -> Vec<Assignment> {
        let one = |text: Option<String>| text.into_iter().collect();
        let all: [(&str, Target, Vec<String>); 13] = [
            ("--domain", Target::Key("domain"), one(self.domain)),
            ("--recipients", Target::Key("recipients"), self.recipients),
            ("--listen", Target::Key("listen"), self.listen),
            ("--port", Target::Port, one(self.port)),
            (
                "--destination",
                Target::Key("destination"),
                one(self.destination),
            ),
            ("--store", Target::Key("store.path"), one(self.store)),
            (
                "--max-connections",
                Target::Key("max_connections"),
                one(self.max_connections),
            ),
            (
                "--max-message-size",
                Target::Key("max_message_size"),
                one(self.max_message_size),
            ),
            ("--workers", Target::Key("workers"), one(self.workers)),
            ("--admin", Target::Key("admin.listen"), one(self.admin)),
            (
                "--log-format",
                Target::Key("log.format"),
                one(self.log_format),
            ),
            ("--log-level", Target::Key("log.level"), one(self.log_level)),
            ("--set", Target::Named, self.set),
        ];
        let given = all.into_iter().filter(|(_, _, texts)| !texts.is_empty());
        let assignment = |(flag, target, texts): (&str, _, _)| Assignment {
            flag: flag.to_owned(),
            target,
            texts,
        };
        given.map(assignment).collect()
    }
}
