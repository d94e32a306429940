//! Ways to the servers of a plan, found once.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

use super::alarm::Alarm;
use super::commands::Commands;
use super::connection::Connection;
use super::course::Course;
use super::fault::Fault;
use super::stream::Stream;
use super::tls;
use super::wire::Wire;
use super::{DialogueError, TlsError};
use crate::failure::Failure;
use crate::plan::{Plan, Recipients, Timeouts, Tls};
use crate::stage::Stage;

/// Opens connections to the targets of a plan, and says what the plan says on them.
#[derive(Debug)]
pub struct Connector {
    targets: Vec<Target>,
    pub(super) terms: Arc<Terms>,
}

/// A plan that nobody can be reached by.
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// There is none.
    #[error("there is no target; name at least one, as host:port")]
    NoTarget,
    /// It is none.
    #[error("{0:?} is no target; write host:port")]
    Target(String),
    /// Its host has no address.
    #[error("the address of {target}: {error}")]
    Address {
        /// The target.
        target: String,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// What is to be said cannot be.
    #[error(transparent)]
    Dialogue(#[from] DialogueError),
    /// The terms of encryption cannot be met.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// What is the same for all connections.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) commands: Commands,
    pub(super) timeouts: Timeouts,
    pub(super) encryption: Encryption,
    pub(super) pipelining: bool,
    pub(super) smtputf8: bool,
    /// How large the chunks of BDAT are, in octets.
    pub(super) chunk: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Encryption {
    None,
    StartTls(Arc<ClientConfig>),
    Implicit(Arc<ClientConfig>),
}

#[derive(Debug)]
struct Target {
    /// Not empty.
    addresses: Vec<SocketAddr>,
    /// The one that answered last.
    answering: AtomicUsize,
    /// For TLS alone.
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// Looks up the addresses of all targets and reads what TLS needs; that may block.
    pub fn new(plan: &Plan) -> Result<Self, ConnectorError> {
        let (encryption, terms) = match &plan.tls {
            Tls::None => (Encryption::None, None),
            Tls::StartTls(terms) => (Encryption::StartTls(tls::config(terms)?), Some(terms)),
            Tls::Implicit(terms) => (Encryption::Implicit(tls::config(terms)?), Some(terms)),
        };
        let targets: Vec<Target> = plan
            .targets
            .iter()
            .map(|target| {
                let (host, addresses) = addresses(target)?;
                let server_name = terms
                    .map(|terms| tls::server_name(terms.server_name.as_deref().unwrap_or(host)))
                    .transpose()?;
                Ok(Target {
                    addresses,
                    answering: AtomicUsize::new(0),
                    server_name,
                })
            })
            .collect::<Result<_, ConnectorError>>()?;
        if targets.is_empty() {
            return Err(ConnectorError::NoTarget);
        }
        let dialogue = &plan.dialogue;
        Ok(Self {
            targets,
            terms: Arc::new(Terms {
                commands: Commands::new(dialogue, plan.login.as_ref())?,
                timeouts: plan.timeouts,
                encryption,
                pipelining: dialogue.pipelining,
                smtputf8: dialogue.smtputf8,
                chunk: dialogue
                    .chunk_octets
                    .map(|octets| usize::try_from(octets.get()).unwrap_or(usize::MAX)),
            }),
        })
    }

    /// How many targets there are.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Who gets which message.
    pub(crate) fn recipients(&self) -> &Recipients {
        self.terms.commands.recipients.recipients()
    }

    /// Whether one of the targets is on this machine, and shares its processors with us.
    pub(crate) fn reaches_this_machine(&self) -> bool {
        let mut addresses = self.targets.iter().flat_map(|target| &target.addresses);
        addresses.any(|address| is_own(*address))
    }

    /// A connection to the target with this index (counted around), up to the point where a message
    /// can begin: greeting, TLS, EHLO and login are done.
    pub async fn open(&self, target: usize, course: &mut Course) -> Result<Connection, Failure> {
        let target = &self.targets[target % self.targets.len()];
        let (wire, connected) = self.connect(target, course).await?;
        Connection::begin(
            wire,
            &self.terms,
            target.server_name.as_ref(),
            connected,
            course,
        )
        .await
    }

    /// A connection and its greeting alone, and the code of that, whatever it is: what a server says
    /// to a client too many.
    pub async fn greeting(
        &self,
        target: usize,
        course: &mut Course,
    ) -> Result<(u16, Connection), Failure> {
        let target = &self.targets[target % self.targets.len()];
        let (wire, connected) = self.connect(target, course).await?;
        Connection::greeted(
            wire,
            &self.terms,
            target.server_name.as_ref(),
            connected,
            course,
        )
        .await
    }

    async fn connect(
        &self,
        target: &Target,
        course: &mut Course,
    ) -> Result<(Wire, Instant), Failure> {
        course.enter(Stage::Connect);
        let start = Instant::now();
        let deadline = start + self.terms.timeouts.connect;
        let mut alarm = Alarm::new(deadline);
        let first = target.answering.load(Ordering::Relaxed);
        let count = target.addresses.len();
        let mut last = None;
        for attempt in 0..count {
            let index = (first + attempt) % count;
            let connect = TcpStream::connect(target.addresses[index]);
            match alarm.guard(deadline, connect).await {
                Ok(stream) => {
                    if attempt > 0 {
                        target.answering.store(index, Ordering::Relaxed);
                    }
                    // Else the end of a body waits until the server has acknowledged its middle.
                    stream
                        .set_nodelay(true)
                        .map_err(|error| Fault::Io(error).at(Stage::Connect))?;
                    let connected = course.done(start);
                    return Ok((Wire::new(Stream::Clear(stream), alarm), connected));
                }
                Err(fault) => last = Some(fault),
            }
        }
        Err(last.unwrap_or(Fault::Expired).at(Stage::Connect))
    }
}

/// Whether an address is one of this machine: a socket can be bound to no other.
fn is_own(mut address: SocketAddr) -> bool {
    address.set_port(0);
    address.ip().is_loopback() || UdpSocket::bind(address).is_ok()
}

/// The host of a target, and where it is.
fn addresses(target: &str) -> Result<(&str, Vec<SocketAddr>), ConnectorError> {
    let no_target = || ConnectorError::Target(target.to_owned());
    let (host, port) = target.rsplit_once(':').ok_or_else(no_target)?;
    let port: u16 = port.parse().map_err(|_| no_target())?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    if host.is_empty() || port == 0 || (bare.is_none() && host.contains(':')) {
        return Err(no_target());
    }
    let failed = |error| ConnectorError::Address {
        target: target.to_owned(),
        error,
    };
    let addresses: Vec<SocketAddr> = (bare.unwrap_or(host), port)
        .to_socket_addrs()
        .map_err(failed)?
        .collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(
            io::ErrorKind::NotFound,
            "it has none",
        )));
    }
    Ok((host, addresses))
}
