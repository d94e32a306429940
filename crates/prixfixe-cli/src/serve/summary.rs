//! What a server says at its start: where it listens, for whom, where to, and what 250 means.

use prixfixe::BoundAddress;

use crate::{
    config::{Destination, Settings},
    serve::admin::AdminListener,
};

/// Patterns that are named; of a longer list only the number is told.
const PATTERNS_SHOWN: usize = 5;

/// One line for each thing that an operator wants to be sure of.
pub(crate) fn lines(
    settings: &Settings,
    addresses: &[BoundAddress],
    admin: Option<&AdminListener>,
) -> Vec<String> {
    let receiver = &settings.receiver;
    let listed: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let patterns: Vec<String> = receiver
        .recipients
        .patterns()
        .map(ToString::to_string)
        .collect();
    let whom = if patterns.iter().any(|pattern| pattern == "*") {
        "everybody (none is relayed)".to_owned()
    } else if patterns.len() <= PATTERNS_SHOWN {
        patterns.join(", ")
    } else {
        format!("{} addresses and domains", patterns.len())
    };
    let (place, promise) = match receiver.destination.as_slice() {
        [Destination::Discard] => (
            "nowhere: it is discarded".to_owned(),
            "nothing: every message is dropped".to_owned(),
        ),
        _ => (
            format!("the store in {}", settings.store.path.as_path().display()),
            "the message is on stable storage and survives a power cut".to_owned(),
        ),
    };
    let (connections, message) = (receiver.max_connections, receiver.max_message_size);
    let recipients = receiver.max_recipients;
    let health = admin.map_or_else(|| "nowhere".to_owned(), AdminListener::address);
    vec![
        format!("listening on {} as {}", listed.join(", "), receiver.domain),
        format!("accepting mail for {whom}"),
        format!("mail goes to {place}"),
        format!("250 means: {promise}"),
        format!("limits: {connections} connections, {message} a message, {recipients} recipients"),
        format!("/healthz and /readyz are served on {health}"),
    ]
}
