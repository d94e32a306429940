//! The commands of a run, written once: no message makes its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plan::{self, Dialogue, Login, Mechanism, Recipients, RecipientsError};

#[derive(Debug)]
pub(super) struct Commands {
    pub(super) ehlo: Vec<u8>,
    pub(super) helo: Vec<u8>,
    /// MAIL, and what it is with BODY=8BITMIME.
    pub(super) mail: Vec<u8>,
    pub(super) mail_eight_bit: Vec<u8>,
    pub(super) recipients: RecipientCommands,
    pub(super) login: Option<LoginLines>,
}

/// The longest name in EHLO, in octets: it fits a command line.
const MOST_HELO: usize = 1024;

/// RCPT for each address, in the order in which messages take turns.
#[derive(Debug)]
pub(super) struct RecipientCommands {
    recipients: Recipients,
    octets: Vec<u8>,
    /// Where each begins, and where the last ends. As many as a message has less one follow again
    /// behind the last address, so that those of any message lie together.
    starts: Vec<usize>,
}

impl RecipientCommands {
    fn new(recipients: Recipients) -> Self {
        let mailboxes = recipients.mailboxes().get();
        let mut octets = Vec::new();
        let mut starts = vec![0];
        for turn in 0..mailboxes + recipients.each().get() - 1 {
            let address = recipients.address(turn % mailboxes);
            octets.extend_from_slice(format!("RCPT TO:<{address}>\r\n").as_bytes());
            starts.push(octets.len());
        }
        Self {
            recipients,
            octets,
            starts,
        }
    }

    /// Whom they name.
    pub(super) fn recipients(&self) -> &Recipients {
        &self.recipients
    }

    /// How many a message has.
    pub(super) fn each(&self) -> usize {
        self.recipients.each().get() as usize
    }

    /// Those of a message, one by one.
    pub(super) fn of(&self, message: u64) -> impl Iterator<Item = &[u8]> {
        self.bounds(message)
            .windows(2)
            .map(|bounds| &self.octets[bounds[0]..bounds[1]])
    }

    /// Those of a message in one piece, for PIPELINING.
    pub(super) fn all_of(&self, message: u64) -> &[u8] {
        match self.bounds(message) {
            [start, .., end] => &self.octets[*start..*end],
            _ => &[],
        }
    }

    fn bounds(&self, message: u64) -> &[usize] {
        let first = self.recipients.first_mailbox_of(message) as usize;
        &self.starts[first..=first + self.each()]
    }
}

/// What a login says.
#[derive(Debug)]
pub(super) struct LoginLines {
    /// As EHLO announces it.
    pub(super) mechanism: &'static str,
    pub(super) command: Vec<u8>,
    /// The answers to the challenges, in order.
    pub(super) answers: Vec<Vec<u8>>,
}

/// A dialogue that cannot be held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DialogueError {
    /// The name for EHLO.
    #[error("{0:?} is no name for EHLO: printable characters without spaces are")]
    Helo(String),
    /// Sender or recipients.
    #[error(transparent)]
    Addresses(#[from] RecipientsError),
    /// A user or password with a zero octet, or of a length that fits no line.
    #[error("user and password have no zero octet and together at most 512 octets")]
    Login,
}

impl Commands {
    pub(super) fn new(dialogue: &Dialogue, login: Option<&Login>) -> Result<Self, DialogueError> {
        let helo = &dialogue.helo;
        let plain = |letter: char| !letter.is_control() && !letter.is_whitespace();
        if helo.is_empty() || helo.len() > MOST_HELO || !helo.chars().all(plain) {
            return Err(DialogueError::Helo(helo.clone()));
        }
        // The empty reverse path is that of bounces.
        let sender = match &dialogue.sender[..] {
            "" => String::new(),
            sender => plan::worded(sender, dialogue.smtputf8)?,
        };
        let utf8 = if dialogue.smtputf8 { " SMTPUTF8" } else { "" };
        Ok(Self {
            ehlo: format!("EHLO {helo}\r\n").into_bytes(),
            helo: format!("HELO {helo}\r\n").into_bytes(),
            mail: format!("MAIL FROM:<{sender}>{utf8}\r\n").into_bytes(),
            mail_eight_bit: format!("MAIL FROM:<{sender}> BODY=8BITMIME{utf8}\r\n").into_bytes(),
            recipients: RecipientCommands::new(Recipients::of(dialogue)?),
            login: login.map(LoginLines::new).transpose()?,
        })
    }
}

impl LoginLines {
    /// The most octets of user and password: the command must fit a line of RFC 4954, section 4.
    const MOST: usize = 512;

    fn new(login: &Login) -> Result<Self, DialogueError> {
        let Login {
            user,
            password,
            mechanism,
        } = login;
        if user.len() + password.len() > Self::MOST
            || user.contains('\0')
            || password.contains('\0')
        {
            return Err(DialogueError::Login);
        }
        let line = |text: &str| [STANDARD.encode(text).as_bytes(), b"\r\n"].concat();
        Ok(match mechanism {
            Mechanism::Plain => Self {
                mechanism: "PLAIN",
                command: [b"AUTH PLAIN ", &line(&format!("\0{user}\0{password}"))[..]].concat(),
                answers: Vec::new(),
            },
            Mechanism::Login => Self {
                mechanism: "LOGIN",
                command: b"AUTH LOGIN\r\n".to_vec(),
                answers: vec![line(user), line(password)],
            },
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    #[test]
    fn the_commands_of_a_message_are_those_of_its_recipients() {
        for (each, mailboxes) in [(1, 1), (1, 4), (3, 3), (3, 4), (4, 9)] {
            let count = |count| NonZeroU32::new(count).unwrap();
            let recipients = Recipients::new("a@b.example", count(each), count(mailboxes)).unwrap();
            let commands = RecipientCommands::new(recipients.clone());
            for message in 0..20 {
                let expected: Vec<String> = recipients
                    .addresses(message)
                    .map(|address| format!("RCPT TO:<{address}>\r\n"))
                    .collect();
                assert_eq!(commands.all_of(message), expected.concat().as_bytes());
                let one_by_one: Vec<&[u8]> = commands.of(message).collect();
                assert_eq!(one_by_one.concat(), expected.concat().as_bytes());
                assert_eq!(one_by_one.len(), commands.each());
            }
        }
    }
}
