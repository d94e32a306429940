//! `[timeouts]`.

use crate::config::key::{
    Missing,
    Status::{Built, Later},
};
use crate::config::section::section;
use crate::config::value::{Duration, Switch};

section! {
    /// How long everything may take.
    pub(crate) struct Timeouts: Table("timeouts") {
        /// From the connection until its greeting is sent; then the connection is closed.
        banner: Duration = "\"30s\"", Built;
        /// What comes before a session, a PROXY header or a TLS handshake; then the connection is
        /// closed.
        handshake: Duration = "\"30s\"", Built;
        /// Until a command is there as a whole; then 421.
        command: Duration = "\"300s\"", Built;
        /// Until the next block of a body is there; then 421.
        body_block: Duration = "\"180s\"", Built;
        /// The decision on a connection, greeting, sender or recipient; then 451.
        verdict: Duration = "\"60s\"", Built;
        /// The decision on a message, before it is committed; then 451.
        message_verdict: Duration = "\"300s\"", Built;
        /// A whole session; then 421.
        session: Switch<Duration> = "\"1h\"", Later(Missing::warned("the limit of a whole session"));
        /// How long open transactions may go on at the stop of the server.
        drain: Duration = "\"30s\"", Built;
    }
}
