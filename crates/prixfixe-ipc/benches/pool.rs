//! What sharing costs: threads that call over a pool, over one client behind a lock, and over a client
//! each, in turns. The server is another process.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --bench pool
//! ```

mod server_process;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use prixfixe_ipc::{Client, Connector, Pool, PoolSettings, Reply, Request, ServerConfig};
use server_process::{Failure, ServerProcess, name_to_serve};

/// Octets of requests and replies.
const PAYLOAD: usize = 64;
/// Turns of each kind; medians are of so many.
const ROUNDS: usize = 7;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(300);

fn main() -> Result<(), Failure> {
    match name_to_serve() {
        Some(name) => serve(&name),
        None => measure(),
    }
}

fn serve(name: &str) -> Result<(), Failure> {
    server_process::serve(name, ServerConfig::default(), |server| {
        server.serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))
    })
}

fn measure() -> Result<(), Failure> {
    let server = ServerProcess::start("pool")?;
    let address = server.address.clone();
    println!("calls/s, medians of {ROUNDS} turns; {PAYLOAD} octets");
    println!("threads   pool(64)   pool(2)   client each   one client and a lock");
    for threads in [1, 2, 8, 32] {
        let wide = Pool::connect(&address)?;
        let mut settings = PoolSettings::default();
        settings.max_channels = std::num::NonZeroU16::MIN.saturating_add(1);
        let narrow = Pool::with_settings(address.clone(), settings)?;
        let connector = Connector::new(address.clone());
        let own: Vec<Mutex<Client>> = (0..threads)
            .map(|_| connector.client().map(Mutex::new))
            .collect::<Result<_, _>>()?;
        let shared = Mutex::new(connector.client()?);

        let mut figures = [const { Vec::new() }; 4];
        for round in 0..=ROUNDS {
            let through_pool = |pool: &Pool, reply: &mut [u8]| {
                let outcome = pool.call_into(&[7; PAYLOAD], reply);
                outcome.completed().is_ok_and(|length| length == PAYLOAD)
            };
            let through = |client: &Mutex<Client>, reply: &mut [u8]| {
                let Ok(mut client) = client.lock() else {
                    return false;
                };
                let outcome = client.call_into(&[7; PAYLOAD], reply);
                outcome.completed().is_ok_and(|length| length == PAYLOAD)
            };
            let rates = [
                rate(threads, |_, reply| through_pool(&wide, reply))?,
                rate(threads, |_, reply| through_pool(&narrow, reply))?,
                rate(threads, |thread, reply| through(&own[thread], reply))?,
                rate(threads, |_, reply| through(&shared, reply))?,
            ];
            // The first warms everything up.
            if round > 0 {
                for (figures, rate) in figures.iter_mut().zip(rates) {
                    figures.push(rate);
                }
            }
        }
        let [wide, narrow, own, locked] = figures.map(median);
        println!("{threads:>7} {wide:>10} {narrow:>9} {own:>13} {locked:>23}");
    }
    Ok(())
}

/// Calls per second of all threads together.
fn rate(threads: usize, call: impl Fn(usize, &mut [u8]) -> bool + Sync) -> Result<u64, Failure> {
    let (over, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    let made = AtomicU64::new(0);
    let barrier = Barrier::new(threads + 1);
    let took = std::thread::scope(|scope| {
        for thread in 0..threads {
            let (over, failed, made, barrier, call) = (&over, &failed, &made, &barrier, &call);
            scope.spawn(move || {
                let mut reply = [0; PAYLOAD];
                let mut calls = 0;
                barrier.wait();
                while !over.load(Ordering::Relaxed) {
                    if !call(thread, &mut reply) {
                        failed.store(true, Ordering::Relaxed);
                        break;
                    }
                    calls += 1;
                }
                made.fetch_add(calls, Ordering::Relaxed);
            });
        }
        barrier.wait();
        let start = Instant::now();
        std::thread::sleep(TURN);
        over.store(true, Ordering::Relaxed);
        start
    })
    .elapsed();
    if failed.into_inner() {
        return Err("a call failed".into());
    }
    let nanos = u64::try_from(took.as_nanos())?.max(1);
    Ok(u64::try_from(
        u128::from(made.into_inner()) * 1_000_000_000 / u128::from(nanos),
    )?)
}

fn median(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    figures[figures.len() / 2]
}
