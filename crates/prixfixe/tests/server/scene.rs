//! What the tests start from.

use std::{
    future::Future,
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use prixfixe::{
    Body, Client, Envelope, Event, ForwardPath, Handler, ListenerSettings, MessageVerdict,
    Observer, QueueId, Server, SessionEnd, Settings, Verdict,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Opens a transaction in one flight.
pub(crate) const OPEN: &[u8] = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n";

pub(crate) fn settings() -> Settings {
    Settings::new("mx.example.com".parse().unwrap())
}

pub(crate) fn accept() -> MessageVerdict {
    MessageVerdict::Accept(id("T"))
}

pub(crate) fn id(text: &str) -> QueueId {
    text.parse().unwrap()
}

/// A test that hangs fails, however slow the machine is.
pub(crate) async fn watchdog<T>(test: impl Future<Output = T>) -> T {
    tokio::time::timeout(WATCHDOG, test)
        .await
        .expect("the test hangs")
}

pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// Serves on one listener until the talk of a client with threads of its own is over.
pub(crate) async fn serve_on<H: Handler>(
    settings: Settings,
    listener: ListenerSettings,
    handler: &Arc<H>,
    talk: impl FnOnce(SocketAddr) + Send + 'static,
) {
    let mut server = Server::new(settings);
    let address = server.listen_tcp("127.0.0.1:0", listener).unwrap();
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Arc::clone(handler)));
        tokio::task::spawn_blocking(move || talk(address))
            .await
            .unwrap();
        stop.drain();
        serving.await.unwrap().unwrap();
    })
    .await;
}

/// Takes every message and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Keep(pub(crate) Mutex<Vec<Vec<u8>>>);

impl Keep {
    pub(crate) fn kept(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

impl Handler for Keep {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let Ok(content) = body.read_to_end(usize::MAX).await else {
            return prixfixe::Refusal::try_later().into();
        };
        self.0.lock().unwrap().push(content);
        accept()
    }
}

/// An observer that passes everything on.
#[derive(Debug)]
struct Witness(UnboundedSender<Event>);

impl Observer for Witness {
    fn observe(&self, event: &Event) {
        let _ = self.0.send(event.clone());
    }
}

/// Everything that happens in a server with these settings.
pub(crate) fn witness(settings: &mut Settings) -> Events {
    let (sender, receiver) = unbounded_channel();
    settings.observer = Arc::new(Witness(sender));
    Events(receiver)
}

pub(crate) struct Events(UnboundedReceiver<Event>);

impl Events {
    /// How the next session ends.
    pub(crate) async fn session_end(&mut self) -> SessionEnd {
        loop {
            if let Event::SessionEnded { end, .. } = self.next().await {
                return end;
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.0.recv().await.expect("the server lives")
    }

    /// What has happened and was not asked for yet.
    pub(crate) fn so_far(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.0.try_recv().ok()).collect()
    }
}

/// A client on a real socket, in a thread of its own.
#[derive(Debug)]
pub(crate) struct SocketClient(pub(crate) BufReader<TcpStream>);

impl SocketClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Sends, then reads one line.
    pub(crate) fn say(&mut self, octets: &str) -> String {
        self.0.get_mut().write_all(octets.as_bytes()).unwrap();
        self.line().unwrap()
    }

    /// The next line; empty at the end.
    pub(crate) fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        Ok(line)
    }
}
