//! A thread with a runtime of its own and a share of the workers.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::Shared;
use super::processor_time::ProcessorTime;
use super::progress::Progress;
use super::timer::Timer;
use super::worker::Worker;
use crate::recording::Recording;

/// How often a thread shows how far it is.
const SHOW_EVERY: Duration = Duration::from_millis(200);

/// What the workers of a thread share.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) shared: Arc<Shared>,
    pub(super) timer: Timer,
    pub(super) recording: RefCell<Recording>,
}

/// Runs the workers with these indexes until no message is left.
pub(super) fn run(
    workers: impl Iterator<Item = usize>,
    shared: &Arc<Shared>,
    progress: &Mutex<Progress>,
) -> io::Result<Recording> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let bench = Rc::new(Bench {
            shared: Arc::clone(shared),
            timer: Timer::new()?,
            recording: RefCell::new(Recording::new(shared.queue.start())),
        });
        let begun = ProcessorTime::now();
        let workers: Vec<_> = workers
            .map(|index| tokio::task::spawn_local(Worker::new(index, Rc::clone(&bench)).work()))
            .collect();
        let all_done = async {
            for worker in workers {
                if let Err(error) = worker.await {
                    // Nothing aborts a worker, so this is a panic.
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        };
        let show = async {
            loop {
                tokio::time::sleep(SHOW_EVERY).await;
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                progress.show(&bench.recording.borrow());
            }
        };
        tokio::select! {
            biased;
            () = all_done => {}
            () = show => {}
            error = bench.timer.drive() => return Err(error),
        }
        let mut recording = bench.recording.borrow().clone();
        recording.worked(&begun.effort());
        Ok(recording)
    })
}
