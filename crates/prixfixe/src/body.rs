//! The body of a message, as the handler reads it.

use std::sync::OnceLock;

use prixfixe_proto::{BareNewline, BodyFacts, BodyFault, Progress, Refusal, Step};

use crate::{
    CommitPoint,
    connection::{Channel, Lost},
    patience::Patience,
    timer::now,
};

/// A body that is coming in.
///
/// Octets are read from the socket only when the handler asks for them, so a handler that cannot
/// keep up slows its client down and nothing piles up.
#[derive(Debug)]
pub struct Body<'c> {
    channel: &'c mut Channel,
    patience: &'c Patience,
    commit_point: &'c OnceLock<CommitPoint>,
    pub(crate) state: BodyState,
    /// A line end that was made up by the decoder and stands in no buffer.
    made_up: [u8; 2],
}

/// Why a body did not come to its end. The message is lost and whatever the handler answers goes
/// nowhere: the client was or will be told by the server itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BodyError {
    /// The receiver refuses it: too big, or malformed.
    #[error("the body is refused: {0:?}")]
    Refused(BodyFault),
    /// It is longer than the limit given to [`Body::read_to_end`].
    #[error("the body is longer than {0} octets")]
    TooLong(usize),
    /// The client went away, was too slow, or the server is stopping.
    #[error("the client is gone")]
    Lost,
    /// The client gave it up between two chunks, or did there what ends a session.
    #[error("the client gave the body up")]
    Aborted,
}

/// For handlers that pass the error on with `?`; what is answered then goes nowhere.
impl From<BodyError> for Refusal {
    fn from(_: BodyError) -> Self {
        Self::try_later()
    }
}

/// How far a body has come.
#[derive(Debug)]
pub(crate) enum BodyState {
    Open,
    Ended,
    Refused(BodyFault),
    Aborted,
    Lost(Lost),
}

/// Where the next octets are.
enum Piece {
    /// `len` octets that begin `back` before the unread input.
    Input {
        back: usize,
        len: usize,
    },
    /// That many of `made_up`.
    MadeUp(usize),
    End,
}

/// A step of the session without the octets it may hold.
enum Next {
    Piece(Piece),
    NeedInput,
    Flush,
    Refused(BodyFault),
    Aborted,
    Unexpected,
}

impl<'c> Body<'c> {
    pub(crate) fn new(
        channel: &'c mut Channel,
        patience: &'c Patience,
        commit_point: &'c OnceLock<CommitPoint>,
    ) -> Self {
        Self {
            channel,
            patience,
            commit_point,
            state: BodyState::Open,
            made_up: [0; 2],
        }
    }

    /// The next octets, dot-stuffing undone, or nothing at the end. Safe to drop at any await.
    pub async fn chunk(&mut self) -> Result<Option<&[u8]>, BodyError> {
        match self.state {
            BodyState::Open => {}
            BodyState::Ended => return Ok(None),
            BodyState::Refused(fault) => return Err(BodyError::Refused(fault)),
            BodyState::Aborted => return Err(BodyError::Aborted),
            BodyState::Lost(_) => return Err(BodyError::Lost),
        }
        Ok(match self.next_piece().await? {
            Piece::Input { back, len } => Some(self.channel.wire.consumed(back, len)),
            Piece::MadeUp(len) => Some(&self.made_up[..len]),
            Piece::End => None,
        })
    }

    /// The rest of the body in one vector of at most `limit` octets.
    pub async fn read_to_end(&mut self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut content = Vec::new();
        while let Some(octets) = self.chunk().await? {
            if content.len() + octets.len() > limit {
                return Err(BodyError::TooLong(limit));
            }
            content.extend_from_slice(octets);
        }
        Ok(content)
    }

    /// What was noticed about the body so far.
    pub fn facts(&self) -> BodyFacts {
        self.channel
            .session
            .body_facts()
            .copied()
            .unwrap_or_default()
    }

    /// What becomes of a CR or LF that stands alone in it: what the listener's setting says, and
    /// in chunks (BDAT), where it ends nothing, it is kept.
    pub fn bare_newline(&self) -> BareNewline {
        let session = &self.channel.session;
        if session.body_is_chunked() {
            BareNewline::Accept
        } else {
            session.config().quirks.bare_newline
        }
    }

    /// Whether the client hears a reply for each recipient, by LMTP or PRDR. If not, recipients
    /// whose verdicts differ are all refused for now, and tried again.
    pub fn replies_per_recipient(&self) -> bool {
        self.channel.session.replies_per_recipient()
    }

    /// The point of no return of this message, for a handler that has one.
    pub fn commit_point(&self) -> CommitPoint {
        self.commit_point.get_or_init(CommitPoint::new).clone()
    }

    async fn next_piece(&mut self) -> Result<Piece, BodyError> {
        loop {
            match self.step() {
                Next::Piece(piece) => {
                    if let Piece::End = piece {
                        self.state = BodyState::Ended;
                        self.channel.wire.release();
                    }
                    return Ok(piece);
                }
                Next::NeedInput => {
                    let _waiting = self.patience.on_client();
                    if let Err(lost) = self.channel.exchange().await {
                        self.state = BodyState::Lost(lost);
                        return Err(BodyError::Lost);
                    }
                }
                Next::Flush => {
                    if let Err(lost) = self.channel.flush().await {
                        self.state = BodyState::Lost(lost);
                        return Err(BodyError::Lost);
                    }
                }
                Next::Refused(fault) => {
                    self.state = BodyState::Refused(fault);
                    return Err(BodyError::Refused(fault));
                }
                Next::Aborted => {
                    self.state = BodyState::Aborted;
                    return Err(BodyError::Aborted);
                }
                Next::Unexpected => {
                    // The session is in its body until it says otherwise.
                    self.state = BodyState::Lost(Lost::Disconnected);
                    return Err(BodyError::Lost);
                }
            }
        }
    }

    fn step(&mut self) -> Next {
        let (input, output) = self.channel.wire.split();
        let Progress { consumed, step } = self.channel.session.process(input, output, now());
        let next = match step {
            Step::Body(octets) if input.as_ptr_range().contains(&octets.as_ptr()) => {
                let start = octets.as_ptr().addr() - input.as_ptr().addr();
                Next::Piece(Piece::Input {
                    back: consumed - start,
                    len: octets.len(),
                })
            }
            // A line end of the decoder's own, one or two octets.
            Step::Body(octets) => {
                let len = octets.len().min(self.made_up.len());
                self.made_up[..len].copy_from_slice(&octets[..len]);
                Next::Piece(Piece::MadeUp(len))
            }
            Step::BodyEnd => Next::Piece(Piece::End),
            Step::NeedInput => Next::NeedInput,
            Step::Flush => Next::Flush,
            Step::BodyRefused(fault) => Next::Refused(fault),
            // A session that is over says so again, to whoever ends the connection.
            Step::BodyAborted | Step::Close(_) => Next::Aborted,
            Step::Ask(_) | Step::Waiting | Step::BodyStart | Step::StartTls => Next::Unexpected,
        };
        self.channel.wire.consume(consumed);
        next
    }
}
