//! What the application implements.

use std::future::{Future, ready};

use prixfixe_proto::{Envelope, ForwardPath, HeloName, MessageVerdict, Promises, Refusal, Verdict};

use crate::{Body, Client, Identity};

/// Decides about connections, senders, recipients and messages.
///
/// One handler serves all connections. Every method may take its time; the client waits, and
/// meanwhile nothing of what it sends is read. A future that takes longer than the time-out of
/// its stage is dropped and the client told 451 (421 before the banner), so the futures must be safe to drop at any
/// await; only [`Handler::message`] may have a point of no return, which it declares with
/// [`Body::commit_point`]. A panic in a handler is answered like a time-out.
///
/// The defaults accept clients and senders. They refuse recipients and messages, so that nothing
/// is accepted by a method that was forgotten.
pub trait Handler: Send + Sync + 'static {
    /// The extensions whose promise this handler keeps; asked once, before the server serves.
    /// Only they are announced, and their parameters come with the [`Envelope`].
    fn promises(&self) -> Promises {
        Promises::NONE
    }

    /// May this client connect? Asked before the banner; and once more when a trusted proxy has
    /// said with XCLIENT for whom it speaks, about that client and the login that it vouches for.
    fn connect(&self, client: &Client) -> impl Future<Output = Verdict> + Send {
        let _ = client;
        ready(Verdict::Accept)
    }

    /// May it go by this name?
    fn helo(&self, client: &Client, name: &HeloName) -> impl Future<Output = Verdict> + Send {
        let _ = (client, name);
        ready(Verdict::Accept)
    }

    /// May this user log in? Asked when the password or token was found to be theirs; not about a
    /// login that a trusted proxy vouches for. A refusal is
    /// the answer to AUTH, and counted as a failed login unless it is temporary.
    fn auth(&self, client: &Client, identity: &Identity) -> impl Future<Output = Verdict> + Send {
        let _ = (client, identity);
        ready(Verdict::Accept)
    }

    /// May it send in this name? The envelope has no recipients yet.
    fn mail(&self, client: &Client, envelope: &Envelope) -> impl Future<Output = Verdict> + Send {
        let _ = (client, envelope);
        ready(Verdict::Accept)
    }

    /// May it send to this recipient, beside those that the envelope holds already?
    fn rcpt(
        &self,
        client: &Client,
        envelope: &Envelope,
        recipient: &ForwardPath,
    ) -> impl Future<Output = Verdict> + Send {
        let _ = (client, envelope, recipient);
        ready(Verdict::Refuse(Refusal::policy(
            "No recipient is accepted here",
        )))
    }

    /// Takes a message. The future starts with the body, reads it from `body`, and answers when
    /// the message is where it has to be: with [`MessageVerdict::Accept`] it vouches that the
    /// message survives a crash.
    ///
    /// | verdict | what the client hears |
    /// | --- | --- |
    /// | [`Accept`](MessageVerdict::Accept) | 250 with the id, once; in LMTP once for each recipient |
    /// | [`Refuse`](MessageVerdict::Refuse) | the refusal, as often |
    /// | [`Each`](MessageVerdict::Each) | in LMTP a reply for each recipient; with PRDR 353, a reply for each, and one for all; else one reply if all verdicts have the same code, and 451 if not ([`Body::replies_per_recipient`] says which) |
    ///
    /// A recipient for which `Each` has no verdict is answered 451.
    ///
    /// It may answer early; what is left of the body is then read and dropped.
    ///
    /// A handler that stores in another thread asks [`Body::commit_point`] there, just before it
    /// commits, so that a message which the client was told to send again is not stored too:
    ///
    /// ```
    /// # use prixfixe::{Body, MessageVerdict, Refusal};
    /// # fn store(_: Vec<u8>) -> std::io::Result<()> { Ok(()) }
    /// async fn keep(body: &mut Body<'_>) -> Result<(), Refusal> {
    ///     let content = body.read_to_end(usize::MAX).await?;
    ///     let commit_point = body.commit_point();
    ///     let stored = tokio::task::spawn_blocking(move || {
    ///         if commit_point.enter() { store(content) } else { Ok(()) }
    ///     });
    ///     match stored.await {
    ///         Ok(Ok(())) => Ok(()),
    ///         _ => Err(Refusal::try_later()),
    ///     }
    /// }
    /// ```
    fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> impl Future<Output = MessageVerdict> + Send {
        let _ = (client, envelope, body);
        ready(MessageVerdict::Refuse(Refusal::try_later()))
    }
}

impl<H: Handler> Handler for std::sync::Arc<H> {
    fn promises(&self) -> Promises {
        H::promises(self)
    }

    fn connect(&self, client: &Client) -> impl Future<Output = Verdict> + Send {
        H::connect(self, client)
    }

    fn helo(&self, client: &Client, name: &HeloName) -> impl Future<Output = Verdict> + Send {
        H::helo(self, client, name)
    }

    fn auth(&self, client: &Client, identity: &Identity) -> impl Future<Output = Verdict> + Send {
        H::auth(self, client, identity)
    }

    fn mail(&self, client: &Client, envelope: &Envelope) -> impl Future<Output = Verdict> + Send {
        H::mail(self, client, envelope)
    }

    fn rcpt(
        &self,
        client: &Client,
        envelope: &Envelope,
        recipient: &ForwardPath,
    ) -> impl Future<Output = Verdict> + Send {
        H::rcpt(self, client, envelope, recipient)
    }

    fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> impl Future<Output = MessageVerdict> + Send {
        H::message(self, client, envelope, body)
    }
}
