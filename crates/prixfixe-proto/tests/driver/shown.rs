//! An envelope as the dialogues write it: what extensions added stands behind the path.

use std::fmt::Write as _;

use prixfixe_proto::{DsnReturn, Envelope, Hold, OnExpiry, Recipient};

pub(crate) fn sender(envelope: &Envelope) -> String {
    let mut text = envelope.reverse_path.to_string();
    let parameters = &envelope.parameters;
    let mut add = |word: &dyn std::fmt::Display| {
        let _ = write!(text, " {word}");
    };
    match parameters.dsn_return {
        Some(DsnReturn::Full) => add(&"RET=FULL"),
        Some(DsnReturn::Headers) => add(&"RET=HDRS"),
        _ => {}
    }
    if let Some(id) = &parameters.envelope_id {
        add(&format_args!("ENVID={id}"));
    }
    if parameters.require_tls {
        add(&"REQUIRETLS");
    }
    if let Some(priority) = parameters.priority {
        add(&format_args!("MT-PRIORITY={}", priority.get()));
    }
    if let Some(by) = parameters.deliver_by {
        let mode = if by.on_expiry == OnExpiry::Return {
            "R"
        } else {
            "N"
        };
        let trace = if by.trace { "T" } else { "" };
        add(&format_args!("BY={};{mode}{trace}", by.seconds));
    }
    match parameters.hold {
        Some(Hold::For(time)) => add(&format_args!("HOLDFOR={}", time.as_secs())),
        Some(Hold::Until(moment)) => add(&format_args!("HOLDUNTIL={moment}")),
        _ => {}
    }
    if let Some(submitter) = &parameters.auth {
        add(&format_args!("AUTH={submitter}"));
    }
    if parameters.prdr {
        add(&"PRDR");
    }
    text
}

pub(crate) fn recipient(recipient: &Recipient) -> String {
    let mut text = recipient.path.to_string();
    if let Some(notify) = recipient.parameters.notify {
        let words = [
            (notify.success, "SUCCESS"),
            (notify.failure, "FAILURE"),
            (notify.delay, "DELAY"),
        ];
        let words: Vec<_> = words
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, w)| *w)
            .collect();
        let words = if words.is_empty() {
            "NEVER".to_owned()
        } else {
            words.join(",")
        };
        let _ = write!(text, " NOTIFY={words}");
    }
    if let Some(original) = &recipient.parameters.original_recipient {
        let (kind, address) = (original.address_type(), original.address());
        let _ = write!(text, " ORCPT={kind};{address}");
    }
    text
}
