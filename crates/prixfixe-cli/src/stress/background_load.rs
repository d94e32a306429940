//! A load that goes on beside what else happens to a server.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use prixfixe_load::generator::Recording;
use prixfixe_load::generator::{self, PlanError};
use prixfixe_load::generator::{Live, Snapshot};
use prixfixe_load::plan::Plan;
use prixfixe_load::result::Measurement;

/// A load under way. Dropped, it is told to stop.
pub(super) struct BackgroundLoad {
    plan: Arc<Plan>,
    live: Arc<Live>,
    thread: Option<JoinHandle<Result<Recording, PlanError>>>,
}

/// What a load came to.
pub(super) struct Ended {
    /// The figures.
    pub(super) figures: Measurement,
    /// What they come from.
    pub(super) recording: Recording,
    /// How each message was answered.
    pub(super) ledger: Option<PathBuf>,
}

impl BackgroundLoad {
    /// Begins it.
    pub(super) fn start(plan: Plan) -> io::Result<Self> {
        let plan = Arc::new(plan);
        let live = Arc::new(Live::new());
        let (of_thread, seen) = (Arc::clone(&plan), Arc::clone(&live));
        let thread = thread::Builder::new()
            .name("background load".to_owned())
            .spawn(move || generator::run(&of_thread, &seen))?;
        Ok(Self {
            plan,
            live,
            thread: Some(thread),
        })
    }

    /// What is shared with it, for whoever stops it.
    pub(super) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// How far it is.
    pub(super) fn snapshot(&self) -> Snapshot {
        self.live.snapshot()
    }

    /// Whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets it begin no more messages, and waits for the last.
    pub(super) fn stop(self) -> Result<Ended, PlanError> {
        self.live.stop();
        self.finish()
    }

    /// Waits for its end.
    pub(super) fn finish(mut self) -> Result<Ended, PlanError> {
        let joined = self.thread.take().map(JoinHandle::join);
        let recording = match joined {
            Some(Ok(recording)) => recording?,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            // It is taken here only, and this takes the whole load.
            None => return Err(PlanError::System(io::Error::other("it has ended already"))),
        };
        Ok(Ended {
            figures: recording.measurement(&self.plan),
            recording,
            ledger: self.plan.ledger.clone(),
        })
    }
}

impl Drop for BackgroundLoad {
    fn drop(&mut self) {
        self.live.stop();
    }
}
