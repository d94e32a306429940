//! `prixfixe healthcheck`.

mod stream;

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use clap::Args;
use socket2::{Domain, SockAddr, Socket, Type};

use stream::Stream;

use crate::cli::{GlobalFlags, Outcome};
use crate::commands::check_config;
use crate::config::{self, Duration, ListenAddress, Listener, ListenerTls, Protocol, Sources};

/// Ask a running server for its greeting, EHLO and QUIT
///
/// Asks the first listener of the settings that `serve` would read, in its protocol, with LHLO where
/// that is LMTP, and under TLS where it speaks nothing else. The certificate is not verified: the
/// server is asked on its own address. Exit code 0 and no output when it answers as it should, else
/// 1 and a line that says what went wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe healthcheck --config prixfixe.toml\n          \
    prixfixe healthcheck --address unix:/run/prixfixe.sock --timeout 2s"
)]
pub(crate) struct Healthcheck {
    /// Ask IP:PORT or unix:PATH; with it no settings are read
    #[arg(long, value_name = "ADDRESS")]
    address: Option<ListenAddress>,

    /// The address given by --address speaks TLS from the first octet on
    #[arg(long, requires = "address")]
    implicit_tls: bool,

    /// The address given by --address speaks LMTP
    #[arg(long, requires = "address")]
    lmtp: bool,

    /// How long the whole check may take
    #[arg(long, value_name = "TIME", default_value = "5s")]
    timeout: Duration,
}

impl Healthcheck {
    /// Asks the server.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        let target = match &self.address {
            Some(address) => Target::of(address).map(|target| Target {
                implicit_tls: self.implicit_tls,
                lmtp: self.lmtp,
                ..target
            }),
            None => {
                let sources = Sources {
                    file: global.settings_file(),
                    environment: std::env::vars_os().collect(),
                    flags: Vec::new(),
                };
                match config::load(&sources) {
                    Ok(loaded) => loaded.settings.listeners.first().and_then(Target::listener),
                    Err(faults) => {
                        check_config::show(faults.findings(), "")?;
                        return Ok(Outcome::Misused);
                    }
                }
            }
        };
        let Some(target) = target else {
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
    implicit_tls: bool,
    lmtp: bool,
    /// Whoever asks from here has to say first for whom.
    proxy_header: bool,
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
        Some(Self {
            name,
            address,
            implicit_tls: false,
            lmtp: false,
            proxy_header: false,
        })
    }

    fn listener(listener: &Listener) -> Option<Self> {
        let target = Self::of(&listener.address)?;
        // A machine that connects to an address of its own does so from that address.
        let asker = match &listener.address {
            ListenAddress::Tcp(address) => Some(reachable(*address)),
            ListenAddress::Unix(_) | ListenAddress::Inherited(_) => None,
        };
        let mut proxies = listener.proxy_protocol.iter();
        Some(Self {
            implicit_tls: listener.tls == ListenerTls::Implicit,
            lmtp: listener.protocol == Protocol::Lmtp,
            proxy_header: proxies.any(|pattern| pattern.matches(asker)),
            ..target
        })
    }

    fn check(&self, deadline: Deadline) -> Result<(), Unhealthy> {
        let address = self
            .address
            .as_ref()
            .map_err(|error| Unhealthy::Connect(error.to_string()))?;
        let connected = connect(address, deadline);
        let mut socket = connected.map_err(|error| Unhealthy::Connect(plain(&error)))?;
        if self.proxy_header {
            let sent = socket.write_all(b"PROXY UNKNOWN\r\n");
            sent.map_err(Unhealthy::lost("the PROXY header"))?;
        }
        let stream = if self.implicit_tls {
            Stream::secure(socket).map_err(Unhealthy::lost("the TLS handshake"))?
        } else {
            Stream::Plain(socket)
        };
        let mut dialogue = Dialogue {
            stream,
            deadline,
            unread: Vec::new(),
        };
        dialogue.expect("the greeting", 220)?;
        let (hello, line) = if self.lmtp {
            ("LHLO", "LHLO localhost\r\n")
        } else {
            ("EHLO", "EHLO localhost\r\n")
        };
        dialogue.send(line).map_err(Unhealthy::lost(hello))?;
        dialogue.expect(hello, 250)?;
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
    stream: Stream,
    deadline: Deadline,
    unread: Vec<u8>,
}

impl Dialogue {
    fn send(&mut self, command: &str) -> io::Result<()> {
        self.stream.set_timeout(self.deadline)?;
        self.stream.write_all(command.as_bytes())
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
            self.stream.set_timeout(self.deadline)?;
            let mut buffer = [0; 1024];
            match self.stream.read(&mut buffer)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.unread.extend_from_slice(&buffer[..count]),
            }
        }
    }
}

/// A reply has tens of lines at most, each of at most 512 bytes (RFC 5321, section 4.5.3.1.5).
const REPLY_BYTES: usize = 16 * 1024;
