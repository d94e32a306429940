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

use prixfixe_ipc::raw_peer::{RawChannel, RawPeer};

use super::doorbells;
use super::silence::ticks;
use super::stage::{Stage, small};

/// Its name, what the peer does in a loop, and what a harmless neighbour does instead.
type Attack = (&'static str, fn(&RawPeer), fn());

const PAIRS: usize = 7;
const SPAN: Duration = Duration::from_secs(2);

#[test]
fn bystanders_keep_their_rate() {
    if std::env::var_os("PRIXFIXE_LONG").is_none() {
        return;
    }
    let attacks: [Attack; 4] = [
        ("nothing at all", |_| rest(), rest),
        ("a storm of rings", |peer| peer.doorbell.ring(), compute),
        (
            "stealing rings",
            |peer| {
                peer.doorbell.drain();
            },
            compute,
        ),
        (
            "wiping out hints",
            |peer| {
                for offset in (0..64).step_by(8) {
                    peer.hints.write(offset, 0);
                }
            },
            compute,
        ),
    ];
    for (name, attack, harmless) in attacks {
        let mut stage = Stage::with("rates", doorbells::OWN_DOMAIN);
        stage.hurry_bystanders();
        let mut ratios: Vec<f64> = (0..PAIRS)
            .map(|_| {
                let alone = calls_beside(&mut stage, harmless);
                let peer = stage.peer();
                let _channels: Vec<RawChannel> =
                    (0..80).map(|_| peer.open(small()).unwrap()).collect();
                let beside = calls_beside(&mut stage, || attack(&peer));
                println!(
                    "{name}: {alone:.0} calls per CPU second without it, {beside:.0} beside it"
                );
                beside / alone
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let median = ratios[PAIRS / 2];
        println!("{name}: {:.0} % of their rate", median * 100.0);
        assert!(median >= 0.8, "{name}: {median}");
        stage.finish();
    }
}

/// [`calls_per_second`] while a neighbour does this in a loop.
fn calls_beside(stage: &mut Stage, neighbour: impl Fn() + Sync) -> f64 {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                neighbour();
            }
        });
        let rate = calls_per_second(stage);
        over.store(true, Ordering::Relaxed);
        rate
    })
}

fn rest() {
    std::thread::sleep(Duration::from_millis(1));
}

fn compute() {
    std::hint::spin_loop();
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
