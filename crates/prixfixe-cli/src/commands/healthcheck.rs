//! `prixfixe healthcheck`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use clap::Args;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::cli::{GlobalFlags, Outcome};
use crate::commands::check_config;
use crate::config::{self, Duration, ListenAddress, Sources};

/// Ask a running server for its greeting, EHLO and QUIT
///
/// Asks the first listener of the settings that `serve` would read. Exit code 0 and no output
/// when it answers as it should, else 1 and a line that says what went wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe healthcheck --config prixfixe.toml\n          \
    prixfixe healthcheck --address unix:/run/prixfixe.sock --timeout 2s"
)]
pub(crate) struct Healthcheck {
    /// Ask IP:PORT or unix:PATH; with it no settings are read
    #[arg(long, value_name = "ADDRESS")]
    address: Option<ListenAddress>,

    /// How long the whole check may take
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout: Duration,
}

impl Healthcheck {
    /// Asks the server.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        let address = match self.address {
            Some(address) => Some(address),
            None => {
                let sources = Sources {
                    file: global.settings_file(),
                    environment: std::env::vars_os().collect(),
                    flags: Vec::new(),
                };
                match config::load(&sources) {
                    Ok(loaded) => loaded
                        .settings
                        .listeners
                        .into_iter()
                        .next()
                        .map(|l| l.address),
                    Err(faults) => {
                        check_config::show(faults.findings(), "")?;
                        return Ok(Outcome::Misused);
                    }
                }
            }
        };
        let Some(target) = address.as_ref().and_then(Target::of) else {
            let text = "the listener has no address of its own; give one by --address";
            writeln!(io::stderr(), "prixfixe healthcheck: {text}")?;
            return Ok(Outcome::Misused);
        };
        let checked = target.check(Deadline(Instant::now() + self.timeout.get()));
        // Text alone: a server that hangs up must not pass for a reader of our output who did.
        checked.map_err(|error| io::Error::other(format!("{}: {error}", target.name)))?;
        Ok(Outcome::Done)
    }
}

/// A server that can be asked.
struct Target {
    name: String,
    address: io::Result<SockAddr>,
}

impl Target {
    /// `None` where the address is known to the service manager alone.
    fn of(address: &ListenAddress) -> Option<Self> {
        let (name, address) = match address {
            ListenAddress::Tcp(address) => {
                let address = reachable(*address);
                (address.to_string(), Ok(address.into()))
            }
            ListenAddress::Unix(path) => (address.to_string(), SockAddr::unix(path)),
            ListenAddress::Inherited(_) => return None,
        };
        Some(Self { name, address })
    }

    fn check(&self, deadline: Deadline) -> Result<(), Unhealthy> {
        let address = self
            .address
            .as_ref()
            .map_err(|error| Unhealthy::Connect(error.to_string()))?;
        let connected = connect(address, deadline);
        let socket = connected.map_err(|error| Unhealthy::Connect(plain(&error)))?;
        let mut dialogue = Dialogue {
            socket,
            deadline,
            unread: Vec::new(),
        };
        dialogue.expect("the greeting", 220)?;
        dialogue
            .send("EHLO localhost\r\n")
            .map_err(Unhealthy::lost("EHLO"))?;
        dialogue.expect("EHLO", 250)?;
        dialogue.send("QUIT\r\n").map_err(Unhealthy::lost("QUIT"))?;
        dialogue.expect("QUIT", 221)
    }
}

/// A server that listens on all addresses is asked on the loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    address
}

fn connect(address: &SockAddr, deadline: Deadline) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::from(i32::from(address.family())),
        Type::STREAM,
        None,
    )?;
    socket.connect_timeout(address, deadline.left()?)?;
    Ok(socket)
}

/// Why a server is not healthy.
#[derive(Debug, thiserror::Error)]
enum Unhealthy {
    #[error("cannot connect: {0}; is the server running?")]
    Connect(String),
    #[error("no answer to {stage}: {reason}")]
    Lost { stage: &'static str, reason: String },
    #[error("{stage} was answered with {reply:?}")]
    Reply { stage: &'static str, reply: String },
}

impl Unhealthy {
    fn lost(stage: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Lost {
            stage,
            reason: plain(&error),
        }
    }
}

/// An error in words; a time-out has several names.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "timed out".to_owned(),
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        _ => error.to_string(),
    }
}

/// The end of the whole check.
#[derive(Debug, Clone, Copy)]
struct Deadline(Instant);

impl Deadline {
    fn left(self) -> io::Result<std::time::Duration> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Ok(left)
        }
    }
}

/// A connection on which commands and replies take turns.
struct Dialogue {
    socket: Socket,
    deadline: Deadline,
    unread: Vec<u8>,
}

impl Dialogue {
    fn send(&mut self, command: &str) -> io::Result<()> {
        self.socket.set_write_timeout(Some(self.deadline.left()?))?;
        self.socket.write_all(command.as_bytes())
    }

    fn expect(&mut self, stage: &'static str, code: u16) -> Result<(), Unhealthy> {
        let reply = self.read_reply().map_err(Unhealthy::lost(stage))?;
        if reply.starts_with(&code.to_string()) {
            return Ok(());
        }
        Err(Unhealthy::Reply { stage, reply })
    }

    /// The last line of a reply (RFC 5321, section 4.2.1).
    fn read_reply(&mut self) -> io::Result<String> {
        let mut read = 0;
        loop {
            let line = self.read_line()?;
            read += line.len();
            let goes_on = line.get(3) == Some(&b'-');
            if !goes_on {
                return Ok(String::from_utf8_lossy(&line).into_owned());
            }
            if read > REPLY_BYTES {
                return Err(io::Error::other("the reply does not end"));
            }
        }
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                line.truncate(line.trim_ascii_end().len());
                return Ok(line);
            }
            if self.unread.len() > REPLY_BYTES {
                return Err(io::Error::other("the reply does not end"));
            }
            self.socket.set_read_timeout(Some(self.deadline.left()?))?;
            let mut buffer = [0; 1024];
            match self.socket.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// A reply has tens of lines at most, each of at most 512 bytes (RFC 5321, section 4.5.3.1.5).
const REPLY_BYTES: usize = 16 * 1024;
