//! How far a delivery has come, kept outside of it so that it is known when it is given up.

use std::time::{Duration, Instant};

use crate::ledger::Answer;
use crate::stage::Stage;

/// How far a delivery has come.
#[derive(Debug, Clone)]
pub struct Course {
    stage: Stage,
    taken: [Option<Duration>; Stage::ALL.len()],
    answer: Option<Answer>,
}

impl Course {
    /// At its beginning.
    pub fn new() -> Self {
        Self {
            stage: Stage::Connect,
            taken: [None; Stage::ALL.len()],
            answer: None,
        }
    }

    /// The step that it is in, or in which it ended.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The steps that were done, with what they took.
    pub fn taken(&self) -> impl Iterator<Item = (Stage, Duration)> {
        Stage::ALL
            .into_iter()
            .zip(self.taken)
            .filter_map(|(stage, taken)| Some((stage, taken?)))
    }

    /// How the end of the body was answered; nothing if that end never left.
    pub fn answer(&self) -> Option<Answer> {
        self.answer
    }

    /// Another message begins: what was true of one before is not of this one.
    pub(crate) fn begin_message(&mut self) {
        self.answer = None;
        for stage in [
            Stage::Mail,
            Stage::Rcpt,
            Stage::DataStart,
            Stage::DataEnd,
            Stage::Total,
        ] {
            self.taken[stage as usize] = None;
        }
        self.stage = Stage::Mail;
    }

    pub(crate) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// The step that it is in took from `start` until now, which is returned.
    pub(crate) fn done(&mut self, start: Instant) -> Instant {
        let now = Instant::now();
        self.took(self.stage, now - start);
        now
    }

    pub(crate) fn took(&mut self, stage: Stage, time: Duration) {
        self.taken[stage as usize] = Some(time);
    }

    pub(crate) fn answered(&mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Default for Course {
    fn default() -> Self {
        Self::new()
    }
}
