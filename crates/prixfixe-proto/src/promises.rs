//! What only the application can keep.

use std::time::Duration;

/// Extensions whose promise is kept behind the receiver, by whoever delivers or relays the
/// message. EHLO announces those that the application declares, and only they are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Promises {
    /// DSN (RFC 3461): delivery status notifications are sent as the client asks.
    pub dsn: bool,
    /// REQUIRETLS (RFC 8689): the message is relayed under TLS only, or not at all.
    pub require_tls: bool,
    /// MT-PRIORITY (RFC 6710): more important messages go first.
    pub mt_priority: bool,
    /// DELIVERBY (RFC 2852): a message is delivered in time or returned. The value is the least
    /// time that a client may ask for; zero if there is none.
    pub deliver_by: Option<Duration>,
    /// FUTURERELEASE (RFC 4865): a message is held until the client wants it sent. The value is
    /// the longest time.
    pub future_release: Option<Duration>,
}

impl Promises {
    /// No promise at all.
    pub const NONE: Self = Self {
        dsn: false,
        require_tls: false,
        mt_priority: false,
        deliver_by: None,
        future_release: None,
    };
}
