//! The commands of a run, written once: no message makes its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plan::{Dialogue, Login, Mechanism};

/// The longest address in octets that fits a command line (RFC 5321, section 4.5.3.1.3, and the
/// room that SMTPUTF8 adds).
const MOST_ADDRESS: usize = 1024;
/// The most recipients of a message, ten times what RFC 5321, section 4.5.3.1.8, lets one count on.
pub const MOST_RECIPIENTS: u32 = 1000;

#[derive(Debug)]
pub(super) struct Commands {
    pub(super) ehlo: Vec<u8>,
    pub(super) helo: Vec<u8>,
    /// MAIL, and what it is with BODY=8BITMIME.
    pub(super) mail: Vec<u8>,
    pub(super) mail_eight_bit: Vec<u8>,
    pub(super) recipients: Vec<Vec<u8>>,
    /// The same in one piece, for PIPELINING.
    pub(super) all_recipients: Vec<u8>,
    pub(super) login: Option<LoginLines>,
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
    /// Sender or recipient.
    #[error("{0:?} is no address: a part before @, one after it, no spaces, no < or >")]
    Address(String),
    /// They need SMTPUTF8.
    #[error("{0:?} has letters beyond ASCII, which only SMTPUTF8 carries")]
    NotAscii(String),
    /// More than [`MOST_RECIPIENTS`].
    #[error("a message has at most {MOST_RECIPIENTS} recipients, not {0}")]
    Recipients(u32),
    /// A user or password with a zero octet, or of a length that fits no line.
    #[error("user and password have no zero octet and together at most 512 octets")]
    Login,
}

impl Commands {
    pub(super) fn new(dialogue: &Dialogue, login: Option<&Login>) -> Result<Self, DialogueError> {
        let helo = &dialogue.helo;
        let plain = |letter: char| !letter.is_control() && !letter.is_whitespace();
        if helo.is_empty() || helo.len() > MOST_ADDRESS || !helo.chars().all(plain) {
            return Err(DialogueError::Helo(helo.clone()));
        }
        let count = dialogue.recipients.get();
        if count > MOST_RECIPIENTS {
            return Err(DialogueError::Recipients(count));
        }
        // The empty reverse path is that of bounces.
        let sender = match &dialogue.sender[..] {
            "" => String::new(),
            sender => address(sender, dialogue.smtputf8, "")?,
        };
        let utf8 = if dialogue.smtputf8 { " SMTPUTF8" } else { "" };
        let recipients: Vec<Vec<u8>> = (0..count)
            .map(|index| {
                let tag = match index {
                    0 => String::new(),
                    index => format!("+{index}"),
                };
                let address = address(&dialogue.recipient, dialogue.smtputf8, &tag)?;
                Ok(format!("RCPT TO:<{address}>\r\n").into_bytes())
            })
            .collect::<Result<_, DialogueError>>()?;
        Ok(Self {
            ehlo: format!("EHLO {helo}\r\n").into_bytes(),
            helo: format!("HELO {helo}\r\n").into_bytes(),
            mail: format!("MAIL FROM:<{sender}>{utf8}\r\n").into_bytes(),
            mail_eight_bit: format!("MAIL FROM:<{sender}> BODY=8BITMIME{utf8}\r\n").into_bytes(),
            all_recipients: recipients.concat(),
            recipients,
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

/// An address with a tag behind its local part; with letters beyond ASCII if they are wished for.
fn address(address: &str, smtputf8: bool, tag: &str) -> Result<String, DialogueError> {
    let no_address = || DialogueError::Address(address.to_owned());
    let unfit =
        |letter: char| letter.is_control() || letter.is_whitespace() || "<>".contains(letter);
    if address.len() > MOST_ADDRESS || address.contains(unfit) {
        return Err(no_address());
    }
    let (local, domain) = address.rsplit_once('@').ok_or_else(no_address)?;
    if local.is_empty() || domain.is_empty() {
        return Err(no_address());
    }
    match (address.is_ascii(), smtputf8) {
        (true, true) => Ok(format!("{local}{tag}+ü@{domain}")),
        (false, false) => Err(DialogueError::NotAscii(address.to_owned())),
        _ => Ok(format!("{local}{tag}@{domain}")),
    }
}
