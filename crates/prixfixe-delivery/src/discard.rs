//! The destination that keeps nothing.

use std::future::{Future, ready};

use prixfixe::{Body, Client, Envelope, ForwardPath, Handler, MessageVerdict, Refusal, Verdict};

use crate::IdSequence;

/// Accepts every message and drops it: for measuring the rest, and for mail nobody wants.
#[derive(Debug)]
pub struct Discard {
    ids: IdSequence,
}

impl Discard {
    /// A destination that keeps nothing.
    pub fn new() -> Self {
        Self {
            ids: IdSequence::after(None),
        }
    }
}

impl Default for Discard {
    fn default() -> Self {
        Self::new()
    }
}

impl Handler for Discard {
    fn rcpt(
        &self,
        _: &Client,
        _: &Envelope,
        _: &ForwardPath,
    ) -> impl Future<Output = Verdict> + Send {
        ready(Verdict::Accept)
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while let Ok(Some(_)) = body.chunk().await {}
        match self.ids.next().to_string().parse() {
            Ok(id) => MessageVerdict::Accept(id),
            // The digits of an id are letters and digits.
            Err(_) => Refusal::try_later().into(),
        }
    }
}
