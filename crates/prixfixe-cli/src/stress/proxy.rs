//! `prixfixe stress proxy`: the fault proxy by hand, in front of any server.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use prixfixe_load::fault_proxy::{FaultProxy, FaultText, Faults, Share};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use super::misused;
use crate::cli::Outcome;

/// Stand between clients and a server, and let the way between them go wrong
///
/// A FAULT is latency=50ms, jitter=20ms, bandwidth=64KiB (in a second), dribble=1/100ms (octets and
/// interval) or loss=1%, with a direction if it is meant for one: latency:to-client=50ms. Or it is
/// reset@POINT, blackhole@POINT or half-close:to-server@POINT, where a point is at-once, banner,
/// ehlo, mail, rcpt, data, body=OCTETS, end (the final dot), reply (the answer to it),
/// to-server=OCTETS or to-client=OCTETS. Lost packets are shown as TCP shows them: as delays.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: prixfixe stress proxy --listen 127.0.0.1:2526 --to 127.0.0.1:2525 \\\n             \
    --fault latency=50ms --fault reset@reply --share 10%"
)]
pub(super) struct Proxy {
    /// Where clients connect
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,

    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    to: String,

    /// What goes wrong; repeat it for more
    #[arg(long, value_name = "FAULT", required = true)]
    fault: Vec<FaultText>,

    /// How many of all connections it happens to
    #[arg(long, value_name = "PERCENT", default_value = "100%")]
    share: Share,

    /// Which of them, and how jitter and loss fall, is the same for the same seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
}

impl Proxy {
    /// Runs until a signal, and says every few seconds what happened.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let mut faults = Faults {
            share: self.share,
            seed: self.seed,
            ..Faults::default()
        };
        for fault in self.fault {
            if let Err(error) = fault.add_to(&mut faults) {
                return misused("proxy", &error.to_string());
            }
        }
        let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(self.listen, self.to, faults))?;
        Ok(Outcome::Done)
    }
}

async fn serve(listen: SocketAddr, to: String, faults: Faults) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let named = format!("cannot listen on {listen}");
    let proxy = FaultProxy::start(listen, to.clone(), faults)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("{named}: {error}")))?;
    writeln!(io::stdout(), "{} leads to {to}", proxy.address())?;
    let mut told = None;
    loop {
        tokio::select! {
            () = tokio::time::sleep(BETWEEN_LINES) => {}
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
        let counts = proxy.counts();
        if told != Some(counts) {
            told = Some(counts);
            writeln!(
                io::stdout(),
                "{} connections, {} refused by the server, {} cut; {} octets to the server, {} to the clients",
                counts.connections,
                counts.refused,
                counts.cut,
                counts.to_server_octets,
                counts.to_client_octets
            )?;
        }
    }
    proxy.stop().await;
    Ok(())
}

/// Between two lines of what happened; none where nothing did.
const BETWEEN_LINES: Duration = Duration::from_secs(5);
