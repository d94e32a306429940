//! A server for the tests of an application, and a client to talk to it.
//!
//! ```
//! use prixfixe::{Refusal, Stage, testkit::{Fault, TestServer}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut server = TestServer::start().await?;
//! let mut client = server.client();
//! client.greet().await?;
//! assert_eq!(client.send("a@example.org", "b@example.com", "Subject: x\r\n\r\nhi\r\n").await?.code, 250);
//! assert_eq!(server.mail().await.content, b"Subject: x\r\n\r\nhi\r\n");
//!
//! server.inject(Stage::Message, Fault::Refuse(Refusal::storage_full()));
//! assert_eq!(client.send("a@example.org", "b@example.com", "hi\r\n").await?.code, 452);
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(example())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`TestServer::client`] talks over memory, so in a test with tokio's clock stopped
//! (`#[tokio::test(start_paused = true)]`) time moves only by `tokio::time::advance`, or to the
//! next deadline when everybody waits. Programs under test connect to [`TestServer::address`].

use std::{
    collections::{HashMap, VecDeque},
    error::Error,
    future::pending,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream},
    sync::mpsc,
    task::JoinHandle,
};

use crate::{
    Body, Client, Counters, Domain, Envelope, ForwardPath, Handler, HeloName, Identity,
    ListenError, ListenerSettings, Mail, MessageVerdict, Refusal, Server, Settings, ShutdownHandle,
    Stage, TlsMode, Totals, Verdict,
    accept::take_on,
    server::Shared,
    stream::Stream,
    tls::{Certificate, Tls, TlsSettings},
};

/// Octets in flight between a [`TestClient`] and the server, each way.
const PIPE: usize = 64 << 10;

/// A server that runs until it is dropped and keeps what it accepts.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    handler: Arc<TestHandler>,
    accepted: mpsc::UnboundedReceiver<Mail>,
    counters: Arc<Counters>,
    shutdown: ShutdownHandle,
    serving: JoinHandle<()>,
}

/// What goes wrong at a stage.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Fault {
    /// The handler says no.
    Refuse(Refusal),
    /// The handler takes the message for some recipients only, in the order of the envelope; only
    /// at [`Stage::Message`].
    Each(Vec<Option<Refusal>>),
    /// The handler never answers.
    Stall,
    /// The handler panics.
    Panic,
}

impl TestServer {
    /// Starts a server on a free port of the loopback interface.
    pub async fn start() -> Result<Self, ListenError> {
        let domain = "test.example"
            .parse()
            .map_err(|_| ListenError::Address(String::new()))?;
        Self::start_with(Settings::new(domain)).await
    }

    /// The same under TLS, with a self-signed certificate for `test.example`;
    /// [`certificate`](Self::certificate) is what its clients trust.
    pub async fn start_tls(mode: TlsMode) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let domain: Domain = "test.example".parse()?;
        let certificate = Certificate::self_signed(&domain)?;
        let mut settings = Settings::new(domain);
        settings.tls = Some(Tls::new(TlsSettings::new(certificate))?);
        settings.session.tls = mode;
        Ok(Self::start_with(settings).await?)
    }

    /// The same with settings of one's own; their observer is replaced. Protocol, TLS and AUTH of
    /// the session are those of the listener as well.
    pub async fn start_with(mut settings: Settings) -> Result<Self, ListenError> {
        let counters = Arc::new(Counters::default());
        settings.observer = Arc::clone(&counters) as _;
        let listener = ListenerSettings {
            protocol: settings.session.protocol,
            tls: settings.session.tls,
            auth: settings.session.auth,
            ..ListenerSettings::default()
        };
        let mut server = Server::new(settings);
        let address = server.listen_tcp("127.0.0.1:0", listener)?;
        let (sender, accepted) = mpsc::unbounded_channel();
        let handler = Arc::new(TestHandler {
            faults: Mutex::default(),
            accepted: sender,
            number: AtomicU64::new(0),
        });
        let (shared, shutdown) = (server.shared(), server.shutdown_handle());
        let serve = server.serve(Arc::clone(&handler));
        let serving = tokio::spawn(async move {
            let _ = serve.await;
        });
        // The listener is bound; let the loop come up, so that a test sees no half-started server.
        tokio::task::yield_now().await;
        Ok(Self {
            address,
            shared,
            handler,
            accepted,
            counters,
            shutdown,
            serving,
        })
    }

    /// The certificate that it shows by default, in DER; nothing without TLS.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        let tls = self.shared.settings.tls.as_ref()?;
        tls.certificates()
            .first()
            .map(|certificate| certificate.der().to_vec())
    }

    /// Where programs connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client connected over memory.
    pub fn client(&self) -> TestClient {
        TestClient::new(&self.shared, &self.handler)
    }

    /// The next message that was accepted; waits for it.
    pub async fn mail(&mut self) -> Mail {
        match self.accepted.recv().await {
            Some(mail) => mail,
            // The handler holds the sender as long as this server lives.
            None => pending().await,
        }
    }

    /// The next message if there is one already.
    pub fn try_mail(&mut self) -> Option<Mail> {
        self.accepted.try_recv().ok()
    }

    /// Makes the next question at this stage go wrong; several are taken in turn.
    pub fn inject(&self, stage: Stage, fault: Fault) {
        let mut faults = self
            .handler
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        faults.entry(stage).or_default().push_back(fault);
    }

    /// What happened so far.
    pub fn totals(&self) -> Totals {
        self.counters.totals()
    }

    /// A handle that stops the server.
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        self.shutdown.clone()
    }

    /// Waits until the server has stopped.
    pub async fn stopped(&mut self) {
        let _ = (&mut self.serving).await;
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shutdown.force();
    }
}

/// A client over memory of a server with a handler of one's own. The server needs no listener and
/// need not be serving.
pub fn connect<H: Handler>(server: &Server, handler: &Arc<H>) -> TestClient {
    TestClient::new(&server.shared(), handler)
}

/// A client that speaks one command at a time.
#[derive(Debug)]
pub struct TestClient {
    stream: BufReader<DuplexStream>,
}

/// A reply of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code.
    pub code: u16,
    /// The text of each line.
    pub lines: Vec<String>,
}

impl TestClient {
    fn new<H: Handler>(shared: &Arc<Shared>, handler: &Arc<H>) -> Self {
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let config = Arc::new(shared.session_config().with_promises(handler.promises()));
        take_on(Stream::Memory(theirs), None, &config, handler, shared);
        Self {
            stream: BufReader::new(ours),
        }
    }

    /// Reads the banner and says EHLO.
    pub async fn greet(&mut self) -> io::Result<Reply> {
        self.reply().await?;
        self.command("EHLO client.example").await
    }

    /// Sends a line and reads the reply.
    pub async fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// Sends a message, whose lines end in CRLF, and returns the first reply that refuses
    /// something, or the last one.
    pub async fn send(&mut self, from: &str, to: &str, content: &str) -> io::Result<Reply> {
        for line in [
            format!("MAIL FROM:<{from}>"),
            format!("RCPT TO:<{to}>"),
            "DATA".to_owned(),
        ] {
            let reply = self.command(&line).await?;
            if reply.code >= 400 {
                return Ok(reply);
            }
        }
        let stuffed = content.replace("\r\n.", "\r\n..");
        let dot = if stuffed.starts_with('.') { "." } else { "" };
        self.write(format!("{dot}{stuffed}.\r\n").as_bytes())
            .await?;
        self.reply().await
    }

    /// Sends octets as they are.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets).await
    }

    /// The stream itself, for what no method here does: reading octets, or closing one direction.
    pub fn stream(&mut self) -> &mut BufReader<DuplexStream> {
        &mut self.stream
    }

    /// The stream alone, to speak TLS over for instance. What was read ahead is lost: nothing, if
    /// every reply was read.
    pub fn into_stream(self) -> DuplexStream {
        self.stream.into_inner()
    }

    /// Reads a reply; fails with `UnexpectedEof` when the server has closed the connection.
    pub async fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let line = line.trim_end();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let code = code.ok_or_else(|| io::Error::other(format!("no reply: {line}")))?;
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, lines });
            }
        }
    }
}

#[derive(Debug)]
struct TestHandler {
    faults: Mutex<HashMap<Stage, VecDeque<Fault>>>,
    accepted: mpsc::UnboundedSender<Mail>,
    number: AtomicU64,
}

impl TestHandler {
    fn next_fault(&self, stage: Stage) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        faults.get_mut(&stage).and_then(VecDeque::pop_front)
    }

    async fn verdict(&self, stage: Stage) -> Verdict {
        Self::suffer(self.next_fault(stage)).await
    }

    async fn suffer(fault: Option<Fault>) -> Verdict {
        match fault {
            None | Some(Fault::Each(_)) => Verdict::Accept,
            Some(Fault::Refuse(refusal)) => Verdict::Refuse(refusal),
            Some(Fault::Stall) => pending().await,
            Some(Fault::Panic) => std::panic::panic_any("injected fault"),
        }
    }
}

impl Handler for TestHandler {
    async fn connect(&self, _: &Client) -> Verdict {
        self.verdict(Stage::Connect).await
    }

    async fn helo(&self, _: &Client, _: &HeloName) -> Verdict {
        self.verdict(Stage::Helo).await
    }

    async fn auth(&self, _: &Client, _: &Identity) -> Verdict {
        self.verdict(Stage::Auth).await
    }

    async fn mail(&self, _: &Client, _: &Envelope) -> Verdict {
        self.verdict(Stage::Mail).await
    }

    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        self.verdict(Stage::Rcpt).await
    }

    async fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> MessageVerdict {
        let fault = self.next_fault(Stage::Message);
        let each = match &fault {
            Some(Fault::Each(refusals)) => Some(refusals.clone()),
            _ => None,
        };
        if let Verdict::Refuse(refusal) = Self::suffer(fault).await {
            return refusal.into();
        }
        let Ok(content) = body.read_to_end(usize::MAX).await else {
            return Refusal::try_later().into();
        };
        let mail = Mail {
            client: client.clone(),
            envelope,
            content,
            facts: body.facts(),
        };
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        match (self.accepted.send(mail), format!("T{number}").parse()) {
            (Ok(()), Ok(id)) => match each {
                Some(refusals) => MessageVerdict::Each(id, refusals),
                None => MessageVerdict::Accept(id),
            },
            _ => Refusal::try_later().into(),
        }
    }
}
