//! What a caller asks for.

use std::time::Duration;

use crate::message_memory::LEAST_LENT;
use crate::sealed_message::SealedMessage;

/// A request and how it is to be treated.
///
/// ```
/// use prixfixe_ipc::Call;
/// use std::time::Duration;
///
/// let call = Call::new(b"reserve 3").message_type(7).timeout(Duration::from_millis(200));
/// # assert_eq!(call.payload(), b"reserve 3");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    payload: &'a [u8],
    sealed: Option<&'a SealedMessage>,
    message_type: u32,
    timeout: Duration,
    caller_id: u128,
    idempotent: bool,
    priority: u8,
}

/// How long a call may take unless it says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl<'a> Call<'a> {
    /// A call with these bytes, of type 0, that may take [`DEFAULT_TIMEOUT`].
    pub const fn new(payload: &'a [u8]) -> Self {
        Self {
            payload,
            sealed: None,
            message_type: 0,
            timeout: DEFAULT_TIMEOUT,
            caller_id: 0,
            idempotent: false,
            priority: 0,
        }
    }

    /// As [`Call::new`], with the bytes of a message whose memory the server is given. The handler sees no
    /// difference.
    ///
    /// From 256 KiB on a server of the same user reads it in place; a shorter one goes as any other bytes
    /// do, and so does every one in a [`Pipeline`](crate::Pipeline), to another user's server, or while the
    /// server has too much to read on its socket.
    pub fn sealed(message: &'a SealedMessage) -> Self {
        Self {
            sealed: Some(message),
            ..Self::new(message.as_bytes())
        }
    }

    /// What kind of request this is, for a server that knows several.
    #[must_use]
    pub const fn message_type(mut self, message_type: u32) -> Self {
        self.message_type = message_type;
        self
    }

    /// How long the call may take, from now to its outcome, connecting and sending again included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// An id of the caller's own that stays the same when the call is sent again, by this library or,
    /// after a restart, by the caller: by it the handler can tell a repetition. 0 means none.
    #[must_use]
    pub const fn caller_id(mut self, caller_id: u128) -> Self {
        self.caller_id = caller_id;
        self
    }

    /// Says that executing the call twice does no harm: then it is sent again also where it may have
    /// been executed already.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Larger is more urgent. Carried to the handler; the server itself does not look at it.
    #[must_use]
    pub const fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// The same call with these bytes.
    pub(crate) const fn with_payload(self, payload: &[u8]) -> Call<'_> {
        Call {
            payload,
            sealed: None,
            ..self
        }
    }

    /// The bytes of the request.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// The memory that the server can be given, where that is worth its while.
    pub(crate) fn lendable(&self) -> Option<&'a SealedMessage> {
        self.sealed
            .filter(|message| message.as_bytes().len() >= LEAST_LENT)
    }

    pub(crate) const fn timeout_value(&self) -> Duration {
        self.timeout
    }

    pub(crate) const fn caller_id_value(&self) -> u128 {
        self.caller_id
    }

    pub(crate) const fn message_type_value(&self) -> u32 {
        self.message_type
    }

    pub(crate) const fn priority_value(&self) -> u8 {
        self.priority
    }

    pub(crate) const fn is_idempotent(&self) -> bool {
        self.idempotent
    }
}

impl<'a> From<&'a SealedMessage> for Call<'a> {
    fn from(message: &'a SealedMessage) -> Self {
        Self::sealed(message)
    }
}

impl<'a> From<&'a [u8]> for Call<'a> {
    fn from(payload: &'a [u8]) -> Self {
        Self::new(payload)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Call<'a> {
    fn from(payload: &'a [u8; N]) -> Self {
        Self::new(payload)
    }
}

impl<'a> From<&'a Vec<u8>> for Call<'a> {
    fn from(payload: &'a Vec<u8>) -> Self {
        Self::new(payload)
    }
}

impl<'a> From<&'a str> for Call<'a> {
    fn from(payload: &'a str) -> Self {
        Self::new(payload.as_bytes())
    }
}
