//! Which running calls have asked to be let go on, from whatever thread.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::task::{Wake, Waker};

use crate::memory::PeerWord;
use crate::server::Stopper;
use crate::sync::Ordering;
use crate::wake::SharedWaker;

/// A bit for each running call, set by its waker.
pub(in crate::server) struct Woken {
    bits: Box<[AtomicU64]>,
    places: usize,
    /// Whether the server sleeps.
    server: SharedWaker,
    /// Has the bell that ends its sleep.
    stop: Stopper,
}

/// The waker of one place.
struct PlaceWaker {
    woken: Arc<Woken>,
    place: usize,
}

const BITS: usize = 64;

impl Woken {
    /// `sleeping` is where the server announces its sleep, of which it is woken by the bell of `stop`.
    pub(in crate::server) fn new(places: usize, sleeping: PeerWord, stop: Stopper) -> Self {
        Self {
            bits: (0..places.div_ceil(BITS))
                .map(|_| AtomicU64::new(0))
                .collect(),
            places,
            server: SharedWaker::new(sleeping),
            stop,
        }
    }

    pub(super) fn places(&self) -> usize {
        self.places
    }

    /// The waker of `place`, to be made once.
    pub(super) fn waker(self: &Arc<Self>, place: usize) -> Waker {
        Waker::from(Arc::new(PlaceWaker {
            woken: Arc::clone(self),
            place,
        }))
    }

    /// Whether anybody has asked: loads, and no promise.
    pub(super) fn any(&self) -> bool {
        // Relaxed: a hint; where a sleeper relies on it, a fence stands before.
        self.bits
            .iter()
            .any(|word| word.load(Ordering::Relaxed) != 0)
    }

    /// Takes all that have asked and names each.
    pub(super) fn take(&self, mut found: impl FnMut(usize)) {
        for (index, word) in self.bits.iter().enumerate() {
            // Relaxed: only to spare the exchange; what is missed here is found at the next look.
            if word.load(Ordering::Relaxed) == 0 {
                continue;
            }
            // Acquire: with the release of `wake`: what a future waited for is seen when it is polled.
            let mut bits = word.swap(0, Ordering::Acquire);
            while bits != 0 {
                found(index * BITS + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
    }

    fn wake(&self, place: usize) {
        if let Some(word) = self.bits.get(place / BITS) {
            // Release: who takes the bit sees what was done before. Also when it was set already, for
            // then it says nothing of what we did.
            word.fetch_or(1 << (place % BITS), Ordering::Release);
            if self.server.must_wake() {
                self.stop.bell().ring();
            }
        }
    }
}

impl Wake for PlaceWaker {
    fn wake(self: Arc<Self>) {
        self.woken.wake(self.place);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.wake(self.place);
    }
}
