//! `prixfixe ipc echo`.

use std::io::{self, Write};
use std::thread;

use clap::{Args, ValueEnum};
use prixfixe_ipc::{Address, BindError, PeerPolicy, Refusal, Reply, Request, Server, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::in_words;
use crate::cli::Outcome;
use crate::config::Duration;

/// Serve calls by sending their bytes back
///
/// For trying a client. Ctrl-C or SIGTERM stops it: what was taken is answered first, and clients are
/// told to look for its successor.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe ipc echo /tmp/echo.sock\n          \
    prixfixe ipc echo @echo --refuse busy\n          \
    prixfixe ipc echo /tmp/slow.sock --delay 2s\n          \
    systemd-socket-activate --seqpacket -l /tmp/echo.sock prixfixe ipc echo --systemd")]
pub(super) struct Echo {
    /// Where to listen; what a dead server left there is replaced
    #[arg(value_name = "PATH", required_unless_present = "systemd")]
    address: Option<Address>,

    /// Listen on the socket that systemd passed with this name, or on the first one
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = FIRST,
        conflicts_with = "address")]
    systemd: Option<String>,

    /// Refuse every call for this reason instead
    #[arg(long, value_enum, value_name = "REASON")]
    refuse: Option<Reason>,

    /// Take this long for each call
    #[arg(long, value_name = "TIME")]
    delay: Option<Duration>,

    /// Serve every user who can reach the socket, not only this one and root
    #[arg(long)]
    any_user: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    Busy,
    UnknownType,
    TooLarge,
    HandlerFailed,
}

impl Echo {
    /// Serves until a signal ends it.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let mut config = ServerConfig::default();
        if self.any_user {
            config.admitted = PeerPolicy::any_user();
            config.access.mode = Some(0o666);
        }
        let server = self.bind(config).map_err(|error| in_words(&error))?;
        let place = match &self.address {
            Some(address) => format!("at {address}"),
            None => "on the socket that systemd passed".to_owned(),
        };
        let (refusal, delay) = (self.refuse.map(Reason::refusal), self.delay);
        let handler = move |request: Request<'_>, reply: &mut Reply<'_>| {
            if let Some(delay) = delay {
                thread::sleep(delay.get());
            }
            match refusal {
                Some(refusal) => Err(refusal),
                None => reply.write(request.payload()),
            }
        };
        // Asked for before anybody is told that we listen, so that no signal is missed.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?;
        runtime.block_on(async {
            let mut interrupt = signal(SignalKind::interrupt())?;
            let mut terminate = signal(SignalKind::terminate())?;
            let running = server.spawn(handler)?;
            writeln!(io::stdout(), "listening {place}; Ctrl-C stops")?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            running.drain(LONGEST_DRAIN)
        })?;
        Ok(Outcome::Done)
    }

    fn bind(&self, config: ServerConfig) -> Result<Server, BindError> {
        match (&self.address, self.systemd.as_deref()) {
            (Some(address), _) => Server::bind(address, config),
            (None, None | Some(FIRST)) => Server::from_systemd(0, config),
            (None, Some(name)) => Server::from_systemd(name, config),
        }
    }
}

/// No name that a socket can have: the first socket is meant, whatever its name.
const FIRST: &str = "";
/// How long calls that were taken may go on after the signal: less than service managers wait before
/// they kill.
const LONGEST_DRAIN: std::time::Duration = std::time::Duration::from_secs(30);

impl Reason {
    fn refusal(self) -> Refusal {
        match self {
            Self::Busy => Refusal::Busy,
            Self::UnknownType => Refusal::UnknownType,
            Self::TooLarge => Refusal::TooLarge,
            Self::HandlerFailed => Refusal::HandlerFailed,
        }
    }
}
