//! The settings of a dialogue, as a settings file says them.

use std::fmt::Write as _;

use prixfixe::BareNewline;

use crate::{dialogue::Dialogue, line_end_modes};

/// The least length that the settings allow for a line of text.
const TEXT_LINE_MIN: usize = 1000;

/// Responses of dialogues to which a password file has no such answer: it always decides, and
/// explains nothing.
const UNDECIDED: [&[u8]; 2] = [b"bGF0ZXI=", b"d2h5"];

/// Which server a dialogue needs, and which of its listeners.
pub(crate) struct Needs {
    /// The text of a settings file; dialogues with the same one share a server.
    pub(crate) settings: String,
    pub(crate) bare_newline: BareNewline,
}

/// The parts of a settings file.
struct File {
    receiver: String,
    /// What each listener has besides its address and its mode.
    listener: String,
    limits: String,
    others: String,
}

/// Why a dialogue is not replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Lack {
    /// Only a handler can promise (DSN, REQUIRETLS and their like), refuse a client, a sender or a
    /// message, or leave a login undecided or explained; the program's own handlers do not.
    Handler,
    /// No key says it: bounds below what the settings allow, and TLS from the first octet, which is
    /// no dialogue in the clear.
    Key,
}

/// What the dialogue needs, or what stands in the way.
pub(crate) fn needs(dialogue: &Dialogue) -> Result<Needs, Lack> {
    let mut file = File {
        receiver: String::from("listen = []\n"),
        listener: String::new(),
        // The clients of these tests come from a network that is exempt by default. That failed
        // logins are answered ever later is tested elsewhere.
        limits: String::from("[limits]\nexempt_networks = []\nfailed_auths_per_minute = \"off\"\n"),
        others: String::new(),
    };
    let mut bare_newline = BareNewline::Reject;
    for (name, value) in &dialogue.settings {
        match name.as_str() {
            "bare_newline" => bare_newline = mode(value),
            _ => file.say(name, value)?,
        }
    }
    let sent = dialogue.sent();
    let says = |words: &[u8]| sent.windows(words.len()).any(|window| window == words);
    if UNDECIDED.into_iter().any(says) {
        return Err(Lack::Handler);
    }
    for verdict in &dialogue.verdicts {
        // The only refusal that settings can express.
        if verdict.question != "RCPT <no@example.com>" || !verdict.reply.starts_with("550 5.1.1 ") {
            return Err(Lack::Handler);
        }
        file.receiver
            .push_str("recipients = [\"b@example.com\", \"c@example.com\", \"d@example.com\"]\n");
    }
    Ok(Needs {
        settings: file.text(),
        bare_newline,
    })
}

impl File {
    /// Adds a setting of a dialogue.
    fn say(&mut self, name: &str, value: &str) -> Result<(), Lack> {
        let (part, key) = match name {
            "message_size" => (&mut self.receiver, "max_message_size"),
            "recipients" => (&mut self.receiver, "max_recipients"),
            "missing_brackets" => (&mut self.receiver, "allow_missing_brackets"),
            "strict_lengths" => (&mut self.receiver, "strict_lengths"),
            "refuse_nul" => (&mut self.receiver, "refuse_nul"),
            "drain" => (&mut self.limits, "discarded_body"),
            "messages" => (&mut self.limits, "messages_per_session"),
            "errors" => (&mut self.limits, "command_errors"),
            "idle_commands" => (&mut self.limits, "idle_commands"),
            "auth_failures" => (&mut self.limits, "auth_failures_per_session"),
            "received_fields" => (&mut self.limits, "received_headers"),
            "text_line" if value.parse().is_ok_and(|line: usize| line >= TEXT_LINE_MIN) => {
                (&mut self.limits, "text_line")
            }
            "auth_without_tls" => (&mut self.listener, "auth_without_tls"),
            "protocol" | "auth" => {
                writeln!(self.listener, "{name} = \"{value}\"").unwrap();
                if name == "auth" {
                    writeln!(self.others, "[auth]\npassword_file = \"{USERS_FILE}\"").unwrap();
                }
                return Ok(());
            }
            "xclient" => {
                self.listener.push_str("xclient = [\"127.0.0.0/8\"]\n");
                return Ok(());
            }
            "tls" if value == "starttls" => {
                self.others
                    .push_str("[tls]\ncertificate = \"self-signed\"\n");
                return Ok(());
            }
            "dsn" | "require_tls" | "mt_priority" | "deliver_by" | "future_release" => {
                return Err(Lack::Handler);
            }
            "text_line" | "tls" => return Err(Lack::Key),
            _ => panic!("no key is known for {name}"),
        };
        writeln!(part, "{key} = {value}").unwrap();
        Ok(())
    }

    fn text(&self) -> String {
        let listeners = line_end_modes::listeners(&self.listener);
        format!("{}{listeners}{}{}", self.receiver, self.limits, self.others)
    }
}

fn mode(value: &str) -> BareNewline {
    match value {
        "reject" => BareNewline::Reject,
        "normalise" => BareNewline::Normalise,
        "accept" => BareNewline::Accept,
        _ => panic!("no mode {value}"),
    }
}

/// The password file of every server, which knows the one user of the dialogues.
pub(crate) const USERS_FILE: &str = "users";
