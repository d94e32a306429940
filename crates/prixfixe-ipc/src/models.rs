//! The protocols between processes, in every order in which two or three of them can meet, and with
//! every value that the memory model lets a load return.
//!
//! `cargo xtask models` runs these. They drive the same rings, wakes, claims and hints that are
//! shipped, over [`crate::memory::Region`]s whose words are the checker's. A sleeper that nobody
//! wakes is a deadlock, which the checker reports. [`orderings`] shows that each fence and each
//! ordering is needed.

mod claim;
mod hints;
mod orderings;
mod ring;
mod sleep;
mod turnstile;
mod wake;

use loom::model::Builder;

use crate::memory::Region;
use crate::ring::RingMemory;

/// A protocol with few enough steps that all of its courses can be tried.
#[derive(Clone, Copy)]
struct Model {
    name: &'static str,
    /// How often a thread may be interrupted where it need not wait; all courses where that is `None`.
    preemptions: Option<usize>,
    run: fn(),
}

const ALL: [&[Model]; 5] = [
    &ring::MODELS,
    &wake::MODELS,
    &claim::MODELS,
    &hints::MODELS,
    &turnstile::MODELS,
];

impl Model {
    /// Panics when the protocol can fail.
    fn check(&self) {
        let mut builder = Builder::new();
        builder.preemption_bound = self.preemptions;
        builder.check(self.run);
    }
}

fn check_all(models: &[Model]) {
    for model in models {
        let start = std::time::Instant::now();
        println!("{} ...", model.name);
        model.check();
        println!("{}: {:?}", model.name, start.elapsed());
    }
}

/// A ring of `capacity` octets.
fn ring_memory(capacity: usize) -> RingMemory {
    RingMemory {
        producer_line: Region::zeroed(16),
        head: Region::zeroed(8),
        records: Region::zeroed(capacity),
    }
}
