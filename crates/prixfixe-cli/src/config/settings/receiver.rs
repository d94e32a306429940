//! The keys at the top of the file.

use super::listener::BareNewline;
use crate::config::key::{
    Missing,
    Status::{Built, BuiltExcept},
};
use crate::config::section::section;
use crate::config::value::{
    Auto, ByteSize, Count, Destinations, DomainName, ListenAddress, Recipients,
};

section! {
    /// Who the server is, what it listens on and where mail goes.
    pub(crate) struct Receiver: Table("") {
        /// The name of the server in its greeting and in `Received:` headers, and nothing else.
        domain: DomainName = "\"localhost\"", Built;
        /// Whom mail is accepted for; all others get 550 5.1.1. `<postmaster>` is always accepted.
        recipients: Recipients = "[\"*\"]", Built;
        /// Addresses to listen on: the short form of `[[listener]]`, which adds to it.
        listen: Vec<ListenAddress> = "[\"127.0.0.1:2525\", \"[::1]:2525\"]", Built;
        /// Where accepted mail goes.
        destination: Destinations = "\"store\"", BuiltExcept(DESTINATIONS_TO_COME);
        /// The most connections at one time, over all listeners and without exemption.
        max_connections: Count<1, 1_000_000> = "1000", Built;
        /// The largest message; `SIZE` announces it.
        max_message_size: ByteSize<1> = "\"10MiB\"", Built;
        /// The most recipients of one message; more get 452 4.5.3.
        max_recipients: Count<1, 1_000_000> = "100", Built;
        /// Connections that the system may hold until they are accepted; 0 means its own limit.
        listen_backlog: Count<0, 65_535> = "1024", Built;
        /// Threads that serve connections; `"auto"` is one for every two processors.
        workers: Auto<Count<1, 1024>> = "\"auto\"", Built;
        /// What happens to a message with a bare CR or LF; a listener or a network can differ.
        bare_newline: BareNewline = "\"reject\"", Built;
        /// Refuse local parts above 64 bytes, which VERP and SRS need.
        strict_lengths: bool = "false", Built;
        /// Accept addresses without `<` and `>`, which RFC 5321 demands.
        allow_missing_brackets: bool = "false", Built;
        /// Refuse messages with NUL bytes outside BINARYMIME instead of marking them.
        refuse_nul: bool = "false", Built;
        /// Refuse clients that talk before the greeting or behind a command that ends a flight.
        refuse_early_talk: bool = "false", Built;
    }
}

/// Nothing must be accepted for a place to which it cannot go.
const DESTINATIONS_TO_COME: &[(&str, Missing)] = &[
    ("maildir", Missing::refused("the destination \"maildir\"")),
    ("ipc", Missing::refused("the destination \"ipc\"")),
    ("lmtp", Missing::refused("the destination \"lmtp\"")),
    ("smtp", Missing::refused("the destination \"smtp\"")),
    ("webhook", Missing::refused("the destination \"webhook\"")),
    (
        "jetstream",
        Missing::refused("the destination \"jetstream\""),
    ),
];
