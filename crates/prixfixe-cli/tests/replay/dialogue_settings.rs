//! The settings of a dialogue, as a settings file says them.

use std::fmt::Write as _;

use prixfixe::BareNewline;

use crate::{dialogue::Dialogue, line_end_modes};

/// The least length that the settings allow for a line of text.
const TEXT_LINE_MIN: usize = 1000;

/// Which server a dialogue needs, and which of its listeners.
pub(crate) struct Needs {
    /// The text of a settings file; dialogues with the same one share a server.
    pub(crate) settings: String,
    pub(crate) bare_newline: BareNewline,
}

/// What the dialogue needs; none if no settings file can ask for it.
pub(crate) fn needs(dialogue: &Dialogue) -> Option<Needs> {
    // The clients of these tests come from a network that is exempt by default.
    let mut limits = String::from("[limits]\nexempt_networks = []\n");
    let mut receiver = String::from("listen = []\n");
    let mut bare_newline = BareNewline::Reject;
    for (name, value) in &dialogue.settings {
        let (table, key) = match name.as_str() {
            "message_size" => (&mut receiver, "max_message_size"),
            "recipients" => (&mut receiver, "max_recipients"),
            "missing_brackets" => (&mut receiver, "allow_missing_brackets"),
            "strict_lengths" => (&mut receiver, "strict_lengths"),
            "refuse_nul" => (&mut receiver, "refuse_nul"),
            "drain" => (&mut limits, "discarded_body"),
            "messages" => (&mut limits, "messages_per_session"),
            "errors" => (&mut limits, "command_errors"),
            "idle_commands" => (&mut limits, "idle_commands"),
            "received_fields" => (&mut limits, "received_headers"),
            "text_line" if value.parse().is_ok_and(|line: usize| line >= TEXT_LINE_MIN) => {
                (&mut limits, "text_line")
            }
            // What the application promises, and what a listener speaks.
            "text_line" | "dsn" | "require_tls" | "mt_priority" | "deliver_by"
            | "future_release" | "protocol" | "tls" | "auth" | "xclient" => return None,
            "bare_newline" => {
                bare_newline = mode(value);
                continue;
            }
            _ => panic!("{}: no key is known for {name}", dialogue.name),
        };
        writeln!(table, "{key} = {value}").unwrap();
    }
    for verdict in &dialogue.verdicts {
        // The only refusal that settings can express.
        if verdict.question != "RCPT <no@example.com>" || !verdict.reply.starts_with("550 5.1.1 ") {
            return None;
        }
        receiver.push_str("recipients = [\"b@example.com\"]\n");
    }
    let settings = format!("{receiver}{}{limits}", line_end_modes::LISTENERS);
    Some(Needs {
        settings,
        bare_newline,
    })
}

fn mode(value: &str) -> BareNewline {
    match value {
        "reject" => BareNewline::Reject,
        "normalise" => BareNewline::Normalise,
        "accept" => BareNewline::Accept,
        _ => panic!("no mode {value}"),
    }
}
