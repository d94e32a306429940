//! What a caller asks to be sent, and what became of that.

use super::places::Due;
use crate::call::Call;
use crate::client::channel::SendFailure;
use crate::ring::Corrupt;

/// Why a call was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotSent {
    /// There is no room, or others wait for it already.
    Full,
    /// There is no connection that takes calls.
    Lost,
    /// As many streams are open as may be.
    Busy,
    TooLarge,
    Corrupt(Corrupt),
    /// The deadline passed while it waited for room.
    Late,
    Forked,
}

/// What is to be done before the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing.
    Connected,
    /// A connection has to be made. There may be one that nobody has use for.
    Unconnected,
    /// The server drains, and calls of this client are open there.
    Leaving,
}

/// What a caller asks to be sent.
#[derive(Clone, Copy)]
pub(super) struct Order<'o, 'c> {
    pub(super) call: &'o Call<'c>,
    /// The longest reply that the caller has room for, in bytes.
    pub(super) reply_limit: usize,
    pub(super) due: Due,
    /// It is the first of those that wait for room.
    pub(super) first_queued: bool,
    pub(super) opens: Opens,
}

/// What goes between request and reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opens {
    Nothing,
    /// Items, both ways.
    Stream,
    /// The parts of a request or of a reply that is longer than a record.
    Long {
        reply_limit: usize,
    },
}

/// Where a call was put.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// Of the connection.
    pub(super) generation: u64,
    /// Its place. 0 for one that opens anything, which has none.
    pub(super) place: u16,
    /// Its number, if it opens anything.
    pub(super) call: u64,
    /// It is a long one whose request is still to be sent.
    pub(super) follows: bool,
}

impl From<SendFailure> for NotSent {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::Full => Self::Full,
            SendFailure::Busy => Self::Busy,
            SendFailure::TooLarge => Self::TooLarge,
            SendFailure::Corrupt(corrupt) => Self::Corrupt(corrupt),
        }
    }
}
