//! What sharing costs: threads that call over a pool, over one client behind a lock, and over a client
//! each, in turns. The server is another process.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --bench pool
//! ```

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Barrier, Mutex};
use std::time::{Duration, Instant};

use prixfixe_ipc::{
    Address, Client, Connector, Pool, PoolSettings, Reply, Request, Server, ServerConfig,
};

/// Octets of requests and replies.
const PAYLOAD: usize = 64;
/// Turns of each kind; medians are of so many.
const ROUNDS: usize = 7;
/// How long a turn lasts.
const TURN: Duration = Duration::from_millis(300);

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("serve") => serve(arguments.get(2).ok_or("no address")?),
        _ => measure(),
    }
}

fn serve(name: &str) -> Result<(), Failure> {
    let server = Server::bind(&Address::abstract_name(name)?, ServerConfig::default())?;
    // Until whoever started this closes the pipe, or dies.
    let stop = server.stopper();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_line(&mut String::new());
        stop.stop();
    });
    println!("ready");
    std::io::stdout().flush()?;
    let echo = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
    Ok(server.serve(echo)?)
}

fn measure() -> Result<(), Failure> {
    let name = format!("prixfixe-bench-pool-{}", std::process::id());
    let mut server = start(&name)?;
    let address = Address::abstract_name(&name)?;
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
    drop(server.stdin.take());
    server.wait()?;
    Ok(())
}

fn start(name: &str) -> Result<Child, Failure> {
    let mut server = Command::new(std::env::current_exe()?)
        .args(["serve", name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let said = server.stdout.take().ok_or("no output")?;
    BufReader::new(said).read_line(&mut String::new())?;
    Ok(server)
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
