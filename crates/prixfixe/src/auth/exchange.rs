//! One login on a connection: the mechanism, the verifier and the handler, in turn.

use std::{num::NonZeroU32, sync::Arc};

use prixfixe_proto::{
    AuthMessage, AuthVerdict, Expiry, Mechanism, Mechanisms, Question, Refusal, Session, Stage,
    Verdict,
};

use super::{
    AuthFailure, Identity, ScramKeys, ScramSecret, Verifier,
    conversation::{Conversation, Turn},
    delays::Delays,
    scram::Bindings,
};
use crate::{
    Client, Event, Handler,
    connection::{Answer, Channel, Connection},
    timer::now,
    wire::Wire,
};

/// What all connections of a server need for logins.
#[derive(Debug)]
pub(crate) struct Logins {
    verifier: Option<Arc<dyn Verifier>>,
    delays: Delays,
    /// For the users that a verifier denies without keys.
    decoys: Option<ScramSecret>,
}

/// A login under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    mechanism: Mechanism,
    conversation: Conversation,
    /// Who it is, while the client is told the mechanism's last word.
    proven: Option<String>,
}

/// What became of a response of the client.
enum Outcome {
    /// The exchange goes on.
    Challenge(Vec<u8>),
    /// The client is who it says, and the handler has no objection.
    Success(Identity),
    /// It is not.
    Failed(Option<Vec<u8>>),
    /// This cannot be found out now.
    Undecided,
    /// The handler has said no.
    Refused(Refusal),
}

impl Logins {
    /// So many failures of one client in a minute are answered at once; without a number, all.
    pub(crate) fn new(
        verifier: Option<Arc<dyn Verifier>>,
        failures_at_once: Option<NonZeroU32>,
    ) -> Self {
        let decoys = verifier.as_ref().and_then(|_| ScramSecret::generate());
        Self {
            verifier,
            delays: Delays::new(failures_at_once),
            decoys,
        }
    }

    /// The mechanisms that can be offered.
    pub(crate) fn mechanisms(&self) -> Mechanisms {
        self.verifier
            .as_ref()
            .map_or(Mechanisms::of(&[]), |verifier| verifier.mechanisms())
    }

    async fn keys_of(&self, verifier: &dyn Verifier, user: &str) -> Result<ScramKeys, AuthFailure> {
        let fetched = verifier.scram_keys(user).await;
        let (Err(AuthFailure::Denied), Some(secret)) = (&fetched, &self.decoys) else {
            return fetched;
        };
        let rounds = NonZeroU32::new(ScramKeys::ITERATIONS_DEFAULT).unwrap_or(NonZeroU32::MIN);
        Ok(ScramKeys::decoy(secret, user, rounds))
    }
}

impl Exchange {
    /// Hears a response, and asks whoever has to be asked about it.
    async fn hear<H: Handler>(
        &mut self,
        response: Option<&[u8]>,
        (logins, handler, client): (&Logins, &H, &Client),
    ) -> Outcome {
        let Some(verifier) = logins.verifier.as_deref() else {
            return Outcome::Undecided;
        };
        let mut turn = match self.proven.take() {
            Some(user) if response.is_some_and(<[u8]>::is_empty) => {
                return self.admit(user, handler, client).await;
            }
            Some(_) => Turn::Failed(None),
            None => self.conversation.hear(response),
        };
        loop {
            let checked = match turn {
                Turn::Challenge(challenge) => return Outcome::Challenge(challenge),
                Turn::Failed(why) => return Outcome::Failed(why),
                Turn::Proven { user, last } => {
                    self.proven = Some(user);
                    return Outcome::Challenge(last);
                }
                Turn::FetchKeys { user } => match logins.keys_of(verifier, &user).await {
                    Ok(keys) => {
                        turn = self.conversation.take_keys(keys);
                        continue;
                    }
                    Err(failure) => Err(failure),
                },
                Turn::CheckPassword { user, password } => {
                    let checked = verifier.check_password(&user, &password).await;
                    checked.map(|()| user)
                }
                Turn::CheckToken { user, token } => {
                    let owner = verifier.check_token(user.as_deref(), &token).await;
                    owner.and_then(|owner| match user {
                        Some(user) if user != owner => Err(AuthFailure::Denied),
                        _ => Ok(owner),
                    })
                }
            };
            match checked {
                Ok(user) => return self.admit(user, handler, client).await,
                Err(AuthFailure::Denied) => turn = self.conversation.denied(),
                Err(AuthFailure::Busy | AuthFailure::Unavailable) => return Outcome::Undecided,
            }
        }
    }

    async fn admit<H: Handler>(&self, name: String, handler: &H, client: &Client) -> Outcome {
        let mechanism = Some(self.mechanism);
        let identity = Identity { name, mechanism };
        match handler.auth(client, &identity).await {
            Verdict::Accept => Outcome::Success(identity),
            Verdict::Refuse(refusal) => Outcome::Refused(refusal),
        }
    }
}

impl<H: Handler> Connection<'_, H> {
    /// Overwrites what the client has just said, if `asked` says that it belongs to a login, and
    /// drops what is left of a login that is over.
    pub(crate) fn clean_up_login(&mut self, asked: bool, consumed: usize) {
        if asked {
            self.channel.wire.erase_consumed(consumed);
        }
        if !self.channel.session.in_exchange() {
            self.exchange = None;
        }
    }

    /// Answers a step of AUTH.
    pub(crate) async fn ask_auth(&mut self) {
        let Channel { wire, session, .. } = &mut self.channel;
        self.client.facts = *session.facts();
        let deadline = session.deadline();
        let Some(Question::Auth(message)) = session.question() else {
            return;
        };
        if message.first {
            self.exchange = begin(message, bindings_of(wire, session));
        }
        let (handler, client, logins) = (self.handler, &self.client, self.logins);
        let exempt = self.settings.is_exempt(client.counts_as());
        let (exchange, mechanism) = (&mut self.exchange, message.mechanism);
        let outcome = async {
            let Some(exchange) = exchange else {
                return Outcome::Undecided;
            };
            let response = message.response.as_deref();
            let outcome = exchange.hear(response, (logins, handler, client)).await;
            if let (Outcome::Failed(_), Some(peer), false) = (&outcome, client.counts_as(), exempt)
            {
                let delay = logins.delays.note(peer.ip(), now());
                // A failure that nobody waits for any more would count as none.
                let left = deadline.saturating_duration_since(now());
                let delay = delay.min(left / 2);
                if !delay.is_zero() {
                    // Nothing but this connection waits meanwhile.
                    tokio::time::sleep(delay).await;
                }
            }
            outcome
        };
        let answer = self
            .verdict
            .settle(outcome, || Some(deadline), || true)
            .await;
        let (_, output) = wire.split();
        let outcome = match answer {
            Answer::Given(outcome) => outcome,
            Answer::Stopped => return session.shut_down(output),
            Answer::TooLate | Answer::Panicked => {
                let panicked = matches!(answer, Answer::Panicked);
                let (stage, session_id) = (Stage::Auth, self.client.session);
                tracing::error!(session = %session_id, stage = stage.as_str(), panicked,
                    "verifier or handler gave no verdict");
                self.observer
                    .observe(&Event::HandlerFailed { stage, panicked });
                let _: Expiry = session.expire(output, now());
                return;
            }
        };
        let verdict = self.conclude(outcome, mechanism);
        let Channel { wire, session, .. } = &mut self.channel;
        let (_, output) = wire.split();
        let answered = session.answer_auth(verdict, output, now());
        debug_assert_eq!(answered, Ok(()), "a question was open");
    }

    /// Notes and logs how a step ended. The user of a failed login stays out of the log: it may be
    /// a password that was typed in the wrong place.
    fn conclude(&mut self, outcome: Outcome, mechanism: Mechanism) -> AuthVerdict {
        let (session, peer) = (self.client.session, self.client.peer);
        let peer = peer.map(tracing::field::display);
        let refused = |refusal: Refusal| {
            let (stage, code) = (Stage::Auth, refusal.code());
            self.observer.observe(&Event::Refused { stage, code });
            AuthVerdict::Refuse(refusal)
        };
        match outcome {
            Outcome::Challenge(challenge) => AuthVerdict::Challenge(challenge),
            Outcome::Success(identity) => {
                tracing::debug!(%session, peer, %mechanism, user = identity.name, "logged in");
                self.client.identity = Some(identity);
                AuthVerdict::Success
            }
            Outcome::Failed(why) => {
                tracing::info!(%session, peer, %mechanism, "login failed");
                let refusal = refused(Refusal::authentication_failed());
                why.map_or(refusal, AuthVerdict::Explain)
            }
            Outcome::Undecided => {
                tracing::warn!(%session, peer, %mechanism, "login could not be decided");
                refused(Refusal::authentication_unavailable())
            }
            Outcome::Refused(refusal) => {
                tracing::info!(%session, peer, %mechanism, reply = %refusal, "login refused");
                refused(refusal)
            }
        }
    }
}

/// What a login can be bound to; none where no mechanism that does so is offered.
fn bindings_of(wire: &Wire, session: &Session) -> Option<Bindings> {
    let offered = session.config().auth.mechanisms;
    let of_tls = wire.transport.channel_bindings()?;
    offered
        .contains(Mechanism::ScramSha256Plus)
        .then(|| Bindings {
            exporter: of_tls.exporter().map(|exported| Box::from(&exported[..])),
            end_point: of_tls.server_end_point().map(Box::from),
        })
}

fn begin(message: &AuthMessage, bindings: Option<Bindings>) -> Option<Box<Exchange>> {
    let conversation = Conversation::new(message.mechanism, bindings)?;
    Some(Box::new(Exchange {
        mechanism: message.mechanism,
        conversation,
        proven: None,
    }))
}
