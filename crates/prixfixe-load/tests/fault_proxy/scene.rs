//! A client and a server with the proxy between them, both in the hands of the test.

use std::io;
use std::time::Duration;

use prixfixe_load::fault_proxy::{FaultProxy, Faults};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A test that hangs is ended after this; nothing that works takes nearly as long.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(30);

/// How long silence is listened to before it is believed.
const SILENCE: Duration = Duration::from_millis(150);

pub(crate) struct Scene {
    pub(crate) proxy: FaultProxy,
    pub(crate) listener: TcpListener,
}

impl Scene {
    pub(crate) async fn new(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap().to_string();
        let any = "127.0.0.1:0".parse().unwrap();
        let proxy = FaultProxy::start(any, upstream, faults).await.unwrap();
        Self { proxy, listener }
    }

    pub(crate) async fn client(&self) -> Peer {
        Peer(TcpStream::connect(self.proxy.address()).await.unwrap())
    }

    pub(crate) async fn server(&self) -> Peer {
        let accepted = timeout(WATCHDOG, self.listener.accept()).await.unwrap();
        Peer(accepted.unwrap().0)
    }

    /// A connection, as both of its ends have it.
    pub(crate) async fn pair(&self) -> (Peer, Peer) {
        let client = self.client().await;
        (client, self.server().await)
    }
}

/// One end of a connection.
pub(crate) struct Peer(pub(crate) TcpStream);

impl Peer {
    pub(crate) async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Waits for exactly this.
    pub(crate) async fn hear(&mut self, text: &str) {
        let mut heard = vec![0; text.len()];
        let read = timeout(WATCHDOG, self.0.read_exact(&mut heard)).await;
        read.unwrap().unwrap();
        assert_eq!(String::from_utf8_lossy(&heard), text);
    }

    /// All that comes until the end, and how it ends.
    pub(crate) async fn rest(&mut self) -> (String, io::Result<()>) {
        let mut rest = Vec::new();
        let mut piece = [0; 4096];
        let end = loop {
            match timeout(WATCHDOG, self.0.read(&mut piece)).await.unwrap() {
                Ok(0) => break Ok(()),
                Ok(length) => rest.extend_from_slice(&piece[..length]),
                Err(error) => break Err(error),
            }
        };
        (String::from_utf8_lossy(&rest).into_owned(), end)
    }

    /// This comes, and then a reset.
    pub(crate) async fn is_reset_after(&mut self, text: &str) {
        let (rest, end) = self.rest().await;
        assert_eq!(rest, text);
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    /// This comes, and then an end in order.
    pub(crate) async fn is_closed_after(&mut self, text: &str) {
        let (rest, end) = self.rest().await;
        assert_eq!(rest, text);
        end.unwrap();
    }

    /// Nothing comes, not even an end.
    pub(crate) async fn hears_nothing(&mut self) {
        let mut octet = [0];
        let heard = timeout(SILENCE, self.0.read(&mut octet)).await;
        assert!(heard.is_err(), "{heard:?}: {octet:?}");
    }
}

/// A dialogue up to a body, as turns of the one and the other: `C` or `S`, and what is said.
pub(crate) const TURNS: &[(char, &str)] = &[
    ('S', "220 mx\r\n"),
    ('C', "EHLO client\r\n"),
    ('S', "250-mx\r\n250 PIPELINING\r\n"),
    ('C', "MAIL FROM:<a@b>\r\n"),
    ('S', "250 sender\r\n"),
    ('C', "RCPT TO:<c@d>\r\n"),
    ('S', "250 recipient\r\n"),
    ('C', "DATA\r\n"),
    ('S', "354 go\r\n"),
    ('C', "Subject: x\r\n\r\ntext\r\n.\r\n"),
    ('S', "250 stored\r\n"),
    ('C', "QUIT\r\n"),
    ('S', "221 bye\r\n"),
];

/// Plays so many turns.
pub(crate) async fn play(turns: &[(char, &str)], client: &mut Peer, server: &mut Peer) {
    for (who, text) in turns {
        let (from, to) = match who {
            'C' => (&mut *client, &mut *server),
            _ => (&mut *server, &mut *client),
        };
        from.say(text).await;
        to.hear(text).await;
    }
}
