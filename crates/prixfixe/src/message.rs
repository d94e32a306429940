//! One message: the handler reads its body, and its verdict goes back to the session.

use std::sync::OnceLock;

use prixfixe_proto::{MessageVerdict, Refusal, Stage};

use crate::{
    Body, CommitPoint, Event, Handler,
    body::BodyState,
    connection::{Answer, Connection, Lost},
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
    } = connection;
    let Some(envelope) = channel.session.take_envelope() else {
        return Ok(());
    };
    client.facts = *channel.session.facts();
    let recipients = envelope.recipients.len();
    // The handler takes the envelope, and the log names the sender afterwards.
    let from = tracing::enabled!(tracing::Level::INFO).then(|| envelope.reverse_path.to_string());
    let from = from.as_deref();
    let peer = client.peer.map(tracing::field::display);
    let limit = channel.session.config().timeouts.message_verdict;
    // The client waits for the 354; the handler may have slow work before its first chunk.
    channel.flush().await?;
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
    if let (BodyState::Open, MessageVerdict::Accept(_)) = (&body.state, &verdict) {
        // A handler may accept without reading to the end; whether the end is sound shows there.
        while let Ok(Some(_)) = body.chunk().await {}
    }

    let (state, facts) = (
        body.state,
        channel.session.body_facts().copied().unwrap_or_default(),
    );
    let (_, output) = channel.wire.split();
    let refused = match (state, &verdict) {
        (BodyState::Ended, verdict) => {
            let answered = channel.session.answer_message(verdict, output, now());
            debug_assert_eq!(answered, Ok(()), "the body has ended");
            match verdict {
                MessageVerdict::Refuse(refusal) => Some(refusal.code()),
                _ => None,
            }
        }
        (BodyState::Open, MessageVerdict::Refuse(refusal)) => {
            let refused = channel.session.refuse_body(refusal.clone());
            debug_assert_eq!(refused, Ok(()), "the body is coming in");
            Some(refusal.code())
        }
        (BodyState::Refused(fault), _) => {
            observer.observe(&Event::BodyRefused { fault });
            tracing::info!(session = %client.session, ?fault, "body refused");
            return Ok(());
        }
        (BodyState::Lost(lost), _) => {
            observer.observe(&Event::BodyLost);
            return Err(lost);
        }
        // Read to its end above.
        (BodyState::Open, _) => return Ok(()),
    };
    let size = facts.size;
    match (refused, verdict) {
        (None, MessageVerdict::Accept(id)) => {
            tracing::info!(session = %client.session, peer, %id, from, recipients, size, "message accepted");
            observer.observe(&Event::MessageAccepted {
                size,
                recipients,
                duration: now() - start,
            });
        }
        (code, _) => {
            tracing::info!(session = %client.session, peer, code, from, recipients, size, "message refused");
            if answered_itself {
                observer.observe(&Event::Refused {
                    stage: Stage::Message,
                    code: code.unwrap_or_default(),
                });
            }
        }
    }
    Ok(())
}
