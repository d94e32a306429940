//! Nobody waits for what is free.

use std::sync::Arc;

use loom::thread;

use super::{Model, check_all};
use crate::sync::{AtomicU64, Ordering};
use crate::turnstile::Turnstile;

pub(super) const MODELS: [Model; 2] = [
    Model {
        name: "who waits is woken when something is given back",
        preemptions: None,
        run: woken_or_not_asleep,
    },
    Model {
        name: "each of those who wait has his turn",
        preemptions: Some(2),
        run: one_after_the_other,
    },
];

#[test]
fn turnstiles_hold() {
    check_all(&MODELS);
}

/// One thing, and its state: looked at before it is taken, as the lock of a place of a pool is.
struct Scene {
    turnstile: Turnstile,
    taken: AtomicU64,
}

impl Scene {
    fn new(taken: u64) -> Arc<Self> {
        Arc::new(Self {
            turnstile: Turnstile::new(),
            taken: AtomicU64::new(taken),
        })
    }

    fn claim(&self) -> Option<()> {
        // Relaxed: what is behind a place is ordered by its lock, not here. A try that fails is a load,
        // which may find what was true before, and writes nothing.
        let free = self.taken.load(Ordering::Relaxed) == 0;
        (free && self.taken.replace(0, 1, Ordering::Relaxed)).then_some(())
    }

    fn enter(&self) {
        if self.turnstile.try_enter(|| self.claim()).is_none() {
            let park = || {
                crate::sync::thread::park();
                true
            };
            self.turnstile.enter(|| self.claim(), park);
        }
    }

    fn give_back(&self) {
        // Relaxed: as above.
        self.taken.store(0, Ordering::Relaxed);
        self.turnstile.gave_back();
    }
}

fn woken_or_not_asleep() {
    let scene = Scene::new(1);
    let waiter = thread::spawn({
        let scene = Arc::clone(&scene);
        move || scene.enter()
    });
    scene.give_back();
    waiter.join().unwrap();
}

fn one_after_the_other() {
    let scene = Scene::new(1);
    let waiters = [0; 2].map(|_| {
        let scene = Arc::clone(&scene);
        thread::spawn(move || {
            scene.enter();
            scene.give_back();
        })
    });
    scene.give_back();
    for waiter in waiters {
        waiter.join().unwrap();
    }
}
