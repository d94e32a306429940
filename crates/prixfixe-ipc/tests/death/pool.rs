//! The server of a pool is killed again and again under the calls of many threads: each call is
//! accounted for by its outcome, and the pool finds every next server by itself.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prixfixe_ipc::{Call, Outcome, Pool, PoolSettings, workload};

use super::process::{Watchdog, long, this_thread, wait_until};
use super::roles::word;
use super::scene::{FOR_EVER, LENGTH, Scene, caller_id, client_number, is_reply};

const THREADS: u32 = 12;
/// Fewer than threads, so that some wait for a channel whenever the server dies.
const CHANNELS: NonZeroU16 = NonZeroU16::new(4).unwrap();
/// Of a call; a server that is away for longer leaves it unexecuted.
const TIMEOUT: Duration = Duration::from_millis(200);
/// Calls between two kills.
const CALLS_OF_A_ROUND: u64 = 300;

/// What all threads have come to so far.
#[derive(Default)]
struct Counts {
    completed: AtomicU64,
    not_executed: AtomicU64,
    stopping: AtomicBool,
}

#[test]
fn every_call_of_a_pool_is_accounted_for_while_its_servers_are_killed() {
    let rounds = if long() { 100 } else { 8 };
    let _watchdog = Watchdog::new("pool", Duration::from_secs(60 + 2 * rounds));
    let scene = Scene::new();
    let mut server = scene.server("");
    let mut settings = PoolSettings::default();
    settings.max_channels = CHANNELS;
    let pool = Pool::with_settings(scene.address(), settings).unwrap();
    let counts = Counts::default();
    let ended: HashMap<u128, &str> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=THREADS)
            .map(|number| {
                let (pool, counts) = (&pool, &counts);
                scope.spawn(move || call_until_told(pool, number, counts))
            })
            .collect();
        for round in 0..rounds {
            await_more(&counts.completed, CALLS_OF_A_ROUND);
            server.kill();
            if round % 2 == 0 {
                await_more(&counts.not_executed, 1);
            }
            server = scene.server("");
        }
        await_more(&counts.completed, CALLS_OF_A_ROUND);
        counts.stopping.store(true, Ordering::Relaxed);
        let ended = threads.into_iter().map(|thread| thread.join().unwrap());
        ended.flatten().collect()
    });
    let statistics = pool.statistics();
    assert_eq!(statistics.waiting, 0, "{statistics:?}");
    assert!(statistics.open <= CHANNELS.get().into(), "{statistics:?}");
    check(&ended, &scene.journal().executions());
}

/// What the outcomes say beside what was executed.
fn check(ended: &HashMap<u128, &str>, executions: &HashMap<u128, u32>) {
    let mut table: BTreeMap<(&str, u32), u64> = BTreeMap::new();
    for (id, ended) in ended {
        let executions = executions.get(id).copied().unwrap_or(0);
        let possible = match *ended {
            "completed" => 1..=1,
            "no" => 0..=0,
            "maybe" => 0..=1,
            other => panic!("call {id:#x} was {other}"),
        };
        assert!(
            possible.contains(&executions),
            "{ended} call {id:#x}: executed {executions} times"
        );
        *table.entry((ended, executions)).or_default() += 1;
    }
    assert!(
        executions.keys().all(|id| ended.contains_key(id)),
        "a call was executed that has no outcome"
    );
    for ((ended, executions), calls) in table {
        println!("{ended:<10} executed {executions}: {calls}");
    }
}

/// Makes calls until it is told to stop, and then one that has to be completed. Returns how each ended.
fn call_until_told(pool: &Pool, number: u32, counts: &Counts) -> HashMap<u128, &'static str> {
    let client = client_number(number, this_thread());
    let mut ended = HashMap::new();
    for number in 0.. {
        let last = counts.stopping.load(Ordering::Relaxed);
        let timeout = if last { FOR_EVER } else { TIMEOUT };
        let mut payload = [0; LENGTH];
        workload::fill(&mut payload, client, number);
        let id = caller_id(client, number);
        let call = Call::new(&payload).caller_id(id).timeout(timeout);
        let mut reply = [0; LENGTH];
        let outcome = pool.call_into(call, &mut reply).map(|length| {
            assert!(
                is_reply(&reply[..length], client, number),
                "another's reply"
            );
        });
        let word = word(outcome);
        match word {
            "completed" => counts.completed.fetch_add(1, Ordering::Relaxed),
            "no" => counts.not_executed.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        ended.insert(id, word);
        if last {
            assert_eq!(outcome, Outcome::Completed(()));
            break;
        }
    }
    ended
}

fn await_more(count: &AtomicU64, more: u64) {
    let before = count.load(Ordering::Relaxed);
    wait_until(|| count.load(Ordering::Relaxed) >= before + more);
}
