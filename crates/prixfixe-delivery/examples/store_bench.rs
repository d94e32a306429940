//! How fast the store takes messages, how much CPU each costs, and whether that stays so while
//! it grows.
//!
//! ```text
//! cargo run --release -p prixfixe-delivery --example store_bench -- \
//!     folder=/var/tmp/bench tasks=50 size=10240 counts=10000,100000 large=0
//! ```
//!
//! `tasks` clients store messages of `size` bytes, each the next as soon as the last is answered.
//! `counts` are the sizes of the store at which a line is printed; each line is about the
//! messages since the one before. With `large=N`, one more client sends messages of N MiB all the
//! time, and is not counted.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a measurement ends at an error"
)]

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use prixfixe_delivery::sqlite::{MessageDetails, SqliteStore, StoreSettings, Trace};

#[tokio::main]
async fn main() {
    let arguments = Arguments::parse();
    assert!(
        !arguments.folder.exists(),
        "{} exists already",
        arguments.folder.display()
    );
    let store = SqliteStore::open(&StoreSettings::at(&arguments.folder))
        .unwrap()
        .store;
    let stop = Arc::new(AtomicBool::new(false));
    let large = (arguments.large_mib > 0).then(|| {
        tokio::spawn(send_large(
            store.clone(),
            arguments.large_mib,
            Arc::clone(&stop),
        ))
    });
    let mut stored = 0;
    for count in &arguments.counts {
        let stage = Stage::run(&store, &arguments, count - stored).await;
        stored = *count;
        stage.print(stored);
    }
    stop.store(true, Ordering::Relaxed);
    if let Some(large) = large {
        println!(
            "beside it {} messages of {} MiB",
            large.await.unwrap(),
            arguments.large_mib
        );
    }
    let start = Instant::now();
    store.close().await;
    println!("closed in {:.1?}", start.elapsed());
}

struct Arguments {
    folder: PathBuf,
    tasks: u64,
    size: usize,
    counts: Vec<u64>,
    large_mib: usize,
}

impl Arguments {
    fn parse() -> Self {
        let mut parsed = Self {
            folder: PathBuf::from("store-bench-data"),
            tasks: 50,
            size: 10_240,
            counts: vec![10_000, 100_000],
            large_mib: 0,
        };
        for argument in std::env::args().skip(1) {
            match argument.split_once('=').expect("arguments read name=value") {
                ("folder", value) => parsed.folder = value.into(),
                ("tasks", value) => parsed.tasks = value.parse().unwrap(),
                ("size", value) => parsed.size = value.parse().unwrap(),
                ("counts", value) => {
                    parsed.counts = value
                        .split(',')
                        .map(|count| count.parse().unwrap())
                        .collect();
                }
                ("large", value) => parsed.large_mib = value.parse().unwrap(),
                (name, _) => panic!("unknown argument {name}"),
            }
        }
        parsed
    }
}

/// What was measured while a number of messages was stored.
struct Stage {
    elapsed: Duration,
    cpu: Duration,
    latencies: Vec<Duration>,
}

impl Stage {
    async fn run(store: &SqliteStore, arguments: &Arguments, count: u64) -> Self {
        let (start, cpu) = (Instant::now(), cpu_time());
        let taken = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..arguments.tasks)
            .map(|_| {
                tokio::spawn(store_many(
                    store.clone(),
                    arguments.size,
                    count,
                    Arc::clone(&taken),
                ))
            })
            .collect();
        let progress = tokio::spawn(show_progress(Arc::clone(&taken), count));
        let mut latencies = Vec::new();
        for task in tasks {
            latencies.extend(task.await.unwrap());
        }
        progress.abort();
        latencies.sort_unstable();
        Self {
            elapsed: start.elapsed(),
            cpu: cpu_time().saturating_sub(cpu),
            latencies,
        }
    }

    fn print(&self, stored: u64) {
        let count = self.latencies.len();
        let quantile = |q: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index of a vector"
            )]
            let index = (count as f64 * q) as usize;
            self.latencies[index.min(count - 1)]
        };
        #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let messages = count as f64;
        println!(
            "\r{stored:>8} stored: {:>7.0} messages/s, {:.4} ms CPU each, \
             p50 {:.2?}, p99 {:.2?}, p99.9 {:.2?}, max {:.2?}",
            messages / self.elapsed.as_secs_f64(),
            self.cpu.as_secs_f64() * 1000.0 / messages,
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            quantile(1.0),
        );
    }
}

async fn store_many(
    store: SqliteStore,
    size: usize,
    count: u64,
    taken: Arc<AtomicU64>,
) -> Vec<Duration> {
    let body = body(size);
    let mut latencies = Vec::new();
    while taken.fetch_add(1, Ordering::Relaxed) < count {
        let start = Instant::now();
        let mut incoming = store.incoming();
        for piece in body.chunks(READ_BUFFER_BYTES) {
            incoming.write(piece).await.unwrap();
        }
        incoming.commit(details()).await.unwrap();
        latencies.push(start.elapsed());
    }
    latencies
}

async fn send_large(store: SqliteStore, mib: usize, stop: Arc<AtomicBool>) -> u64 {
    let piece = body(READ_BUFFER_BYTES);
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut incoming = store.incoming();
        for _ in 0..(mib << 20) / READ_BUFFER_BYTES {
            incoming.write(&piece).await.unwrap();
        }
        incoming.commit(details()).await.unwrap();
        sent += 1;
    }
    sent
}

async fn show_progress(taken: Arc<AtomicU64>, count: u64) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        eprint!("\r{} of {count} ", taken.load(Ordering::Relaxed).min(count));
        let _ = std::io::stderr().flush();
    }
}

fn details() -> MessageDetails {
    let mut details = MessageDetails::new(
        SystemTime::now(),
        "alice.sender@example.com".into(),
        vec!["bob.recipient@example.net".into()],
    );
    details.helo = "client.example.com".into();
    details.peer = "192.0.2.1:54321".into();
    details.trace = Trace::around_id(
        "Return-Path: <alice.sender@example.com>\r\nReceived: from client.example.com \
         ([192.0.2.1]) by mx.example.com with ESMTP id "
            .into(),
        "; Thu, 1 Jan 2026 00:00:00 +0000\r\n".into(),
    );
    details
}

fn body(size: usize) -> Vec<u8> {
    let mut body = b"Subject: A subject of the usual length, more or less\r\n\r\n".to_vec();
    body.extend((body.len()..size).map(|at| if at % 78 == 0 { b'\n' } else { b'x' }));
    body.truncate(size);
    body
}

/// CPU time of this process, in all threads.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let ticks = |index: usize| -> u32 {
        fields
            .split_whitespace()
            .nth(index)
            .unwrap()
            .parse()
            .unwrap()
    };
    CPU_TICK * (ticks(11) + ticks(12))
}

/// As a server reads from a connection.
const READ_BUFFER_BYTES: usize = 8192;
/// What Linux counts CPU time in, on every platform that it shows it to.
const CPU_TICK: Duration = Duration::from_millis(10);
