//! `prixfixe ipc top`.

mod figures;
mod table;

use std::io::{self, IsTerminal, Write};
use std::thread;
use std::time::Instant;

use clap::Args;
use console::Term;
use prixfixe_ipc::{Address, Snapshot, Statistics};

use super::in_words;
use crate::cli::Outcome;
use crate::config::Duration;
use figures::Figures;

/// Watch a server: its clients, calls, wake-ups and service times
///
/// Reads the page that the server shows to everybody; the server does nothing for it but to let it
/// in. Rates are those of the last interval. Service times are sampled, one call in 32, from when a
/// call was taken until its answer was published. Depth is how many requests the server found
/// waiting when it last looked. On a terminal the table is refreshed in place until Ctrl-C;
/// elsewhere one table follows the other.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe ipc top /run/echo.sock\n          \
    prixfixe ipc top @echo --once --json\n          \
    prixfixe ipc top /run/echo.sock --interval 5s")]
pub(super) struct Top {
    /// The server to watch
    #[arg(value_name = "PATH")]
    address: Address,

    /// Show the figures of one interval, and end
    #[arg(long)]
    once: bool,

    /// How long to count for each table
    #[arg(long, value_name = "TIME", default_value = "1s")]
    interval: Duration,

    /// Print each interval as a line of JSON
    #[arg(long)]
    json: bool,
}

impl Top {
    /// Shows one interval after the other, until the server is gone.
    pub(super) fn run(self) -> io::Result<Outcome> {
        let failed = |error| io::Error::other(format!("{}: {error}", self.address));
        let statistics =
            Statistics::observe(&self.address).map_err(|error| failed(in_words(&error)))?;
        let gone = || io::Error::other(format!("{}: the server is gone", self.address));
        let mut before = (Instant::now(), statistics.snapshot().ok_or_else(gone)?);
        let terminal = Term::stdout();
        let in_place = terminal.is_term() && !self.once && !self.json;
        loop {
            thread::sleep(self.interval.get());
            let now = (Instant::now(), statistics.snapshot().ok_or_else(gone)?);
            let figures = figures_between(&before, &now);
            if self.json {
                serde_json::to_writer(io::stdout().lock(), &figures)?;
                writeln!(io::stdout())?;
            } else if in_place {
                let (rows, columns) = terminal.size();
                let text = table::text(&figures, Some((usize::from(rows), usize::from(columns))));
                terminal.clear_screen()?;
                terminal.write_all_now(&text)?;
            } else {
                let width = io::stdout().is_terminal().then(|| {
                    let (_, columns) = terminal.size();
                    (usize::MAX, usize::from(columns))
                });
                writeln!(io::stdout(), "{}", table::text(&figures, width))?;
            }
            if self.once {
                return Ok(Outcome::Done);
            }
            before = now;
        }
    }
}

fn figures_between(before: &(Instant, Snapshot), now: &(Instant, Snapshot)) -> Figures {
    let elapsed = now.0.duration_since(before.0);
    Figures::between(&before.1, &now.1, elapsed)
}

/// One write for a whole table, so that it does not flicker.
trait WriteAllNow {
    fn write_all_now(&self, text: &str) -> io::Result<()>;
}

impl WriteAllNow for Term {
    fn write_all_now(&self, text: &str) -> io::Result<()> {
        self.write_str(text)?;
        self.flush()
    }
}
