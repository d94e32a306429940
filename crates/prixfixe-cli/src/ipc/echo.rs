//! `prixfixe ipc echo`.

use std::io::{self, Write};
use std::thread;

use clap::{Args, ValueEnum};
use prixfixe_ipc::{Address, PeerPolicy, Refusal, Reply, Request, Server, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};

use super::in_words;
use crate::cli::Outcome;
use crate::config::Duration;

/// Serve calls by sending their bytes back
///
/// For trying a client. Ctrl-C or SIGTERM stops it; what was taken is answered first.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe ipc echo /tmp/echo.sock\n          \
    prixfixe ipc echo @echo --refuse busy\n          \
    prixfixe ipc echo /tmp/slow.sock --delay 2s")]
pub(super) struct Echo {
    /// Where to listen; what a dead server left there is replaced
    #[arg(value_name = "PATH")]
    address: Address,

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
        let server = Server::bind(&self.address, config).map_err(|error| in_words(&error))?;
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
            writeln!(io::stdout(), "listening at {}; Ctrl-C stops", self.address)?;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            running.stop()
        })?;
        Ok(Outcome::Done)
    }
}

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
