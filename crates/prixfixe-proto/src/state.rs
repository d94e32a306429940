//! The states of a session and every way from one to the next (RFC 5321 section 4.1.4).
//!
//! Everything that changes the state stands in [`TRANSITIONS`]; what is not in it is out of order.

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Connected, the banner is not sent yet.
    Greeting,
    /// The banner is sent, no HELO or EHLO yet.
    Greeted,
    /// Between transactions.
    Ready,
    /// A sender is accepted, no recipient yet.
    Sender,
    /// At least one recipient is accepted.
    Recipients,
    /// The body of DATA is coming in.
    Body,
    /// A chunk of BDAT is coming in.
    Chunk,
    /// Between the chunks of a message.
    Chunks,
    /// Waiting for the client's part of an AUTH exchange.
    Auth,
    /// STARTTLS was accepted; the driver makes the handshake.
    Handshake,
    /// The connection is to be closed.
    Closed,
}

/// What moves a session on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The connection was accepted and the banner sent.
    Banner,
    /// HELO or EHLO was accepted.
    Helo,
    /// A sender was accepted.
    Mail,
    /// A recipient was accepted.
    Rcpt,
    /// DATA was accepted.
    Data,
    /// BDAT was accepted.
    Chunk,
    /// A chunk has ended that was not the last one.
    ChunkEnd,
    /// A body has ended and was answered, or was given up between two chunks.
    BodyEnd,
    /// AUTH was accepted.
    Auth,
    /// An AUTH exchange has ended, however it did.
    AuthEnd,
    /// STARTTLS was accepted.
    StartTls,
    /// The handshake is over.
    Secured,
    /// XCLIENT was accepted: the session begins anew.
    Xclient,
    /// RSET.
    Rset,
    /// QUIT, or the server gives up.
    Close,
}

/// From, on, to.
pub(crate) const TRANSITIONS: &[(State, Event, State)] = &[
    (State::Greeting, Event::Banner, State::Greeted),
    (State::Greeted, Event::Helo, State::Ready),
    (State::Greeted, Event::Rset, State::Greeted),
    (State::Ready, Event::Helo, State::Ready),
    (State::Ready, Event::Mail, State::Sender),
    (State::Ready, Event::Rset, State::Ready),
    (State::Sender, Event::Helo, State::Ready),
    (State::Sender, Event::Rcpt, State::Recipients),
    (State::Sender, Event::Rset, State::Ready),
    (State::Recipients, Event::Helo, State::Ready),
    (State::Recipients, Event::Rcpt, State::Recipients),
    (State::Recipients, Event::Data, State::Body),
    (State::Recipients, Event::Rset, State::Ready),
    (State::Body, Event::BodyEnd, State::Ready),
    (State::Recipients, Event::Chunk, State::Chunk),
    (State::Chunks, Event::Chunk, State::Chunk),
    (State::Chunk, Event::ChunkEnd, State::Chunks),
    (State::Chunk, Event::BodyEnd, State::Ready),
    (State::Chunks, Event::BodyEnd, State::Ready),
    (State::Ready, Event::Auth, State::Auth),
    (State::Auth, Event::AuthEnd, State::Ready),
    (State::Greeted, Event::StartTls, State::Handshake),
    (State::Ready, Event::StartTls, State::Handshake),
    (State::Sender, Event::StartTls, State::Handshake),
    (State::Recipients, Event::StartTls, State::Handshake),
    (State::Handshake, Event::Secured, State::Greeted),
    (State::Greeted, Event::Xclient, State::Greeting),
    (State::Ready, Event::Xclient, State::Greeting),
    (State::Greeting, Event::Close, State::Closed),
    (State::Greeted, Event::Close, State::Closed),
    (State::Ready, Event::Close, State::Closed),
    (State::Sender, Event::Close, State::Closed),
    (State::Recipients, Event::Close, State::Closed),
    (State::Body, Event::Close, State::Closed),
    (State::Chunk, Event::Close, State::Closed),
    (State::Chunks, Event::Close, State::Closed),
    (State::Auth, Event::Close, State::Closed),
    (State::Handshake, Event::Close, State::Closed),
    (State::Closed, Event::Close, State::Closed),
];

impl State {
    /// Where `event` leads from here, or nothing if it is out of order.
    pub(crate) fn after(self, event: Event) -> Option<State> {
        TRANSITIONS
            .iter()
            .find(|(from, on, _)| (*from, *on) == (self, event))
            .map(|(.., to)| *to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_unambiguous() {
        for (index, (from, on, _)) in TRANSITIONS.iter().enumerate() {
            let later = &TRANSITIONS[index + 1..];
            assert!(
                !later.iter().any(|(f, o, _)| (f, o) == (from, on)),
                "{from:?} {on:?} twice"
            );
        }
    }

    #[test]
    fn nothing_leads_out_of_closed_and_everything_into_it() {
        for (from, on, to) in TRANSITIONS {
            assert!(
                *from != State::Closed || *to == State::Closed,
                "{from:?} {on:?}"
            );
            assert_eq!(from.after(Event::Close), Some(State::Closed));
        }
    }

    #[test]
    fn a_body_needs_a_recipient() {
        let entries: Vec<_> = TRANSITIONS
            .iter()
            .filter(|(.., to)| *to == State::Body)
            .collect();
        assert_eq!(entries, [&(State::Recipients, Event::Data, State::Body)]);
        let chunks = [State::Recipients, State::Chunks];
        for (from, ..) in TRANSITIONS.iter().filter(|(.., to)| *to == State::Chunk) {
            assert!(chunks.contains(from), "{from:?}");
        }
    }
}
