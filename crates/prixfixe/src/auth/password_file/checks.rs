//! Checking passwords off the threads of IO, a few at a time.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

use super::PasswordFileSettings;
use crate::auth::AuthFailure;

/// The bound on work under way and on who waits for it.
#[derive(Debug)]
pub(super) struct Checks {
    /// Room for those that run and those that wait.
    places: Arc<Semaphore>,
    /// Those that run.
    running: Arc<Semaphore>,
}

impl Checks {
    pub(super) fn new(settings: PasswordFileSettings) -> Self {
        let at_once = settings.checks_at_once.clamp(1, Semaphore::MAX_PERMITS);
        let places = at_once.saturating_add(settings.checks_waiting);
        Self {
            places: Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// Runs a check when its turn has come, or finds that too many wait. A check whose future is
    /// dropped keeps its place until it has ended, since its thread is busy until then.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        check: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AuthFailure> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| AuthFailure::Busy)?;
        let turn = Arc::clone(&self.running).acquire_owned().await;
        let turn = turn.map_err(|_| AuthFailure::Unavailable)?;
        let checked = spawn_blocking(move || {
            let _held = (place, turn);
            check()
        });
        checked.await.map_err(|_| AuthFailure::Unavailable)
    }
}
