//! A bare loop of write and fdatasync beside a run: what the disk alone makes of the time.
//!
//! 4 KiB are written and synced every 20 ms, fifty times a second, in the folder of the servers.
//! That is little beside what servers sync themselves; but it is a share of a disk that does few
//! hundred syncs a second, so it runs only where a latency is promised.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use prixfixe_load::result::{DiskProbe, Percentiles};

/// A loop under way, which ends when it is dropped.
#[derive(Debug)]
pub(super) struct DiskLoop {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<Histogram<u64>>>,
}

impl DiskLoop {
    /// Begins to write into a file of this folder that has no name, so nothing stays of it.
    pub(super) fn start(folder: &Path) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        let is_over = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("disk-probe".to_owned())
            .spawn(move || probe(&file, &of_thread))?;
        Ok(Self {
            is_over,
            thread: Some(thread),
        })
    }

    /// Ends it, with what it found.
    pub(super) fn finish(mut self) -> DiskProbe {
        let times = self
            .end()
            .unwrap_or_else(|| new_histogram(MOST_MICROSECONDS));
        let sync_ms = percentiles(&times);
        DiskProbe {
            sync_ms,
            void: sync_ms.p99_9 > DiskProbe::MOST_P99_9_MS,
        }
    }

    fn end(&mut self) -> Option<Histogram<u64>> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.take().and_then(|thread| thread.join().ok())
    }
}

impl Drop for DiskLoop {
    fn drop(&mut self) {
        self.end();
    }
}

const PERIOD: Duration = Duration::from_millis(20);
const BLOCK: [u8; 4096] = [0x5a; 4096];
/// Blocks of the file, which are written in turn: 4 MiB, so that a sync never is for nothing.
const BLOCKS: u64 = 1024;
/// The longest time told apart: longer ones count as this.
const MOST_MICROSECONDS: u64 = 60_000_000;

fn probe(file: &File, is_over: &AtomicBool) -> Histogram<u64> {
    let mut times = new_histogram(MOST_MICROSECONDS);
    let mut next = Instant::now();
    for number in 0_u64.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let start = Instant::now();
        let offset = number % BLOCKS * BLOCK.len() as u64;
        // A disk that fails is told by the servers, who have more to lose.
        if file.write_all_at(&BLOCK, offset).is_err() || file.sync_data().is_err() {
            break;
        }
        let took = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        times.saturating_record(took);
        next = (next + PERIOD).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    times
}

/// Three digits, up to this value.
fn new_histogram(most: u64) -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constants")]
    Histogram::new_with_bounds(1, most, 3).expect("bounds that are in order")
}

fn percentiles(times: &Histogram<u64>) -> Percentiles {
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a minute")]
    let ms = |microseconds: u64| microseconds as f64 / 1000.0;
    if times.is_empty() {
        return Percentiles::default();
    }
    let at = |quantile| ms(times.value_at_quantile(quantile));
    Percentiles {
        count: times.len(),
        min: ms(times.min()),
        mean: times.mean() / 1000.0,
        p50: at(0.5),
        p90: at(0.9),
        p95: at(0.95),
        p99: at(0.99),
        p99_9: at(0.999),
        p99_99: at(0.9999),
        max: ms(times.max()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn the_loop_counts_its_syncs_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let probe = DiskLoop::start(folder.path()).unwrap();
        thread::sleep(Duration::from_millis(200));
        let found = probe.finish();
        assert!(
            found.sync_ms.count > 0 && found.sync_ms.max > 0.0,
            "{found:?}"
        );
        assert_eq!(found.void, found.sync_ms.p99_9 > 50.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
