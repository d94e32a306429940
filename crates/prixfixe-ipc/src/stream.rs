//! Streams: items in both directions between the request and the reply of a call.

/// Octets of items that may lie on either side of a stream unless set: two rounds of a ring's share.
pub(crate) const DEFAULT_STREAM_WINDOW: usize = 128 << 10;
/// The most octets of a window: what is credited since the beginning must stay a number, and more than
/// the longest message serves nobody.
pub(crate) const MAX_STREAM_WINDOW: usize = 1 << 30;
/// The longest item of a stream unless set, in octets.
pub(crate) const DEFAULT_MAX_MESSAGE: usize = 16 << 20;

/// Why a stream goes on no further in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The other side wants no more items, or has ended the call.
    #[error("the other side wants no more of this stream")]
    Stopped,
    /// The other side has gone, or is corrupt.
    #[error("the other side of this stream is gone")]
    HungUp,
    /// Nothing moved for as long as the call allows.
    #[error("the stream did not move in time")]
    Deadline,
    /// An item is longer than messages may be.
    #[error("an item of the stream is too large")]
    TooLarge,
    /// The call opened no stream.
    #[error("the call is not a stream")]
    NotAStream,
    /// There is no memory for the items.
    #[error("no memory for the items of a stream")]
    NoMemory,
}

/// For the `?` operator in handlers.
impl From<StreamError> for crate::outcome::Refusal {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TooLarge => Self::TooLarge,
            _ => Self::HandlerFailed,
        }
    }
}
