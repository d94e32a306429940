//! Ctrl-C: the first lets what is under way end, the second ends the lab at once.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prixfixe_load::generator::Live;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Whether somebody wants the lab to end, and the runs that have to hear of it.
#[derive(Debug, Clone)]
pub(super) struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_set: bool,
    /// The runs under way.
    lives: Vec<Arc<Live>>,
}

impl Interrupt {
    /// Catches SIGINT and SIGTERM of the process from now on.
    pub(super) fn catch() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Self(Arc::clone(&shared));
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (mut interrupt, mut terminate) = {
            let _runtime = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for first in [true, false] {
                    runtime.block_on(async {
                        tokio::select! {
                            _ = interrupt.recv() => {}
                            _ = terminate.recv() => {}
                        }
                    });
                    // With standard error gone there is nobody left to tell.
                    if first {
                        let _ = writeln!(
                            io::stderr(),
                            "\nstopping: what is under way may end, and the result is written; once more ends at once"
                        );
                        of_thread.set();
                    } else {
                        let _ = writeln!(
                            io::stderr(),
                            "ended without a result; `prixfixe stress clean` removes what is left"
                        );
                        // The servers of the lab end with it.
                        std::process::exit(KILLED_BY_SIGINT);
                    }
                }
            })?;
        Ok(Self(shared))
    }

    /// Whether somebody wants it to end.
    pub(super) fn is_set(&self) -> bool {
        self.0.lock().is_set
    }

    /// Stops this run when somebody wants it, or now if they did.
    pub(super) fn reaches(&self, live: &Arc<Live>) {
        let mut state = self.0.lock();
        state.lives.retain(|other| Arc::strong_count(other) > 1);
        state.lives.push(Arc::clone(live));
        if state.is_set {
            live.stop();
        }
    }

    /// Waits, but not longer than until somebody wants it to end.
    pub(super) fn sleep(&self, time: Duration) {
        let state = self.0.lock();
        // Either it is over, or it is time.
        drop(
            self.0
                .changed
                .wait_timeout_while(state, time, |state| !state.is_set),
        );
    }

    fn set(&self) {
        let mut state = self.0.lock();
        state.is_set = true;
        for live in &state.lives {
            live.stop();
        }
        self.0.changed.notify_all();
    }
}

/// As shells report it: 128 and the number of SIGINT.
const KILLED_BY_SIGINT: i32 = 130;

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
