//! A server that behaves, but for what a test tells it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use prixfixe_load::generator;
use prixfixe_load::generator::Live;
use prixfixe_load::plan::Plan;
use prixfixe_load::result::Measurement;
use prixfixe_load::schedule::Schedule;

/// A server on loopback, each connection with a thread of its own. It ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

/// A socket, in the clear or not.
pub(crate) trait Socket: Read + Write {}
impl<T: Read + Write> Socket for T {}

impl Server {
    /// Answers each connection with `serve`, which is told how many came before.
    pub(crate) fn start(serve: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(stream, number));
            }
        });
        Self {
            address,
            connections,
        }
    }

    /// A server whose dialogues go as `hook` says.
    pub(crate) fn scripted(hook: impl Fn(Moment<'_>) -> Act + Send + Sync + 'static) -> Self {
        Self::start(move |stream, connection| {
            // A client that goes away is what many tests are about.
            let _ = converse(stream, connection, OFFERS, &hook);
        })
    }

    pub(crate) fn target(&self) -> String {
        self.address.to_string()
    }

    /// How many connections came so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

pub(crate) const OFFERS: &str = "250-scripted.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250 AUTH PLAIN LOGIN\r\n";

/// A point of a dialogue at which a test may say what happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// How many connections came before this one.
    pub(crate) connection: usize,
    /// How many messages were accepted on it before.
    pub(crate) message: usize,
    pub(crate) at: At,
    /// The command; at the end of a body, the message as it was meant.
    pub(crate) octets: &'a [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    Banner,
    Ehlo,
    StartTls,
    Auth,
    Mail,
    Rcpt,
    Data,
    DataEnd,
    Quit,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    /// What a server that works says.
    Usual,
    /// These octets, and on.
    Say(&'static str),
    /// These octets, and the end of the connection.
    SayAndClose(&'static str),
    /// The end of the connection.
    Close,
    /// A reset.
    Reset,
    /// Nothing any more, until the client goes.
    Silence,
}

/// A dialogue in turn; what is pipelined is answered one by one.
pub(crate) fn converse<S: Socket + Resettable>(
    stream: S,
    connection: usize,
    offers: &str,
    hook: &dyn Fn(Moment<'_>) -> Act,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut message = 0;
    let mut chunks = Vec::new();
    let turn = |stream: &mut BufReader<S>, message, at, octets: &[u8], usual: &str| {
        let moment = Moment {
            connection,
            message,
            at,
            octets,
        };
        perform(stream, &hook(moment), usual)
    };
    turn(
        &mut stream,
        message,
        At::Banner,
        b"",
        "220 scripted.example\r\n",
    )?;
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let verb: String = String::from_utf8_lossy(&line)
            .split_ascii_whitespace()
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        let (at, usual) = match &verb[..] {
            "EHLO" => (At::Ehlo, offers),
            "HELO" => (At::Ehlo, "250 scripted.example\r\n"),
            "STARTTLS" => (At::StartTls, "220 go\r\n"),
            "AUTH" => (At::Auth, "235 in\r\n"),
            "MAIL" => (At::Mail, "250 ok\r\n"),
            "RCPT" => (At::Rcpt, "250 ok\r\n"),
            "DATA" => (At::Data, "354 go\r\n"),
            "QUIT" => (At::Quit, "221 bye\r\n"),
            "BDAT" => {
                let text = String::from_utf8_lossy(&line).into_owned();
                let words: Vec<&str> = text.split_ascii_whitespace().collect();
                let mut chunk = vec![0; words[1].parse().unwrap()];
                stream.read_exact(&mut chunk)?;
                chunks.extend_from_slice(&chunk);
                if words.get(2) == Some(&"LAST") {
                    let whole = std::mem::take(&mut chunks);
                    turn(&mut stream, message, At::DataEnd, &whole, "250 stored\r\n")?;
                    message += 1;
                } else {
                    stream.get_mut().write_all(b"250 go on\r\n")?;
                }
                continue;
            }
            _ => {
                stream.get_mut().write_all(b"250 ok\r\n")?;
                continue;
            }
        };
        let wants_body = turn(&mut stream, message, at, &line, usual)?;
        if wants_body {
            let body = read_body(&mut stream)?;
            turn(&mut stream, message, At::DataEnd, &body, "250 stored\r\n")?;
            message += 1;
        }
        if at == At::Quit {
            return Ok(());
        }
    }
}

/// Does it; whether it asks for a body.
fn perform<S: Socket + Resettable>(
    stream: &mut BufReader<S>,
    act: &Act,
    usual: &str,
) -> io::Result<bool> {
    let over = || Err(io::ErrorKind::ConnectionAborted.into());
    match act {
        Act::Usual => say(stream, usual),
        Act::Say(text) => say(stream, text),
        Act::SayAndClose(text) => {
            stream.get_mut().write_all(text.as_bytes())?;
            over()
        }
        Act::Close => over(),
        Act::Reset => {
            stream.get_mut().reset();
            over()
        }
        Act::Silence => {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest)?;
            over()
        }
    }
}

fn say<S: Socket>(stream: &mut BufReader<S>, text: &str) -> io::Result<bool> {
    stream.get_mut().write_all(text.as_bytes())?;
    Ok(text.starts_with("354"))
}

/// A socket that can be ended rudely.
pub(crate) trait Resettable {
    fn reset(&mut self);
}

impl Resettable for TcpStream {
    fn reset(&mut self) {
        let socket = socket2::SockRef::from(&*self);
        socket.set_linger(Some(Duration::ZERO)).unwrap();
    }
}

impl Resettable for rustls::StreamOwned<rustls::ServerConnection, TcpStream> {
    fn reset(&mut self) {
        self.sock.reset();
    }
}

/// A body, its dots undoubled and without the one that ends it.
fn read_body<S: Socket>(stream: &mut BufReader<S>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let start = body.len();
        if stream.read_until(b'\n', &mut body)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if body[start..] == *b".\r\n" {
            body.truncate(start);
            return Ok(body);
        }
        if body[start] == b'.' {
            body.remove(start);
        }
    }
}

/// Messages one after the other, of the smallest size, with time-outs that no test waits for.
pub(crate) fn closed(server: &Server, messages: u64, workers: usize) -> Plan {
    let schedule = Schedule::Closed {
        messages: Some(messages),
        lasts: None,
    };
    let mut plan = Plan::new(vec![server.target()], schedule, workers);
    plan.contents = prixfixe_load::plan::Contents::Made("512".parse().unwrap());
    plan
}

pub(crate) fn run(plan: &Plan) -> Measurement {
    let recording = generator::run(plan, &Live::new()).unwrap();
    recording.measurement(plan)
}

/// What a hook saw, to be looked at when the run is over.
pub(crate) type Seen<T> = Arc<Mutex<Vec<T>>>;
