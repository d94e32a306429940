//! Who hears what at the end of a message: one reply for all, or one for each recipient (LMTP by
//! RFC 2033 section 4.2, PRDR by draft-hall-prdr section 4).

use crate::{MessageVerdict, Protocol, QueueId, Refusal, Session};

/// What the application said of each recipient. Whom it said nothing of is not accepted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RecipientVerdicts<'v> {
    verdict: &'v MessageVerdict,
    recipients: usize,
}

/// How a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// In one reply, which holds for all.
    AtOnce,
    /// In a reply for each.
    Each,
    /// The same, with an announcement in front and one reply for all behind.
    Announced,
    /// Not at all, since one reply cannot hold for all: all are to be tried again.
    Undecided,
}

impl<'v> RecipientVerdicts<'v> {
    pub(crate) fn new(session: &Session, verdict: &'v MessageVerdict) -> Self {
        // A body has a recipient, and is answered in any case.
        let recipients = session.recipients.max(1);
        Self {
            verdict,
            recipients,
        }
    }

    pub(crate) fn told(self, session: &Session) -> Told {
        let code =
            |verdict: Result<&QueueId, &Refusal>| verdict.map_or_else(Refusal::code, |_| 250);
        let first = self.first().map_or_else(Refusal::code, |_| 250);
        match session.config.protocol {
            Protocol::Lmtp => Told::Each,
            Protocol::Smtp if self.iter().all(|verdict| code(verdict) == first) => Told::AtOnce,
            Protocol::Smtp if session.prdr => Told::Announced,
            Protocol::Smtp => Told::Undecided,
        }
    }

    pub(crate) fn first(self) -> Result<&'v QueueId, &'v Refusal> {
        self.of(0)
    }

    /// In the order of the envelope.
    pub(crate) fn iter(self) -> impl Iterator<Item = Result<&'v QueueId, &'v Refusal>> {
        (0..self.recipients).map(move |at| self.of(at))
    }

    /// The id if anybody is accepted; if not, what says so to all.
    pub(crate) fn overall(self) -> Result<&'v QueueId, &'v Refusal> {
        let accepted = self.iter().find_map(Result::ok);
        let temporary = |verdict: Result<_, &Refusal>| verdict.is_err_and(Refusal::is_temporary);
        accepted.ok_or_else(|| {
            if self.iter().any(temporary) {
                &NOBODY_NOW
            } else {
                &NOBODY
            }
        })
    }

    fn of(self, at: usize) -> Result<&'v QueueId, &'v Refusal> {
        match self.verdict {
            MessageVerdict::Accept(id) => Ok(id),
            MessageVerdict::Refuse(refusal) => Err(refusal),
            MessageVerdict::Each(id, refusals) => match refusals.get(at) {
                Some(None) => Ok(id),
                Some(Some(refusal)) => Err(refusal),
                None => Err(&NO_VERDICT),
            },
        }
    }
}

/// What a client hears whose recipients cannot be told apart.
pub(crate) static UNDECIDED: Refusal =
    Refusal::fixed(451, 3, 0, "Recipients differ, try again later");
static NO_VERDICT: Refusal = Refusal::fixed(451, 3, 0, "Local error, try again later");
static NOBODY: Refusal = Refusal::fixed(554, 0, 0, "No recipient accepted");
static NOBODY_NOW: Refusal = Refusal::fixed(451, 0, 0, "No recipient accepted, try again later");
