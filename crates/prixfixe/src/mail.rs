//! The simple case: a closure that takes whole messages.

use std::{
    fmt,
    future::{Future, ready},
    sync::atomic::{AtomicU64, Ordering},
};

use prixfixe_proto::{BodyFacts, Envelope, ForwardPath, MessageVerdict, QueueId, Refusal, Verdict};

use crate::{Body, Client, Handler};

/// A whole message in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Mail {
    /// Who brought it.
    pub client: Client,
    /// Sender and recipients.
    pub envelope: Envelope,
    /// Header and body, exactly as received.
    pub content: Vec<u8>,
    /// What was noticed about the content.
    pub facts: BodyFacts,
}

/// Makes a handler of a closure that takes each message whole.
///
/// All recipients are accepted. A message is acknowledged when the closure returns `Ok`, so `Ok`
/// is said when the message is safe. It is kept in memory meanwhile: at most
/// `Limits::message_size` octets for each connection.
pub fn on_message<F, R>(closure: F) -> impl Handler
where
    F: Fn(Mail) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    OnMessage {
        closure,
        accepted: AtomicU64::new(0),
    }
}

struct OnMessage<F> {
    closure: F,
    accepted: AtomicU64,
}

impl<F> fmt::Debug for OnMessage<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnMessage")
            .field("accepted", &self.accepted)
            .finish_non_exhaustive()
    }
}

impl<F, R> Handler for OnMessage<F>
where
    F: Fn(Mail) -> R + Send + Sync + 'static,
    R: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    fn rcpt(
        &self,
        _: &Client,
        _: &Envelope,
        _: &ForwardPath,
    ) -> impl Future<Output = Verdict> + Send {
        ready(Verdict::Accept)
    }

    async fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> MessageVerdict {
        // The session refuses what exceeds the message size, so this needs no limit of its own.
        let content = match body.read_to_end(usize::MAX).await {
            Ok(content) => content,
            Err(error) => return Refusal::from(error).into(),
        };
        let mail = Mail {
            client: client.clone(),
            envelope,
            content,
            facts: body.facts(),
        };
        if let Err(refusal) = (self.closure)(mail).await {
            return refusal.into();
        }
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        match format!("{}-{number:x}", client.session).parse::<QueueId>() {
            Ok(id) => MessageVerdict::Accept(id),
            // Hexadecimal digits and a hyphen always are one.
            Err(_) => Refusal::try_later().into(),
        }
    }
}
