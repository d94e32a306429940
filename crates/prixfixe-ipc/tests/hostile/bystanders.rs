//! Clients that keep the rules, in a process of their own. Each call must be completed with the bytes
//! that belong to it, whatever else goes on at the server.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use prixfixe_ipc::{Address, Call, Client, Outcome, workload};

use super::processes::{hear, is, say, setting};
use super::server_process::{ADDRESS, VERIFIED};

pub(crate) const ROLE: &str = "bystanders::the_bystanders";

/// Each with a connection of its own.
const CLIENTS: u64 = 2;
/// Calls that each must complete to show that it is served.
const PROOF: u64 = 20;
/// Calls in a row, after which a client rests so long that the server falls asleep now and then.
const BURST: u64 = 40;
const REST: Duration = Duration::from_millis(2);
const LONGEST: usize = 6000;

#[test]
#[ignore = "a process that the other tests start"]
fn the_bystanders() {
    if !is(ROLE) {
        return;
    }
    let address: Address = setting(ADDRESS).unwrap().parse().unwrap();
    let over = AtomicBool::new(false);
    let hurry = AtomicBool::new(false);
    let completed = [const { AtomicU64::new(0) }; CLIENTS as usize];
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|_| Client::connect(&address).unwrap())
        .collect();
    std::thread::scope(|scope| {
        for (client, (number, completed)) in clients.iter_mut().zip((0..).zip(&completed)) {
            let hurry = &hurry;
            let rests = move || !hurry.load(Ordering::Relaxed);
            let over = &over;
            scope.spawn(move || keep_calling(client, number, completed, over, rests));
        }
        say("calling");
        while let Some(line) = hear() {
            if line == "hurry" {
                hurry.store(true, Ordering::Relaxed);
                continue;
            }
            if line == "count" {
                let total: u64 = completed
                    .iter()
                    .map(|count| count.load(Ordering::Relaxed))
                    .sum();
                say(&format!("count {total}"));
                continue;
            }
            for count in &completed {
                let enough = count.load(Ordering::Relaxed) + PROOF;
                while count.load(Ordering::Relaxed) < enough {
                    std::thread::yield_now();
                }
            }
            say("served");
        }
        over.store(true, Ordering::Relaxed);
    });
    for client in &clients {
        assert_eq!(
            client.statistics().reconnects,
            0,
            "nobody may lose his connection"
        );
    }
}

fn keep_calling(
    client: &mut Client,
    number: u64,
    completed: &AtomicU64,
    over: &AtomicBool,
    rests: impl Fn() -> bool,
) {
    let mut request_bytes = vec![0; LONGEST];
    let mut reply = vec![0; LONGEST];
    let mut expected = vec![0; LONGEST];
    for call in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let length = 16 + (call as usize * 37) % (LONGEST - 16);
        request(&mut request_bytes[..length], number, call);
        let asked = Call::new(&request_bytes[..length]).message_type(VERIFIED);
        let outcome = client.call_into(asked, &mut reply);
        workload::fill(&mut expected[..length], workload::replying_to(number), call);
        if outcome != Outcome::Completed(length) || reply[..length] != expected[..length] {
            // The other threads would go on for ever.
            say(&format!(
                "failed: client {number}, call {call}: {outcome:?}"
            ));
            eprintln!("client {number}, call {call}: {outcome:?}");
            std::process::exit(1);
        }
        completed.fetch_add(1, Ordering::Relaxed);
        if call % BURST == 0 && rests() {
            std::thread::sleep(REST);
        }
    }
}

/// Makes the bytes of a request that says whose it is.
pub(crate) fn request(bytes: &mut [u8], client: u64, call: u64) {
    workload::fill(bytes, client, call);
    bytes[..8].copy_from_slice(&client.to_le_bytes());
    bytes[8..16].copy_from_slice(&call.to_le_bytes());
}

pub(crate) fn names_of(bytes: &[u8]) -> Option<(u64, u64)> {
    let word = |range: std::ops::Range<usize>| {
        Some(u64::from_le_bytes(bytes.get(range)?.try_into().ok()?))
    };
    Some((word(0..8)?, word(8..16)?))
}

pub(crate) fn is_request(bytes: &[u8], client: u64, call: u64) -> bool {
    let mut expected = vec![0; bytes.len()];
    request(&mut expected, client, call);
    expected == bytes
}
