//! Balancers that say for whom they connect, in a PROXY header before everything else.

use std::{
    io::Write,
    net::SocketAddr,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex},
    time::Duration,
};

use prixfixe::{
    BareNewline, Client, CloseReason, Event, Handler, ListenerSettings, PeerPattern, Server,
    SessionEnd, Settings, Verdict,
};

use crate::scene::{Events, SocketClient, serve_on, settings, watchdog, witness};

/// Version 2, TCP over IPv4, from 192.0.2.7 port 12345.
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x19";
const TEXT: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n";

/// Who connected: the client, who made its connection, and whether it talked early.
type Guest = (Option<SocketAddr>, Option<SocketAddr>, bool);

#[derive(Debug, Default)]
struct Guests(Mutex<Vec<Guest>>);

impl Handler for Guests {
    async fn connect(&self, client: &Client) -> Verdict {
        let guest = (client.peer, client.connection_peer, client.facts.early_talk);
        self.0.lock().unwrap().push(guest);
        Verdict::Accept
    }

    async fn rcpt(&self, _: &Client, _: &prixfixe::Envelope, _: &prixfixe::ForwardPath) -> Verdict {
        Verdict::Accept
    }
}

fn behind(proxies: &str) -> ListenerSettings {
    let mut listener = ListenerSettings::default();
    listener.proxy_protocol = vec![proxies.parse().unwrap()];
    listener
}

/// Serves until the talk is over; returns who connected.
async fn serve_while(
    settings: Settings,
    listener: ListenerSettings,
    talk: impl FnOnce(SocketAddr) + Send + 'static,
) -> Vec<Guest> {
    let guests = Arc::new(Guests::default());
    serve_on(settings, listener, &guests, talk).await;
    std::mem::take(&mut *guests.0.lock().unwrap())
}

/// Sends octets, one write for each piece.
fn connect(address: SocketAddr, pieces: &[&[u8]]) -> SocketClient {
    let mut client = SocketClient::connect(address);
    for piece in pieces {
        client.0.get_mut().write_all(piece).unwrap();
    }
    client
}

fn greeted(mut client: SocketClient) {
    let banner = client.line().unwrap();
    assert!(banner.starts_with("220 "), "{banner}");
    assert!(client.say("QUIT\r\n").starts_with("221 "));
}

/// The connection was closed without a word.
fn cut_off(mut client: SocketClient) {
    // Closed with unread input the system resets the connection.
    let line = client.line().unwrap_or_default();
    assert_eq!(line, "");
}

#[tokio::test]
async fn the_client_is_the_one_that_the_header_names() {
    let guests = serve_while(settings(), behind("127.0.0.1"), |address| {
        for header in [TEXT, BINARY] {
            greeted(connect(address, &[header]));
            // Also in pieces, as a network may cut it.
            let octets: Vec<&[u8]> = header.chunks(1).collect();
            greeted(connect(address, &octets));
        }
        let tcp6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 12345 25\r\n";
        greeted(connect(address, &[tcp6]));
    })
    .await;
    let named = guests.iter().map(|(peer, ..)| *peer);
    let mut expected: Vec<Option<SocketAddr>> = vec!["192.0.2.7:12345".parse().ok(); 4];
    expected.push("[2001:db8::7]:12345".parse().ok());
    assert_eq!(named.collect::<Vec<_>>(), expected);
    for (_, connection_peer, early_talk) in guests {
        assert_eq!(connection_peer.unwrap().ip().to_string(), "127.0.0.1");
        assert!(!early_talk);
    }
}

#[tokio::test]
async fn a_header_that_names_nobody_leaves_the_peer() {
    let guests = serve_while(settings(), behind("127.0.0.0/8"), |address| {
        greeted(connect(address, &[b"PROXY UNKNOWN\r\n"]));
        greeted(connect(address, &[b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"]));
        greeted(connect(address, &[b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x02xx"]));
    })
    .await;
    assert_eq!(guests.len(), 3);
    for (peer, connection_peer, _) in guests {
        assert_eq!(peer, connection_peer);
        assert_eq!(peer.unwrap().ip().to_string(), "127.0.0.1");
    }
}

#[tokio::test]
async fn what_stands_behind_the_header_is_early_talk_of_the_client() {
    let guests = serve_while(settings(), behind("127.0.0.1"), |address| {
        for header in [TEXT, BINARY] {
            let sent = [header, b"EHLO client.example\r\n"].concat();
            let mut client = connect(address, &[&sent]);
            assert!(client.line().unwrap().starts_with("220 "));
            let mut line = client.line().unwrap();
            while line.starts_with("250-") {
                line = client.line().unwrap();
            }
            assert!(line.starts_with("250 "), "{line}");
            assert!(client.say("QUIT\r\n").starts_with("221 "));
        }
    })
    .await;
    let client = ("192.0.2.7:12345".parse().ok(), true);
    let named: Vec<_> = guests
        .iter()
        .map(|(peer, _, early)| (*peer, *early))
        .collect();
    assert_eq!(named, [client, client]);
}

#[tokio::test]
async fn a_balancer_without_a_header_is_cut_off_and_counted() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let sent: [&[u8]; 5] = [
        b"EHLO client.example\r\n",
        b"PROXY TCP4 nonsense\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\0\0\0\0",
    ];
    let guests = serve_while(settings, behind("127.0.0.1"), move |address| {
        for sent in sent {
            cut_off(connect(address, &[sent]));
        }
        // It leaves within a header.
        let client = connect(address, &[b"PROXY TCP4 192"]);
        client
            .0
            .get_ref()
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        cut_off(client);
    })
    .await;
    assert_eq!(guests, []);
    let events = events.so_far();
    let count = |wanted: &dyn Fn(&Event) -> bool| events.iter().filter(|e| wanted(e)).count();
    assert_eq!(count(&|event| *event == Event::Accepted), 6);
    assert_eq!(count(&|event| *event == Event::ProxyHeaderRefused), 6);
    assert_eq!(count(&|event| ends(event, SessionEnd::ProxyHeader)), 6);
}

fn ends(event: &Event, wanted: SessionEnd) -> bool {
    matches!(event, Event::SessionEnded { end, .. } if *end == wanted)
}

/// The event of the end, and whether a header was refused before it.
async fn end(events: &mut Events) -> (SessionEnd, bool) {
    let mut refused = false;
    loop {
        match events.next().await {
            Event::ProxyHeaderRefused => refused = true,
            Event::SessionEnded { end, .. } => return (end, refused),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_health_check_that_only_connects_is_no_fault() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let mut server = Server::new(settings);
    let address = server
        .listen_tcp("127.0.0.1:0", behind("127.0.0.1"))
        .unwrap();
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Guests::default()));
        drop(SocketClient::connect(address));
        assert_eq!(end(&mut events).await, (SessionEnd::Disconnected, false));
        stop.drain();
        serving.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_slow_header_holds_up_nobody_and_is_cut_off() {
    let mut settings = settings();
    settings.handshake = Duration::from_millis(200);
    let mut events = witness(&mut settings);
    serve_while(settings, behind("127.0.0.1"), |address| {
        let slow = connect(address, &[b"PROXY TCP4 "]);
        greeted(connect(address, &[TEXT]));
        cut_off(slow);
    })
    .await;
    let quit = SessionEnd::Closed(CloseReason::Quit);
    let mut ends = [
        watchdog(end(&mut events)).await.0,
        watchdog(end(&mut events)).await.0,
    ];
    // The machine decides which of the two is first.
    ends.sort_by_key(|end| *end == quit);
    assert_eq!(ends, [SessionEnd::ProxyHeader, quit]);
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_header() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let mut server = Server::new(settings);
    let address = server
        .listen_tcp("127.0.0.1:0", behind("127.0.0.1"))
        .unwrap();
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Guests::default()));
        let client = connect(address, &[b"PROXY"]);
        assert_eq!(events.next().await, Event::Accepted);
        stop.drain();
        serving.await.unwrap().unwrap();
        let expected = (SessionEnd::Closed(CloseReason::Shutdown), false);
        assert_eq!(end(&mut events).await, expected);
        cut_off(client);
    })
    .await;
}

#[tokio::test]
async fn from_others_a_header_is_believed_in_nothing() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let guests = serve_while(settings, behind("192.0.2.0/24"), |address| {
        let mut client = SocketClient::connect(address);
        assert!(client.line().unwrap().starts_with("220 "));
        assert_eq!(client.say("PROXY TCP4 192.0.2.7 198.51.100.1 1 25\r\n"), "");
        let mut client = SocketClient::connect(address);
        assert!(client.line().unwrap().starts_with("220 "));
        client.0.get_mut().write_all(BINARY).unwrap();
        assert!(client.line().unwrap().starts_with("500 "));
        assert!(client.line().unwrap().starts_with("500 "));
        assert_eq!(client.line().unwrap_or_default(), "");
        greeted(SocketClient::connect(address));
    })
    .await;
    assert_eq!(guests.len(), 3);
    for (peer, connection_peer, _) in guests {
        assert_eq!(peer, connection_peer);
    }
    let events = events.so_far();
    let wrong = SessionEnd::Closed(CloseReason::WrongProtocol);
    assert_eq!(events.iter().filter(|event| ends(event, wrong)).count(), 2);
    assert!(!events.contains(&Event::ProxyHeaderRefused));
}

#[tokio::test]
async fn a_unix_socket_may_be_a_balancer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("smtp.sock");
    let mut server = Server::new(settings());
    let mut listener = ListenerSettings::default();
    listener.proxy_protocol = vec![PeerPattern::UnixSocket];
    server.listen_unix(&path, listener).unwrap();
    let guests = Arc::new(Guests::default());
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Arc::clone(&guests)));
        tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.write_all(BINARY).unwrap();
            let mut banner = [0; 4];
            std::io::Read::read_exact(&mut stream, &mut banner).unwrap();
            assert_eq!(&banner, b"220 ");
        })
        .await
        .unwrap();
        stop.drain();
        serving.await.unwrap().unwrap();
    })
    .await;
    let expected = [("192.0.2.7:12345".parse().ok(), None, false)];
    assert_eq!(*guests.0.lock().unwrap(), expected);
}

/// The settings for a client are those of the address in the header: its network's line ends, and
/// whether its limits apply.
#[tokio::test]
async fn the_settings_follow_the_address_in_the_header() {
    let mut settings = settings();
    settings.session.limits.errors = 1;
    settings.exempt = vec!["192.0.2.7".parse().unwrap()];
    let accepting = ("192.0.2.0/24".parse().unwrap(), BareNewline::Accept);
    settings.bare_newline_networks = vec![accepting];
    serve_while(settings, behind("127.0.0.1"), |address| {
        let mut named = connect(address, &[TEXT]);
        named.line().unwrap();
        for _ in 0..5 {
            assert!(named.say("WRONG\r\n").starts_with("500 "));
        }
        for command in [
            "HELO x",
            "MAIL FROM:<a@example.org>",
            "RCPT TO:<b@example.com>",
        ] {
            let reply = named.say(&format!("{command}\r\n"));
            assert!(reply.starts_with("250 "), "{reply}");
        }
        assert!(named.say("DATA\r\n").starts_with("354 "));
        // Not refused for its line ends: the handler takes nothing.
        assert!(named.say("bare\nline\r\n.\r\n").starts_with("451 "));

        let other = b"PROXY TCP4 198.51.100.9 198.51.100.1 12345 25\r\n";
        let mut other = connect(address, &[other]);
        other.line().unwrap();
        assert!(other.say("WRONG\r\n").starts_with("500 "));
        let reply = other.say("WRONG\r\n");
        assert!(reply.starts_with("421 "), "{reply}");
    })
    .await;
}

/// Who reached the balancer over a Unix socket has opened none of this server, and is exempt only
/// if the balancer is.
#[tokio::test]
async fn a_unix_socket_of_a_balancer_is_none_of_the_server() {
    let unix = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8"[..], &[b'x'; 216]].concat();
    for (exempt, last) in [("unix", "421 "), ("127.0.0.1", "500 ")] {
        let mut settings = settings();
        settings.session.limits.errors = 1;
        settings.exempt = vec![exempt.parse().unwrap()];
        let unix = unix.clone();
        let guests = serve_while(settings, behind("127.0.0.1"), move |address| {
            let mut client = connect(address, &[&unix]);
            client.line().unwrap();
            assert!(client.say("WRONG\r\n").starts_with("500 "));
            let reply = client.say("WRONG\r\n");
            assert!(reply.starts_with(last), "{exempt}: {reply}");
        })
        .await;
        assert_eq!(guests[0].0, None);
    }
}
