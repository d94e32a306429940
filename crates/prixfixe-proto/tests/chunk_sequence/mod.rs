//! Commands and chunks in any order, and what must come of them by the words of RFC 3030: slow,
//! obvious, and the measure of the session.

use std::sync::Arc;

use prixfixe_proto::Config;

use crate::driver;

/// What a client says.
#[derive(Debug, Clone)]
enum Word {
    Command(&'static str),
    /// A chunk, and what stands behind its size.
    Chunk(Vec<u8>, &'static str),
}

const COMMANDS: [&str; 8] = [
    "MAIL FROM:<a@example.org>",
    "RCPT TO:<b@example.com>",
    "RSET",
    "EHLO client.example",
    "NOOP",
    "DATA x",
    "VRFY x",
    "MAIL FROM:<a@example.org> BODY=BINARYMIME",
];

/// What follows is a transaction that is open: most sequences would never get there by chance.
const OPEN: u8 = 8;

/// What these octets stand for.
fn decode(mut octets: &[u8]) -> Vec<Word> {
    let mut words = vec![Word::Command(COMMANDS[3])];
    while let Some((&first, rest)) = octets.split_first() {
        octets = rest;
        match usize::from(first) {
            command @ ..8 => words.push(Word::Command(COMMANDS[command])),
            open if open == usize::from(OPEN) => {
                words.extend([Word::Command(COMMANDS[0]), Word::Command(COMMANDS[1])]);
            }
            chunk => {
                let (content, behind) = rest.split_at((chunk / 4).min(rest.len()));
                let end = [" LAST", "", "", " LST"][chunk % 4];
                words.push(Word::Chunk(content.to_vec(), end));
                octets = behind;
            }
        }
    }
    words
}

fn sent(words: &[Word]) -> Vec<u8> {
    let mut sent = Vec::new();
    for word in words {
        match word {
            Word::Command(line) => sent.extend_from_slice(format!("{line}\r\n").as_bytes()),
            Word::Chunk(content, end) => {
                sent.extend(format!("BDAT {}{end}\r\n", content.len()).into_bytes());
                sent.extend_from_slice(content);
            }
        }
    }
    sent
}

/// What has come of a sequence.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    codes: Vec<String>,
    bodies: Vec<Vec<u8>>,
}

/// The transaction under way.
#[derive(Default)]
struct Transaction {
    sender: bool,
    recipient: bool,
    body: Option<Vec<u8>>,
}

impl Transaction {
    fn command(&mut self, line: &str) -> &'static str {
        let chunks = self.body.is_some();
        match line {
            "RSET" | "EHLO client.example" => {
                *self = Self::default();
                "250"
            }
            "NOOP" => "250",
            "VRFY x" => "252",
            "DATA x" => "501",
            _ if line.starts_with("MAIL") && !self.sender => {
                self.sender = true;
                "250"
            }
            _ if line.starts_with("RCPT") && self.sender && !chunks => {
                self.recipient = true;
                "250"
            }
            _ => "503",
        }
    }

    fn chunk(&mut self, content: &[u8], end: &str, bodies: &mut Vec<Vec<u8>>) -> &'static str {
        if end == " LST" {
            if self.recipient {
                *self = Self::default();
            }
            return "501";
        }
        if !self.recipient {
            return "503";
        }
        self.body.get_or_insert_default().extend_from_slice(content);
        if end == " LAST" {
            bodies.extend(self.body.take());
            *self = Self::default();
        }
        "250"
    }
}

fn expected(words: &[Word]) -> Outcome {
    let (mut outcome, mut transaction) = (Outcome::default(), Transaction::default());
    outcome.codes.push("220".to_owned());
    for word in words {
        let code = match word {
            Word::Command(line) => transaction.command(line),
            Word::Chunk(content, end) => transaction.chunk(content, end, &mut outcome.bodies),
        };
        outcome.codes.push(code.to_owned());
    }
    outcome
}

/// Brings the sequence that these octets stand for in pieces of `piece` octets, and whole.
pub(crate) fn check(octets: &[u8], piece: usize) {
    let domain = "mx.example.com".parse();
    let mut config = Config::new(domain.unwrap_or_else(|e| panic!("{e}")));
    config.limits.errors = u32::MAX;
    config.limits.idle_commands = u32::MAX;
    config.limits.received_fields = u32::MAX;
    let config = Arc::new(config);
    let words = decode(octets);
    let sent = sent(&words);
    let whole = driver::run(&config, &|_| None, [&sent[..]]);
    let pieces = driver::run(&config, &|_| None, sent.chunks(piece));
    assert_eq!(pieces, whole, "in pieces of {piece}");

    let replies = String::from_utf8_lossy(&whole.replies);
    let last_lines = replies.lines().filter(|line| !line[3..].starts_with('-'));
    let outcome = Outcome {
        codes: last_lines.map(|line| line[..3].to_owned()).collect(),
        bodies: whole.messages.into_iter().map(|m| m.body).collect(),
    };
    assert_eq!(outcome, expected(&words), "{words:?}");
}
