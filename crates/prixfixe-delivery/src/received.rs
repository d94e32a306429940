//! The trace header lines that a store puts in front of a message (RFC 5321 section 4.4).

use std::{fmt::Write as _, time::SystemTime};

use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter, tz::TimeZone};
use prixfixe::{Client, Domain, Envelope, HeloName};

use crate::sqlite::Trace;

/// `Return-Path:` and `Received:` of a message; the id goes in when it is known.
///
/// Nothing in them needs escaping: the addresses and the HELO name were parsed into types that
/// cannot hold a line end, a parenthesis outside quotes or any other control character.
pub(crate) fn trace(
    client: &Client,
    envelope: &Envelope,
    domain: &Domain,
    received_at: SystemTime,
) -> Trace {
    let mut before = String::with_capacity(TRACE_LEN);
    // A header is ASCII unless SMTPUTF8 was asked for.
    let helo = client.helo.as_ref().map(HeloName::as_str);
    let helo = helo.filter(|helo| helo.is_ascii() || envelope.parameters.smtputf8);
    let helo = helo.unwrap_or("unknown");
    // Writing to a string cannot fail.
    let _ = write!(
        before,
        "Return-Path: {}\r\nReceived: from {helo}",
        envelope.reverse_path
    );
    let _ = match client.peer {
        Some(peer) if peer.is_ipv6() => write!(before, " ([IPv6:{}])", peer.ip()),
        Some(peer) => write!(before, " ([{}])", peer.ip()),
        // A proxy speaks for somebody, and does not know for whom.
        None if client.xclient.is_some() => Ok(()),
        None => write!(before, " (local socket)"),
    };
    let protocol = client.protocol(envelope);
    let _ = write!(before, "\r\n\tby {domain} with {protocol}");
    if let Some(tls) = &client.tls {
        // Both are names from a fixed list.
        let _ = write!(before, " ({} {})", tls.version.as_str(), tls.cipher_suite);
    }
    before.push_str(" id ");
    let mut after = String::with_capacity(TRACE_LEN);
    if let [recipient] = envelope.recipients.as_slice() {
        // With several, one would be told of the others (RFC 5321 section 7.6).
        let _ = write!(after, "\r\n\tfor {}", recipient.path);
    }
    let _ = write!(after, ";\r\n\t{}\r\n", date(received_at));
    Trace::around_id(before, after)
}

/// The date of RFC 5322 section 3.3, in universal time.
fn date(time: SystemTime) -> String {
    let timestamp = Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH);
    let mut text = String::new();
    // Fails only for years above 9999, which the store's ids cannot reach.
    let _ = DateTimePrinter::new().print_zoned(&timestamp.to_zoned(TimeZone::UTC), &mut text);
    text
}

/// Octets of either part with ordinary names.
const TRACE_LEN: usize = 160;
