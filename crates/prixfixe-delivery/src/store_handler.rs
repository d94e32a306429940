//! The destination that keeps everything: accepted mail goes into the store.

use std::{
    future::{Future, ready},
    time::SystemTime,
};

use prixfixe::{
    BareNewline, Body, BodyFacts, Client, Domain, Envelope, ForwardPath, Handler, MessageVerdict,
    Refusal, Verdict,
};

use crate::{
    received,
    sqlite::{BodyType, Marks, MessageDetails, SqliteStore, StoreError},
};

/// Takes mail into an [`SqliteStore`]; a message is accepted when its commit is durable.
#[derive(Debug, Clone)]
pub struct StoreHandler {
    store: SqliteStore,
    domain: Domain,
}

impl StoreHandler {
    /// Keeps mail in `store`; `domain` names this host in `Received:`.
    pub fn new(store: SqliteStore, domain: Domain) -> Self {
        Self { store, domain }
    }

    async fn keep(
        &self,
        client: &Client,
        envelope: &Envelope,
        body: &mut Body<'_>,
    ) -> Result<MessageVerdict, StoreError> {
        let mut incoming = self.store.incoming();
        loop {
            match body.chunk().await {
                Ok(Some(octets)) => incoming.write(octets).await?,
                Ok(None) => break,
                // The client was told by the server itself; dropping `incoming` leaves nothing.
                Err(error) => return Ok(Refusal::from(error).into()),
            }
        }
        let details = self.details(client, envelope, body);
        let commit_point = body.commit_point();
        let id = incoming
            .commit_through(details, move || commit_point.enter())
            .await?;
        Ok(match id.to_string().parse() {
            Ok(id) => MessageVerdict::Accept(id),
            // The digits of an id are letters and digits.
            Err(_) => Refusal::try_later().into(),
        })
    }

    fn details(&self, client: &Client, envelope: &Envelope, body: &Body<'_>) -> MessageDetails {
        let received_at = SystemTime::now();
        let facts = body.facts();
        let sender = envelope
            .reverse_path
            .mailbox()
            .map_or("", |mailbox| mailbox.as_str());
        let recipients = envelope
            .recipients
            .iter()
            .map(|r| r.path.as_str().to_owned())
            .collect();
        let mut details = MessageDetails::new(received_at, sender.to_owned(), recipients);
        details.helo = client
            .helo
            .as_ref()
            .map_or_else(String::new, ToString::to_string);
        details.peer = match client.peer {
            Some(peer) => peer.to_string(),
            None if client.xclient.is_some() => "unknown".to_owned(),
            None => "unix".to_owned(),
        };
        details.protocol = client.protocol(envelope).into();
        details.body_type = match envelope.parameters.body {
            Some(prixfixe::BodyType::EightBitMime) => BodyType::EightBitMime,
            Some(prixfixe::BodyType::BinaryMime) => BodyType::BinaryMime,
            _ => BodyType::SevenBit,
        };
        details.smtputf8 = envelope.parameters.smtputf8;
        details.marks = marks(&facts, body.bare_newline());
        details.trace = received::trace(client, envelope, &self.domain, received_at);
        details
    }
}

impl Handler for StoreHandler {
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
        match self.keep(client, &envelope, body).await {
            Ok(verdict) => verdict,
            Err(StoreError::Full) => Refusal::storage_full().into(),
            Err(error) => {
                tracing::warn!(session = %client.session, %error, "message not stored");
                match error {
                    StoreError::NoMemory(_) => Refusal::storage_full().into(),
                    _ => Refusal::try_later().into(),
                }
            }
        }
    }
}

fn marks(facts: &BodyFacts, mode: BareNewline) -> Marks {
    let bare_newline = facts.bare_cr || facts.bare_lf;
    Marks {
        bare_newline,
        nul: facts.nul,
        eight_bit: facts.eight_bit,
        normalised: bare_newline && mode == BareNewline::Normalise,
    }
}
