//! "Serves the others at no less than 80 % of their rate", measured: `PRIXFIXE_LONG=1` only, since it
//! takes time and a machine to itself.
//!
//! The hostile peer takes processor time like any other process, and on a machine with few processors
//! the bystanders lose that in any case, whatever the server does. What the server owes them is that
//! it does not spend its own time on the peer. So calls of the bystanders are counted against the
//! processor time that they and the server have had together: that of the peer is left out, that which
//! it makes the server spend is not. Even so a busy neighbour costs them something, since who looks for
//! a reply while the server is off the processor looks in vain; so the rate beside the peer is compared
//! with that beside a neighbour who is as busy and does no harm. The bystanders call without a pause, because time that the server
//! would have slept through is nobody's loss. Pairs with and without it are interleaved, because the machine
//! may be slow for a while, and the median of the ratios counts. (A storm of messages is not here: it
//! ends with its maker's connection within a second, as another test shows.)

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prixfixe_ipc::raw_peer::{RawChannel, RawPeer, RawRole};
use prixfixe_ipc::{Address, Client};

use super::server_process::{ASYNCHRONOUS, PER_CLIENT};
use super::silence::ticks;
use super::stage::{Stage, small};
use super::streams;

/// What somebody does until it is over.
type Deed = fn(&Address, &AtomicBool);

/// Its name, what the peer does, and what a harmless neighbour does instead.
type Attack = (&'static str, Deed, Deed);

const ATTACKS: [Attack; 6] = [
    ("nothing at all", rest, rest),
    (
        "a storm of rings",
        |address, over| of_a_peer(address, over, |peer| peer.doorbell.ring()),
        compute,
    ),
    (
        "stealing rings",
        |address, over| {
            of_a_peer(address, over, |peer| {
                peer.doorbell.drain();
            });
        },
        compute,
    ),
    (
        "wiping out hints",
        |address, over| {
            of_a_peer(address, over, |peer| {
                for offset in (0..64).step_by(8) {
                    peer.hints.write(offset, 0);
                }
            });
        },
        compute,
    ),
    (
        "streams that stand still",
        |address, over| streams::stalled(&peer(address), over),
        rest,
    ),
    // Records that are read are work like any other: so are the calls of the neighbour.
    (
        "a storm of credits",
        |address, over| streams::storm_of_credits(&peer(address), over),
        call,
    ),
];
const PAIRS: usize = 7;
const SPAN: Duration = Duration::from_secs(2);

#[test]
fn bystanders_keep_their_rate() {
    if std::env::var_os("PRIXFIXE_LONG").is_none() {
        return;
    }
    let mut kept = Vec::new();
    for (name, attack, harmless) in ATTACKS {
        let settings = [(PER_CLIENT, "1"), (ASYNCHRONOUS, "1")];
        let mut stage = Stage::with("rates", &settings);
        stage.hurry_bystanders();
        let mut ratios: Vec<f64> = (0..PAIRS)
            .map(|_| {
                let alone = calls_beside(&mut stage, harmless);
                let beside = calls_beside(&mut stage, attack);
                println!(
                    "{name}: {alone:.0} calls per CPU second without it, {beside:.0} beside it"
                );
                beside / alone
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios[PAIRS / 2];
        println!("{name}: {:.0} % of their rate", median * 100.0);
        kept.push((name, median));
        stage.finish();
    }
    // All of them first, so that each has its figure.
    assert!(kept.iter().all(|(_, share)| *share >= 0.8), "{kept:?}");
}

/// [`calls_per_second`] while somebody does this.
fn calls_beside(stage: &mut Stage, deed: Deed) -> f64 {
    let over = AtomicBool::new(false);
    let address = stage.address.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| deed(&address, &over));
        let rate = calls_per_second(stage);
        over.store(true, Ordering::Relaxed);
        rate
    })
}

fn peer(address: &Address) -> RawPeer {
    RawPeer::connect(address, RawRole::Blocking).unwrap()
}

/// Does this over and over, with so many channels that the server goes by hints.
fn of_a_peer(address: &Address, over: &AtomicBool, deed: impl Fn(&RawPeer)) {
    let peer = peer(address);
    let _channels: Vec<RawChannel> = (0..80).map(|_| peer.open(small()).unwrap()).collect();
    while !over.load(Ordering::Relaxed) {
        deed(&peer);
    }
}

fn rest(_: &Address, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn compute(_: &Address, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
}

/// Short calls, as many at once as may be.
fn call(address: &Address, over: &AtomicBool) {
    let mut client = Client::connect(address).unwrap();
    let mut pipeline = client.pipeline().unwrap();
    let mut reply = [0; 8];
    while !over.load(Ordering::Relaxed) {
        while pipeline.submit(b"hello", reply.len()).is_ok() {}
        let (_, outcome) = pipeline.receive(&mut reply).unwrap();
        outcome.completed().unwrap();
    }
    while pipeline.receive(&mut reply).is_some() {}
}

/// Calls of the bystanders per second of processor time, of theirs and the server's.
fn calls_per_second(stage: &mut Stage) -> f64 {
    let processes = [stage.server.id(), stage.bystanders_id()];
    let spent = |processes: [u32; 2]| processes.map(ticks).iter().sum::<u64>();
    let (calls, before) = (stage.count(), spent(processes));
    std::thread::sleep(SPAN);
    let (calls, spent) = (stage.count() - calls, spent(processes) - before);
    calls as f64 * rustix::param::clock_ticks_per_second() as f64 / spent.max(1) as f64
}
