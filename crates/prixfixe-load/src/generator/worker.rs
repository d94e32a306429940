//! One connection at a time, and one message at a time on it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::thread_of_workers::Bench;
use super::{Phase, ledger_fault};
use crate::client::{Connection, Course, Undelivered};
use crate::contents::{Message, Scratch};
use crate::failure::{Failure, FailureKind};
use crate::ledger::Answer;
use crate::recording::Start;
use crate::stage::Stage;

/// How long a worker of a closed schedule waits after it got no connection: a server that is down
/// would otherwise be asked as fast as the machine can, and the run be over at once.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Worker {
    index: usize,
    bench: Rc<Bench>,
    connection: Option<Connection>,
    /// How many connections it has tried to make, so that its targets change.
    attempts: usize,
    /// How many messages the connection has carried.
    carried: u32,
    /// Whether the last attempt failed.
    unreachable: bool,
}

impl Worker {
    pub(super) fn new(index: usize, bench: Rc<Bench>) -> Self {
        Self {
            index,
            bench,
            connection: None,
            attempts: 0,
            carried: 0,
            unreachable: false,
        }
    }

    /// Sends messages until there are no more.
    pub(super) async fn work(mut self) {
        let bench = Rc::clone(&self.bench);
        let mut phase = bench.shared.phase.clone();
        let mut scratch = Scratch::default();
        let mut free = bench.shared.queue.start();
        while let Some(arrival) = bench.shared.queue.take() {
            let message = bench.shared.library.message(arrival.number, &mut scratch);
            if let Some(due) = arrival.due {
                tokio::select! {
                    biased;
                    _ = bench.timer.wait_until(due) => {}
                    _ = phase.wait_for(|phase| *phase >= Phase::Stopping) => break,
                }
            }
            let begun = Instant::now();
            let start = Start {
                intended: arrival.due.unwrap_or(begun),
                free,
                begun,
            };
            bench.recording.borrow_mut().begin(&start);
            let mut course = Course::new();
            let outcome = tokio::select! {
                biased;
                outcome = self.carry(&message, begun, &mut course) => outcome,
                _ = phase.wait_for(|phase| *phase == Phase::Halted) => {
                    self.connection = None;
                    let why = "the run was over";
                    Err(Failure::new(FailureKind::Stopped, course.stage(), why))
                }
            };
            let now = Instant::now();
            self.note(arrival.number, &course);
            let failed = outcome.is_err();
            match outcome {
                Ok(()) => bench
                    .recording
                    .borrow_mut()
                    .accept(&start, message.octets, now),
                Err(failure) => bench.recording.borrow_mut().fail(failure, now),
            }
            tokio::select! {
                biased;
                () = self.clear_up(failed, arrival.due.is_none()) => {}
                _ = phase.wait_for(|phase| *phase == Phase::Halted) => return,
            }
            free = Instant::now();
        }
        if let Some(connection) = self.connection.take() {
            tokio::select! {
                biased;
                () = connection.quit() => {}
                _ = phase.wait_for(|phase| *phase == Phase::Halted) => {}
            }
        }
    }

    /// Sends a message, on the connection that there is or a new one.
    async fn carry(
        &mut self,
        message: &Message<'_>,
        begun: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        // It comes back unless this is given up half-way.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.open(course).await?,
        };
        let mut outcome = connection.attempt(message, course).await;
        if let Err(Undelivered::Stale(_)) = outcome {
            self.bench.recording.borrow_mut().remade();
            *course = Course::new();
            connection = self.open(course).await?;
            outcome = connection.attempt(message, course).await;
        }
        self.connection = Some(connection);
        match outcome {
            Ok(()) => {
                if self.carries_one() {
                    course.took(Stage::Total, begun.elapsed());
                }
                Ok(())
            }
            Err(Undelivered::Stale(failure) | Undelivered::Failed(failure)) => Err(failure),
        }
    }

    fn carries_one(&self) -> bool {
        let most = self.bench.shared.per_connection;
        most.is_some_and(|most| most.get() == 1)
    }

    /// A connection to the next target: those of all workers together go to each equally often.
    async fn open(&mut self, course: &mut Course) -> Result<Connection, Failure> {
        let shared = &self.bench.shared;
        let target = self.index + self.attempts.wrapping_mul(shared.workers);
        self.attempts = self.attempts.wrapping_add(1);
        self.carried = 0;
        self.unreachable = true;
        let connection = shared.connector.open(target, course).await?;
        self.unreachable = false;
        self.bench
            .recording
            .borrow_mut()
            .connected(connection.resumed());
        Ok(connection)
    }

    /// Writes down what the ledger and the recording want to know beside the outcome.
    fn note(&self, number: u64, course: &Course) {
        self.bench.recording.borrow_mut().steps(course);
        let shared = &self.bench.shared;
        let (Some(ledger), Some(answer)) = (&shared.ledger, course.answer()) else {
            return;
        };
        let reply = match (&self.connection, answer) {
            (_, Answer::Unknown) | (None, _) => String::new(),
            (Some(connection), _) => connection.last_line(),
        };
        if let Err(error) = ledger.record(number, answer, &reply) {
            // The first error is the one to tell; the run ends by it.
            let _ = shared.fault.set(ledger_fault(&error));
            shared.queue.close();
        }
    }

    /// Makes the connection ready for the next message, or ends it.
    async fn clear_up(&mut self, failed: bool, pauses: bool) {
        if let Some(mut connection) = self.connection.take() {
            self.carried += 1;
            let most = self.bench.shared.per_connection;
            if most.is_some_and(|most| self.carried >= most.get()) {
                connection.quit().await;
            } else if !failed || connection.recover().await {
                self.connection = Some(connection);
            }
        }
        if self.unreachable && pauses {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
