//! One message: the handler reads its body, and its verdict goes back to the session.

use std::sync::OnceLock;

use prixfixe_proto::{BodyFault, MessageVerdict, QueueId, Refusal, Stage};

use crate::{
    Body, CommitPoint, Event, Handler,
    body::BodyState,
    connection::{Answer, Channel, Connection, Lost},
    patience::Patience,
    timer::now,
};

/// Receives the message that begins; returns when its reply is in the output, or when its body is
/// refused and the session drains the rest.
pub(crate) async fn receive<H: Handler>(connection: &mut Connection<'_, H>) -> Result<(), Lost> {
    let start = now();
    let Connection {
        handler,
        observer,
        client,
        channel,
        verdict: supervision,
        ..
    } = connection;
    let Some(envelope) = channel.session.take_envelope() else {
        return Ok(());
    };
    client.facts = *channel.session.facts();
    let recipients = envelope.recipients.len();
    let all = recipients;
    // The handler takes the envelope, and the log names the sender afterwards.
    let from = tracing::enabled!(tracing::Level::INFO).then(|| envelope.reverse_path.to_string());
    let from = from.as_deref();
    let peer = client.peer.map(tracing::field::display);
    let limit = channel.session.config().timeouts.message_verdict;
    // A client of DATA waits for the 354; the handler may have slow work before its first chunk.
    channel.invite_body().await?;
    let (patience, commit_point) = (Patience::new(start), OnceLock::new());
    let mut body = Body::new(channel, &patience, &commit_point);

    let answer = supervision
        .settle(
            // Inside of a future, so that a panic before the first await is caught as well.
            async { handler.message(client, envelope, &mut body).await },
            || patience.deadline(limit),
            || commit_point.get().is_none_or(CommitPoint::give_up),
        )
        .await;
    let answered_itself = matches!(answer, Answer::Given(_));
    let committed = matches!(answer, Answer::Panicked)
        && commit_point.get().is_some_and(|point| !point.give_up());
    if committed {
        // The message may be stored or not, so neither 250 nor 451 would be true.
        tracing::error!(session = %client.session, "handler panicked past its commit point");
        let (stage, panicked) = (Stage::Message, true);
        observer.observe(&Event::HandlerFailed { stage, panicked });
        return Err(Lost::Disconnected);
    }
    let verdict = match answer {
        Answer::Given(verdict) => verdict,
        Answer::Stopped => MessageVerdict::Refuse(Refusal::shutting_down()),
        Answer::TooLate | Answer::Panicked => {
            let panicked = matches!(answer, Answer::Panicked);
            tracing::error!(session = %client.session, panicked, "handler gave no verdict on a message");
            observer.observe(&Event::HandlerFailed {
                stage: Stage::Message,
                panicked,
            });
            MessageVerdict::Refuse(Refusal::try_later())
        }
    };
    let refuses_all = matches!(verdict, MessageVerdict::Refuse(_));
    if matches!(body.state, BodyState::Open) && !refuses_all {
        // A handler may accept without reading to the end; whether the end is sound shows there.
        while let Ok(Some(_)) = body.chunk().await {}
    }

    let state = body.state;
    let size = channel.session.body_facts().map_or(0, |facts| facts.size);
    let outcome = conclude(channel, state, verdict, recipients);
    let session = client.session;
    match outcome {
        Ok(Outcome::Accepted { id, recipients }) => {
            let refused = all - recipients;
            tracing::info!(%session, peer, %id, from, recipients, refused, size,
                "message accepted");
            observer.observe(&Event::MessageAccepted {
                size,
                recipients,
                duration: now() - start,
            });
        }
        Ok(Outcome::Refused(code)) => {
            tracing::info!(%session, peer, code, from, recipients, size, "message refused");
            if answered_itself {
                let stage = Stage::Message;
                observer.observe(&Event::Refused { stage, code });
            }
        }
        Ok(Outcome::Aborted) => {
            tracing::info!(%session, peer, from, recipients, "body given up by the client");
            observer.observe(&Event::BodyLost);
        }
        Ok(Outcome::BodyRefused(fault)) => {
            tracing::info!(%session, peer, ?fault, from, recipients, size, "body refused");
            observer.observe(&Event::BodyRefused { fault });
        }
        Err(lost) => {
            observer.observe(&Event::BodyLost);
            return Err(lost);
        }
    }
    Ok(())
}

/// What became of a message.
enum Outcome {
    /// For so many recipients.
    Accepted { id: QueueId, recipients: usize },
    /// By the application, with this code.
    Refused(u16),
    /// By the session.
    BodyRefused(BodyFault),
    /// By nobody: the client gave it up.
    Aborted,
}

/// Tells the session what became of the message whose body is in this state.
fn conclude(
    channel: &mut Channel,
    state: BodyState,
    verdict: MessageVerdict,
    recipients: usize,
) -> Result<Outcome, Lost> {
    let outcome = match (state, verdict) {
        (BodyState::Lost(lost), _) => return Err(lost),
        (BodyState::Aborted, _) => Outcome::Aborted,
        (BodyState::Refused(fault), _) => Outcome::BodyRefused(fault),
        (BodyState::Ended, verdict) => {
            let (_, output) = channel.wire.split();
            let before = channel.session.facts().messages;
            let answered = channel.session.answer_message(&verdict, output, now());
            debug_assert_eq!(answered, Ok(()), "the body has ended");
            let accepted = channel.session.facts().messages > before;
            match verdict {
                MessageVerdict::Accept(id) => Outcome::Accepted { id, recipients },
                MessageVerdict::Refuse(refusal) => Outcome::Refused(refusal.code()),
                MessageVerdict::Each(id, refusals) if accepted => {
                    let said = refusals.iter().take(recipients);
                    let recipients = said.filter(|refusal| refusal.is_none()).count();
                    Outcome::Accepted { id, recipients }
                }
                // Nobody is accepted, or the client could not be told who.
                MessageVerdict::Each(_, refusals) => {
                    let mut codes = refusals.iter().flatten().map(Refusal::code);
                    let first = codes.next().unwrap_or(451);
                    Outcome::Refused(if codes.all(|code| code == first) {
                        first
                    } else {
                        451
                    })
                }
                // No other kind so far, and one to come is no acceptance.
                _ => Outcome::Refused(0),
            }
        }
        (BodyState::Open, MessageVerdict::Refuse(refusal)) => {
            let code = refusal.code();
            let refused = channel.session.refuse_body(refusal);
            debug_assert_eq!(refused, Ok(()), "the body is coming in");
            Outcome::Refused(code)
        }
        // An accepted body was read to its end.
        (BodyState::Open, _) => return Err(Lost::Disconnected),
    };
    Ok(outcome)
}
