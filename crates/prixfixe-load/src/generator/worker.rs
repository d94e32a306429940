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
    /// One connection; one for each target where there are fewer workers than targets.
    lines: Vec<Line>,
    /// How many messages it has begun, so that its targets change where it has several lines.
    begun: usize,
    /// How many connections it has tried to make, so that its targets change where it has one line.
    attempts: usize,
    /// Whether the last attempt failed.
    unreachable: bool,
}

/// A connection that lasts as long as it may, and then another one.
#[derive(Debug, Default)]
struct Line {
    connection: Option<Connection>,
    /// How many messages the connection has carried.
    carried: u32,
}

impl Worker {
    pub(super) fn new(index: usize, bench: Rc<Bench>) -> Self {
        let targets = bench.shared.connector.targets();
        let lines = if bench.shared.workers < targets {
            targets
        } else {
            1
        };
        Self {
            index,
            bench,
            lines: (0..lines).map(|_| Line::default()).collect(),
            begun: 0,
            attempts: 0,
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
                    self.line().connection = None;
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
            self.begun = self.begun.wrapping_add(1);
            free = Instant::now();
        }
        for connection in std::mem::take(&mut self.lines)
            .into_iter()
            .filter_map(|line| line.connection)
        {
            tokio::select! {
                biased;
                () = self.quit(connection) => {}
                _ = phase.wait_for(|phase| *phase == Phase::Halted) => return,
            }
        }
    }

    /// The target of this message or connection: those of all workers together go to each equally
    /// often.
    fn target(&self) -> usize {
        let shared = &self.bench.shared;
        let turn = if self.lines.len() > 1 {
            self.begun
        } else {
            self.attempts
        };
        self.index.wrapping_add(turn.wrapping_mul(shared.workers)) % shared.connector.targets()
    }

    fn line(&mut self) -> &mut Line {
        let index = self.target() % self.lines.len();
        &mut self.lines[index]
    }

    /// Sends a message, on the connection that there is or a new one.
    async fn carry(
        &mut self,
        message: &Message<'_>,
        begun: Instant,
        course: &mut Course,
    ) -> Result<(), Failure> {
        // It comes back unless this is given up half-way.
        let mut connection = match self.line().connection.take() {
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
        self.line().connection = Some(connection);
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

    /// A connection to the target whose turn it is.
    async fn open(&mut self, course: &mut Course) -> Result<Connection, Failure> {
        let target = self.target();
        self.line().carried = 0;
        self.attempts = self.attempts.wrapping_add(1);
        self.unreachable = true;
        let connection = self.bench.shared.connector.open(target, course).await?;
        self.unreachable = false;
        self.bench
            .recording
            .borrow_mut()
            .connected(connection.resumed());
        Ok(connection)
    }

    /// Writes down what the ledger and the recording want to know beside the outcome.
    fn note(&mut self, number: u64, course: &Course) {
        self.bench.recording.borrow_mut().steps(course);
        let bench = Rc::clone(&self.bench);
        let shared = &bench.shared;
        let (Some(ledger), Some(answer)) = (&shared.ledger, course.answer()) else {
            return;
        };
        let reply = match (&self.line().connection, answer) {
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
        let most = self.bench.shared.per_connection;
        let line = self.line();
        if let Some(mut connection) = line.connection.take() {
            line.carried += 1;
            if most.is_some_and(|most| line.carried >= most.get()) {
                self.quit(connection).await;
            } else if !failed || connection.recover().await {
                line.connection = Some(connection);
            }
        }
        if self.unreachable && pauses {
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends a connection. A server whose last reply belongs to something else may have been one reply
    /// ahead all the time, and nobody knows which of its messages it has accepted.
    async fn quit(&self, connection: Connection) {
        if let Some(code) = connection.quit().await {
            self.bench.recording.borrow_mut().invalidate(format!(
                "QUIT was answered with {code}: replies may have been taken for those to other commands"
            ));
        }
    }
}
