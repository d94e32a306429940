//! What a driver can see of a session.

use std::sync::Arc;

use super::{Pending, Session};
use crate::{
    BodyFacts, Config, Envelope, HeloName, Protocol, Question, SessionFacts, Xclient,
    body_phase::BodyPhase, state::State,
};

impl Session {
    /// Whether a transaction is under way: a sender was accepted or is being asked about.
    pub fn in_transaction(&self) -> bool {
        self.envelope.is_some()
            || self.body.is_some()
            || matches!(self.pending, Some(Pending::Mail(_)))
    }

    /// Whether octets of a body are due, and the body is not refused yet. Between two chunks a
    /// command is due.
    pub fn in_body(&self) -> bool {
        matches!(self.state, State::Body | State::Chunk)
            && self.body.as_ref().is_some_and(|phase| !phase.is_refused())
    }

    /// Whether the body comes in chunks (BDAT), and its client waits for no invitation.
    pub fn body_is_chunked(&self) -> bool {
        self.body.as_ref().is_some_and(BodyPhase::is_chunked)
    }

    /// The question that waits for an answer.
    pub fn question(&self) -> Option<Question<'_>> {
        Some(match self.pending.as_ref()? {
            Pending::Connect => Question::Connect,
            Pending::Helo { name, .. } => Question::Helo(name),
            Pending::Auth(message) => Question::Auth(message),
            Pending::Mail(envelope) => Question::Mail(envelope),
            Pending::Rcpt(recipient) => Question::Rcpt(self.envelope.as_ref()?, &recipient.path),
            Pending::Message => Question::Message,
        })
    }

    /// The settings of this session.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The name that the client gave in HELO or EHLO.
    pub fn helo(&self) -> Option<&HeloName> {
        self.helo.as_ref()
    }

    /// Whether the client said EHLO.
    pub fn is_extended(&self) -> bool {
        self.extended
    }

    /// Whether the connection is encrypted.
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Whether the client has logged in, here or at a trusted proxy.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// What a trusted proxy has said with XCLIENT about the client it speaks for, all commands
    /// taken together.
    pub fn xclient(&self) -> Option<&Arc<Xclient>> {
        self.xclient.as_ref()
    }

    /// Whether an AUTH exchange is under way.
    pub fn in_exchange(&self) -> bool {
        self.exchange.is_some()
    }

    /// Whether the client hears a reply for each recipient at the end of the message: always in
    /// LMTP, and where MAIL asked for PRDR.
    pub fn replies_per_recipient(&self) -> bool {
        self.config.protocol == Protocol::Lmtp || self.prdr
    }

    /// The envelope of the transaction under way.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.envelope.as_ref()
    }

    /// Hands out the envelope of a body that has begun; the session needs it no more.
    pub fn take_envelope(&mut self) -> Option<Envelope> {
        if self.body.is_some() {
            self.envelope.take()
        } else {
            None
        }
    }

    /// What was noticed about this session.
    pub fn facts(&self) -> &SessionFacts {
        &self.facts
    }

    /// What was noticed about the body that is coming in or waits for its verdict.
    pub fn body_facts(&self) -> Option<&BodyFacts> {
        self.body.as_ref().map(|phase| &phase.inspector().facts)
    }
}
