//! Reads dialogue files: what a client sends, what a server must answer, what it must accept.
//!
//! ```text
//! # What rule or attack this is about, with its source.
//! ! message_size = 100                   a setting, by the name it has in the code
//! ? RCPT <no@example.com> = 550 5.1.1 No such mailbox here
//!                                        what the application says at a stage
//! S: 220 *                               a reply line; * stands for anything
//! S+: 250-*                              one or more such lines
//! S*20: 500 *                            exactly twenty
//! C: NOOP                                a line, sent with CRLF
//! C*20: NOOP                             the same twenty times
//! C> NOOP\n                              raw octets: \r \n \t \0 \\ \xNN
//! C>*999: x                              the same 999 times
//! E: <a@example.org> to <b@example.com>  the envelope of the next message
//! = "text" "x"*999 "\r\n"                a message that was accepted, as raw octets
//! = none                                 no message was accepted
//! X                                      the server closes; without it, it must not
//! ```
//!
//! In an AUTH exchange a response that holds `right` succeeds, `wrong` fails, `why` fails with an
//! explanation, and `later` cannot be decided; on any other there is a challenge.
//!
//! Lines that the client sends without an answer in between are one flight. This module knows
//! nothing of the server, so that one set of files serves the core alone and the whole program.

use std::{fmt, fs, path::Path};

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Dialogue {
    pub(crate) name: String,
    /// Names and values, in the order of the file.
    pub(crate) settings: Vec<(String, String)>,
    /// What the application refuses; it accepts all else.
    pub(crate) verdicts: Vec<Verdict>,
    /// The first flight is empty: the server speaks first.
    pub(crate) flights: Vec<Flight>,
    pub(crate) messages: Vec<Message>,
    pub(crate) closes: bool,
}

/// A refusal by the application: at `RCPT <no@example.com>`, at `MESSAGE` for all recipients, or at
/// `MESSAGE <no@example.com>` for one of them, the reply.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) question: String,
    pub(crate) reply: String,
}

/// What the client sends in one go, and what comes back.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    pub(crate) sent: Vec<u8>,
    pub(crate) replies: Vec<Reply>,
}

/// An expected reply line.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pattern: String,
    /// It may come more than once.
    repeats: bool,
}

/// An accepted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// `<sender> to <recipient> <recipient>`, where the file says it.
    pub(crate) envelope: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A line that is not understood.
#[derive(Debug)]
pub(crate) struct Fault {
    line: usize,
    message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl Dialogue {
    /// Every file of a folder, by name; a file that cannot be read is a fault of the suite.
    pub(crate) fn read_all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
            .collect();
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let text = fs::read_to_string(path).map_err(|e| e.to_string())?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Self::parse(&name, &text).map_err(|fault| fault.to_string())
        };
        paths
            .iter()
            .map(|path| read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
            .collect()
    }

    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, Fault> {
        let mut dialogue = Self {
            name: name.to_owned(),
            flights: vec![Flight::default()],
            ..Self::default()
        };
        let mut place = Place::default();
        for (number, line) in text.lines().enumerate() {
            dialogue.take(line, &mut place).map_err(|message| Fault {
                line: number + 1,
                message,
            })?;
        }
        if !place.outcome_said {
            return Err(Fault {
                line: text.lines().count(),
                message: "says neither a message nor `= none`".to_owned(),
            });
        }
        Ok(dialogue)
    }

    /// Everything that the client sends.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.flights.iter().flat_map(|f| f.sent.clone()).collect()
    }

    /// Everything that the server answers.
    pub(crate) fn replies(&self) -> Vec<Reply> {
        self.flights
            .iter()
            .flat_map(|f| f.replies.clone())
            .collect()
    }

    fn take(&mut self, line: &str, place: &mut Place) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if self.closes {
            return Err("nothing but comments follows X".to_owned());
        }
        if line == "X" {
            self.closes = true;
            return Ok(());
        }
        if let Some(setting) = line.strip_prefix("! ") {
            self.settings.push(pair(setting)?);
            return Ok(());
        }
        if let Some(verdict) = line.strip_prefix("? ") {
            let (question, reply) = pair(verdict)?;
            self.verdicts.push(Verdict { question, reply });
            return Ok(());
        }
        if let Some(envelope) = line.strip_prefix("E: ") {
            place.envelope = Some(envelope.to_owned());
            return Ok(());
        }
        if let Some(message) = line.strip_prefix("= ") {
            place.outcome_said = true;
            if message != "none" {
                let body = octets_of(message)?;
                let envelope = place.envelope.take();
                self.messages.push(Message { envelope, body });
            }
            return Ok(());
        }
        self.speak(line)
    }

    /// Takes a line of the client or the server.
    fn speak(&mut self, line: &str) -> Result<(), String> {
        // `C>` needs no colon unless a number stands in front of it.
        let (head, text) = match line.strip_prefix("C> ") {
            Some(text) => ("C>", text),
            None => line
                .split_once(':')
                .map(|(head, text)| (head, text.strip_prefix(' ').unwrap_or(text)))
                .ok_or("not understood")?,
        };
        let (kind, times) = match head.split_once('*') {
            Some((kind, times)) => (kind, times.parse().map_err(|_| "not a number behind *")?),
            None => (head, 1),
        };
        match kind {
            "C" => self.send(&format!("{text}\r\n").into_bytes().repeat(times)),
            "C>" => self.send(&unescape(text)?.repeat(times)),
            "S" | "S+" => {
                let reply = Reply {
                    pattern: text.to_owned(),
                    repeats: kind == "S+",
                };
                let replies = std::iter::repeat_n(reply, times);
                if let Some(flight) = self.flights.last_mut() {
                    flight.replies.extend(replies);
                }
            }
            _ => return Err("not understood".to_owned()),
        }
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) {
        let first = self.flights.len() == 1;
        match self.flights.last_mut() {
            Some(flight) if flight.replies.is_empty() && !first => {
                flight.sent.extend_from_slice(octets);
            }
            _ => self.flights.push(Flight {
                sent: octets.to_vec(),
                replies: Vec::new(),
            }),
        }
    }
}

/// What earlier lines left for later ones.
#[derive(Default)]
struct Place {
    envelope: Option<String>,
    outcome_said: bool,
}

/// Whether these lines, without their CRLF, are what was expected.
pub(crate) fn replies_match(expected: &[Reply], lines: &[&str]) -> bool {
    match (expected, lines) {
        ([], lines) => lines.is_empty(),
        (_, []) => false,
        ([reply, others @ ..], [line, rest @ ..]) => {
            wildcard(&reply.pattern, line)
                && (replies_match(others, rest) || (reply.repeats && replies_match(expected, rest)))
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.repeats { "S+" } else { "S" };
        write!(f, "{mark}: {}", self.pattern)
    }
}

fn wildcard(pattern: &str, line: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == line,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            let ends = line.char_indices().map(|(at, _)| at).chain([line.len()]);
            ends.into_iter().any(|at| wildcard(rest, &line[at..]))
        }),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(" = ").ok_or("no ` = ` in it")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// Strings in quotes, each with an optional `*` and a number; a quote inside is `\x22`.
fn octets_of(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (inner, behind) = rest
            .strip_prefix('"')
            .and_then(|text| text.split_once('"'))
            .ok_or("not a string in quotes")?;
        let (times, behind) = match behind.strip_prefix('*') {
            Some(number) => number.split_once(' ').unwrap_or((number, "")),
            None => ("1", behind),
        };
        let times = times.parse().map_err(|_| "not a number behind *")?;
        octets.extend(unescape(inner)?.repeat(times));
        rest = behind.trim_start();
    }
    Ok(octets)
}

fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('\\') {
        octets.extend_from_slice(plain.as_bytes());
        let (octet, length) = match escaped.as_bytes() {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'0', ..] => (0, 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', ..] => {
                let digits = escaped.get(1..3).ok_or("two digits follow \\x")?;
                let octet = u8::from_str_radix(digits, 16).map_err(|e| e.to_string())?;
                (octet, 3)
            }
            _ => return Err("unknown escape".to_owned()),
        };
        octets.push(octet);
        rest = &escaped[length..];
    }
    octets.extend_from_slice(rest.as_bytes());
    Ok(octets)
}
