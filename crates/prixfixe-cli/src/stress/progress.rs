//! How far a run is: a bar on a terminal, else a line now and then.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use prixfixe_load::generator::Snapshot;
use prixfixe_load::schedule::Schedule;

/// The progress of one part.
pub(super) struct Progress {
    name: String,
    extent: Extent,
    bar: ProgressBar,
    told: Instant,
}

/// What a part has in all.
#[derive(Debug, Clone, Copy)]
enum Extent {
    Messages(u64),
    Time(Duration),
}

impl Progress {
    /// For a part with this schedule.
    pub(super) fn of(name: &str, schedule: &Schedule) -> Self {
        let extent = match schedule {
            Schedule::Closed {
                messages: Some(messages),
                ..
            } => Extent::Messages(*messages),
            Schedule::Closed { lasts, .. } => Extent::Time(lasts.unwrap_or_default()),
            Schedule::Open(table) => Extent::Time(table.lasts()),
        };
        let length = match extent {
            Extent::Messages(messages) => messages,
            Extent::Time(time) => milliseconds(time),
        };
        let bar = if io::stderr().is_terminal() {
            ProgressBar::new(length)
        } else {
            ProgressBar::hidden()
        };
        let style = ProgressStyle::with_template("{prefix} {bar:20} {percent:>3} %  {msg}");
        let bar = match style {
            Ok(style) => bar.with_style(style),
            // The plain bar is good enough.
            Err(_) => bar,
        };
        bar.set_prefix(name.to_owned());
        Self {
            name: name.to_owned(),
            extent,
            bar,
            told: Instant::now(),
        }
    }

    /// Shows how far it is.
    pub(super) fn show(&mut self, now: &Snapshot) {
        let done = match self.extent {
            Extent::Messages(_) => now.accepted + now.failed,
            Extent::Time(_) => milliseconds(now.elapsed),
        };
        self.bar.set_position(done);
        if self.bar.is_hidden() {
            if self.told.elapsed() >= BETWEEN_LINES {
                self.told = Instant::now();
                // With standard error gone there is nobody left to tell.
                let _ = writeln!(io::stderr(), "{}: {}", self.name, figures(now, None));
            }
        } else {
            self.bar.set_message(figures(now, Some(self.bar.eta())));
        }
    }

    /// Takes the bar away.
    pub(super) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    /// Also before an error is told.
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Between two lines, where there is no terminal.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

fn figures(now: &Snapshot, left: Option<Duration>) -> String {
    let mut text = format!(
        "{} accepted, {:.0}/s, {} failed, p50 {:.1}  p99 {:.1}  p99.9 {:.1} ms, {} s",
        HumanCount(now.accepted),
        now.rate,
        HumanCount(now.failed),
        now.p50_ms,
        now.p99_ms,
        now.p99_9_ms,
        now.elapsed.as_secs(),
    );
    if let Some(left) = left {
        text = format!("{text}, {} left", HumanDuration(left));
    }
    text
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
