//! `[limits]`.

use crate::config::key::{
    Missing,
    Status::{Built, Later},
};
use crate::config::section::section;
use crate::config::value::{ByteSize, Count, Duration, Peer, Rate, Switch};

section! {
    /// How much of everything. A client address is, with IPv6, its network of 64 bits.
    pub(crate) struct Limits: Table("limits") {
        /// Clients to whom the limits of one address and of one session do not apply.
        exempt_networks: Vec<Peer> = "[\"127.0.0.0/8\", \"::1/128\", \"unix\"]", Built;
        /// Connections of one client address at one time; more get 421 4.7.0.
        connections_per_address: Switch<Count<1, 1_000_000>> = "50", Later(PER_ADDRESS);
        /// New connections of one client address in a minute; more get 421 4.7.0.
        new_connections_per_minute: Switch<Count<1, 1_000_000>> = "\"off\"", Later(RATES);
        /// Messages of one client address in a minute; more get 450.
        messages_per_minute: Switch<Count<1, 1_000_000>> = "\"off\"", Later(RATES);
        /// Recipients of one client address in a minute; more get 451.
        recipients_per_minute: Switch<Count<1, 1_000_000>> = "\"off\"", Later(RATES);
        /// Refused recipients of one client address in a minute; more are answered ever later.
        failed_recipients_per_minute: Switch<Count<1, 1_000_000>> = "100", Later(RATES);
        /// Failed logins of one client address in a minute; more are answered ever later, after up to 8 s.
        failed_auths_per_minute: Switch<Count<1, 1_000_000>> = "10", Built;
        /// Failed logins in one session, of exempt clients too; one more gets 421.
        auth_failures_per_session: Count<0, 1000> = "3", Built;
        /// Memory of all bodies on their way; beyond it reading stops, then 452.
        body_memory: ByteSize<{ 1 << 20 }> = "\"256MiB\"", Later(Missing::warned("the limit of memory for bodies"));
        /// The least rate of a body, of a handshake, and of a client that reads its replies; slower ones get 421.
        min_data_rate: Switch<Rate> = "\"500B/s\"", Later(DATA_RATE);
        /// The time over which `min_data_rate` is measured.
        min_data_rate_window: Duration = "\"30s\"", Later(DATA_RATE);
        /// Replies waiting for a client that does not read them; beyond it its input waits too.
        reply_buffer: ByteSize<4096, { 16 << 20 }> = "\"64KiB\"", Built;
        /// The longest command with its CRLF; extensions that need more get more; longer ones get 500.
        command_line: ByteSize<512, 65_536> = "\"512B\"", Later(COMMAND_LINE);
        /// The longest line of a message with its CRLF; 1000 is what RFC 5321 allows; longer ones are refused.
        text_line: Switch<ByteSize<1000>> = "\"16KiB\"", Built;
        /// What is read and dropped of a body that is too large; then the connection is closed.
        discarded_body: ByteSize = "\"64MiB\"", Built;
        /// `Received:` headers of a message; more mean a loop and get 554 5.4.6.
        received_headers: Switch<Count<1, { u32::MAX }>> = "100", Built;
        /// Messages in one session; then 421.
        messages_per_session: Switch<Count<1, { u32::MAX }>> = "10000", Built;
        /// Commands in a row that do nothing for a message; then 421.
        idle_commands: Switch<Count<1, { u32::MAX }>> = "100", Built;
        /// Commands with wrong syntax or in wrong order in one session; then 421.
        command_errors: Switch<Count<1, { u32::MAX }>> = "20", Built;
    }
}

const PER_ADDRESS: Missing = Missing::warned("the limit by client address");
const RATES: Missing = Missing::warned("the limit by minute");
const COMMAND_LINE: Missing = Missing::warned("another length of commands");
const DATA_RATE: Missing = Missing::warned("the least data rate");
