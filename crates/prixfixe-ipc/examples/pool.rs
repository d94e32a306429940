//! Many threads that share a few channels to one server.
//!
//! ```sh
//! cargo run --release -p prixfixe-ipc --example pool
//! ```

use std::error::Error;
use std::num::NonZeroU16;
use std::thread;
use std::time::Instant;

use prixfixe_ipc::{
    Address, CallError, Pool, PoolSettings, Refusal, Reply, Request, Server, ServerConfig,
};

const THREADS: u32 = 32;
const CALLS_OF_EACH: u32 = 1_000;
/// Fewer than threads: who finds none free waits for his turn.
const CHANNELS: NonZeroU16 = NonZeroU16::new(8).unwrap();

/// Answers a number with its square.
fn square(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    let number = request.payload().try_into().map(u32::from_le_bytes);
    let number = u64::from(number.map_err(|_| Refusal::Malformed)?);
    reply.write(&(number * number).to_le_bytes())
}

/// What each thread does.
fn call(pool: &Pool, thread: u32) -> Result<(), CallError> {
    let first = thread * CALLS_OF_EACH;
    for number in first..first + CALLS_OF_EACH {
        let mut reply = [0; 8];
        pool.call_into(&number.to_le_bytes(), &mut reply)
            .completed()?;
        assert_eq!(u64::from_le_bytes(reply), u64::from(number).pow(2));
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = Address::abstract_name(format!("pool-{}", std::process::id()))?;
    // Here, so that there is one program to run; a process of its own, most of the time.
    let _server = Server::bind(&address, ServerConfig::default())?.spawn(square)?;

    let mut settings = PoolSettings::default();
    settings.max_channels = CHANNELS;
    let pool = Pool::with_settings(address, settings)?;
    let start = Instant::now();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|thread| {
                let pool = &pool;
                scope.spawn(move || call(pool, thread))
            })
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    println!(
        "{} calls of {THREADS} threads over {} channels took {:.1?}",
        THREADS * CALLS_OF_EACH,
        pool.statistics().open,
        start.elapsed()
    );
    Ok(())
}
