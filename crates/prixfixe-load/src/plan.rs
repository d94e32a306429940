//! What a run is to do, all of it fixed before it begins.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::schedule::Schedule;

pub use crate::run_id::{NoRunId, RunId};
pub use crate::size::{MessageSize, Share, SizeError, SizeMix};

mod recipients;

pub(crate) use recipients::worded;
pub use recipients::{Recipients, RecipientsError};

/// A run: where to, when, what, and how. It is kept in the result as it is, but for passwords.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The name of the run; every message carries it.
    pub run: RunId,
    /// `host:port` of the servers; workers are spread over them evenly, and where there are fewer of
    /// them they go from one server to the next.
    pub targets: Vec<String>,
    /// When messages start.
    pub schedule: Schedule,
    /// How many messages are on their way at most, each on a connection of its own. A worker keeps one
    /// connection, or one to each of its servers where there are fewer workers than servers.
    pub workers: usize,
    /// How many messages a connection carries before it ends with QUIT; as many as come if `None`.
    pub per_connection: Option<NonZeroU32>,
    /// What is sent.
    pub contents: Contents,
    /// Who talks to whom, and by which commands.
    pub dialogue: Dialogue,
    /// Whether and how connections are encrypted.
    pub tls: Tls,
    /// Who logs in, if anybody.
    pub login: Option<Login>,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// Where it is written down how each message was answered, if it is.
    pub ledger: Option<PathBuf>,
    /// The number of the first message: parts of one run have numbers of their own.
    pub first_number: u64,
    /// How many threads generate; if `None`, one for each processor, or one for every two where a
    /// target is on this machine.
    pub threads: Option<usize>,
}

impl Plan {
    /// The most workers: more than the ports of one address to one server.
    pub const MOST_WORKERS: usize = 65_536;

    /// A plan with everything but its targets, schedule and workers as usual: 10 KB, plain, one
    /// recipient, connections that last.
    pub fn new(targets: Vec<String>, schedule: Schedule, workers: usize) -> Self {
        Self {
            run: RunId::random(),
            targets,
            schedule,
            workers,
            per_connection: None,
            contents: Contents::Made(SizeMix::only(MessageSize::MEDIUM)),
            dialogue: Dialogue::default(),
            tls: Tls::None,
            login: None,
            timeouts: Timeouts::default(),
            ledger: None,
            first_number: 0,
            threads: None,
        }
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contents {
    /// Messages that are made, of these sizes.
    Made(SizeMix),
    /// The files of a folder that end in `.eml`, in turn, each with label and message id in front.
    Corpus(PathBuf),
}

/// Who talks to whom, and by which commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dialogue {
    /// The name in EHLO.
    pub helo: String,
    /// The reverse path, without brackets.
    pub sender: String,
    /// The first recipient; the others get `+1`, `+2`, … after their local part.
    pub recipient: String,
    /// How many recipients a message has.
    pub recipients: NonZeroU32,
    /// Over how many addresses messages are spread, in turn; each goes to the same ones if `None`.
    /// Only where they differ can a message that was stored for another's recipient be seen.
    pub mailboxes: Option<NonZeroU32>,
    /// Whether MAIL, RCPT and DATA go in one write where the server announces PIPELINING.
    pub pipelining: bool,
    /// Whether bodies go by BDAT, and in chunks of how many octets; `None` is DATA.
    pub chunk_octets: Option<NonZeroU32>,
    /// Whether MAIL says SMTPUTF8, and addresses and subject have letters beyond ASCII.
    pub smtputf8: bool,
}

impl Default for Dialogue {
    fn default() -> Self {
        Self {
            helo: "load.example".to_owned(),
            sender: "load@load.example".to_owned(),
            recipient: "recipient@example.com".to_owned(),
            recipients: NonZeroU32::MIN,
            mailboxes: None,
            pipelining: false,
            chunk_octets: None,
            smtputf8: false,
        }
    }
}

/// Whether and how connections are encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// In the clear.
    None,
    /// After STARTTLS.
    StartTls(TlsTerms),
    /// From the first octet.
    Implicit(TlsTerms),
}

/// On which terms a connection is encrypted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TlsTerms {
    /// Whom to believe.
    pub trust: Trust,
    /// The name that is sent and that the certificate must bear; the host of the target if `None`.
    pub server_name: Option<String>,
    /// Whether a session is taken up again where the server gave a ticket.
    pub resume: bool,
}

/// Whom a client believes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// The authorities that the system trusts.
    System,
    /// The certificates of a PEM file.
    File(PathBuf),
    /// Anybody. For servers under test, and nothing else.
    Anybody,
}

/// A login. Neither its debug print nor a result shows the password.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    #[serde(skip)]
    pub password: String,
    /// How.
    pub mechanism: Mechanism,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("user", &self.user)
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum Mechanism {
    /// RFC 4616.
    #[default]
    Plain,
    /// User and password in two answers, as old clients do.
    Login,
}

/// How long each step may take before it is a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// To connect.
    pub connect: Duration,
    /// From the connection to its greeting.
    pub banner: Duration,
    /// A TLS handshake.
    pub tls: Duration,
    /// The reply to a command.
    pub command: Duration,
    /// From the last octet of a body to the reply.
    pub data_end: Duration,
    /// For what is under way when the run is over.
    pub grace: Duration,
}

/// Far below those of RFC 5321, section 4.5.3.2: who waits minutes for a reply measures nothing.
impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            banner: Duration::from_secs(30),
            tls: Duration::from_secs(30),
            command: Duration::from_secs(30),
            data_end: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}
