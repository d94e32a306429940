//! What callers were told of their calls, each call by its own outcome.

use prixfixe_ipc::{Cause, Executed, Failure, Outcome, Refusal};
use serde::{Deserialize, Serialize};

/// How a call ended for who made it. Kept as one octet, so that a caller can write it down after every
/// call and lose nothing when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub(super) struct Ending {
    pub(super) kind: Kind,
    pub(super) reason: Reason,
}

/// What it means for whether the call was executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// Once.
    Completed,
    /// Once, and the reply is not the one that belongs to it.
    Altered,
    /// Not, or once and refused then.
    Refused,
    /// Not.
    No,
    /// Perhaps once.
    Maybe,
    /// Perhaps once: the caller was killed under its call and heard nothing.
    Unheard,
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Reason {
    None,
    Busy,
    UnknownType,
    TooLarge,
    HandlerFailed,
    HandlerPanicked,
    ShuttingDown,
    Deadline,
    HungUp,
    TakenBack,
    Unreachable,
    Corrupt,
    /// One that no level should meet.
    Other,
}

/// An octet that stands for no ending.
#[derive(Debug, thiserror::Error)]
#[error("{0} stands for no ending of a call")]
pub(super) struct NoEnding(u8);

/// What one caller was told, of calls numbered from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) client: u64,
    /// Calls that were made.
    pub(super) calls: u64,
    /// Those that ended otherwise than by the right reply, in order.
    pub(super) others: Vec<(u64, Ending)>,
}

impl Ending {
    pub(super) const COMPLETED: Self = Self {
        kind: Kind::Completed,
        reason: Reason::None,
    };
    pub(super) const ALTERED: Self = Self {
        kind: Kind::Altered,
        reason: Reason::None,
    };
    pub(super) const UNHEARD: Self = Self {
        kind: Kind::Unheard,
        reason: Reason::None,
    };

    /// Of an outcome; `is_right` looks at the reply.
    pub(super) fn of<R>(outcome: Outcome<R>, is_right: impl FnOnce(R) -> bool) -> Self {
        match outcome {
            Outcome::Completed(reply) => {
                if is_right(reply) {
                    Self::COMPLETED
                } else {
                    Self::ALTERED
                }
            }
            Outcome::Refused(refusal) => Self {
                kind: Kind::Refused,
                reason: Reason::of_refusal(refusal),
            },
            Outcome::Failed(Failure { cause, executed }) => Self {
                kind: match executed {
                    Executed::No => Kind::No,
                    Executed::Maybe => Kind::Maybe,
                },
                reason: Reason::of_cause(cause),
            },
        }
    }

    /// As an octet.
    pub(super) fn octet(self) -> u8 {
        (self.kind as u8) << KIND_SHIFT | self.reason as u8
    }
}

impl From<Ending> for u8 {
    fn from(ending: Ending) -> Self {
        ending.octet()
    }
}

impl TryFrom<u8> for Ending {
    type Error = NoEnding;

    fn try_from(octet: u8) -> Result<Self, NoEnding> {
        let kind = Kind::ALL.get(usize::from(octet >> KIND_SHIFT));
        let reason = Reason::ALL.get(usize::from(octet & ((1 << KIND_SHIFT) - 1)));
        match (kind, reason) {
            (Some(kind), Some(reason)) => Ok(Self {
                kind: *kind,
                reason: *reason,
            }),
            _ => Err(NoEnding(octet)),
        }
    }
}

/// Below it there is room for the reasons.
const KIND_SHIFT: u32 = 5;

impl Kind {
    /// In the order of their numbers.
    const ALL: [Self; 6] = [
        Self::Completed,
        Self::Altered,
        Self::Refused,
        Self::No,
        Self::Maybe,
        Self::Unheard,
    ];

    /// Its name in results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Altered => "altered",
            Self::Refused => "refused",
            Self::No => "failed_no",
            Self::Maybe => "failed_maybe",
            Self::Unheard => "unheard",
        }
    }
}

impl Reason {
    /// In the order of their numbers.
    const ALL: [Self; 13] = [
        Self::None,
        Self::Busy,
        Self::UnknownType,
        Self::TooLarge,
        Self::HandlerFailed,
        Self::HandlerPanicked,
        Self::ShuttingDown,
        Self::Deadline,
        Self::HungUp,
        Self::TakenBack,
        Self::Unreachable,
        Self::Corrupt,
        Self::Other,
    ];

    fn of_refusal(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Self::Busy,
            Refusal::UnknownType => Self::UnknownType,
            Refusal::TooLarge => Self::TooLarge,
            Refusal::HandlerFailed => Self::HandlerFailed,
            Refusal::HandlerPanicked => Self::HandlerPanicked,
            Refusal::ShuttingDown => Self::ShuttingDown,
            _ => Self::Other,
        }
    }

    fn of_cause(cause: Cause) -> Self {
        match cause {
            Cause::Deadline => Self::Deadline,
            Cause::HungUp => Self::HungUp,
            Cause::TakenBack => Self::TakenBack,
            Cause::ShuttingDown => Self::ShuttingDown,
            Cause::Unreachable => Self::Unreachable,
            Cause::Corrupt(_) => Self::Corrupt,
            _ => Self::Other,
        }
    }

    /// In words.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Busy => "the server was busy",
            Self::UnknownType => "unknown type",
            Self::TooLarge => "too large",
            Self::HandlerFailed => "the handler failed",
            Self::HandlerPanicked => "the handler panicked",
            Self::ShuttingDown => "shutting down",
            Self::Deadline => "the deadline passed",
            Self::HungUp => "the server was gone",
            Self::TakenBack => "taken back",
            Self::Unreachable => "no server answered",
            Self::Corrupt => "the server was corrupt",
            Self::Other => "another reason",
        }
    }
}

impl Told {
    pub(super) fn new(client: u64) -> Self {
        Self {
            client,
            ..Self::default()
        }
    }

    /// The next call ended like this.
    pub(super) fn tell(&mut self, ending: Ending) {
        if ending != Ending::COMPLETED {
            self.others.push((self.calls, ending));
        }
        self.calls += 1;
    }

    /// Calls that ended by the right reply.
    pub(super) fn completed(&self) -> u64 {
        self.calls - self.others.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_is_its_octet_and_no_other() {
        for (number, kind) in (0..).zip(Kind::ALL) {
            assert_eq!(kind as u8, number);
            for (number, reason) in (0..).zip(Reason::ALL) {
                assert_eq!(reason as u8, number);
                let ending = Ending { kind, reason };
                assert_eq!(Ending::try_from(ending.octet()).unwrap(), ending);
            }
        }
        assert!(Ending::try_from(0b0001_1111).is_err());
        assert!(Ending::try_from(0b1110_0000).is_err());
    }

    #[test]
    fn a_reply_counts_only_if_it_is_the_right_one() {
        assert_eq!(
            Ending::of(Outcome::Completed(1), |_| true),
            Ending::COMPLETED
        );
        assert_eq!(
            Ending::of(Outcome::Completed(1), |_| false),
            Ending::ALTERED
        );
        let failure = Failure {
            cause: Cause::HungUp,
            executed: Executed::Maybe,
        };
        let ending = Ending::of(Outcome::<()>::Failed(failure), |()| true);
        assert_eq!((ending.kind, ending.reason), (Kind::Maybe, Reason::HungUp));
    }

    #[test]
    fn what_did_not_go_well_is_kept_by_its_number() {
        let refused = Ending {
            kind: Kind::Refused,
            reason: Reason::TooLarge,
        };
        let mut told = Told::new(7);
        for ending in [Ending::COMPLETED, refused, Ending::COMPLETED] {
            told.tell(ending);
        }
        assert_eq!(told.completed(), 2);
        assert_eq!(told.others, [(1, refused)]);
    }
}
