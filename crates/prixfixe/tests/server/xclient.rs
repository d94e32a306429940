//! Trusted proxies that say with XCLIENT for whom they speak.

use std::{
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use prixfixe::{
    Body, Client, Envelope, Event, ForwardPath, Handler, HeloName, ListenerSettings,
    MessageVerdict, Refusal, Settings, Stage, Verdict,
};

use crate::scene::{OPEN, SocketClient, accept, serve_on, settings, witness};

/// Keeps out one address, and remembers whom it has seen.
#[derive(Debug, Default)]
struct Porter {
    connected: Mutex<Vec<Client>>,
    senders: Mutex<Vec<Client>>,
}

const UNWELCOME: &str = "192.0.2.66";

impl Handler for Porter {
    async fn connect(&self, client: &Client) -> Verdict {
        self.connected.lock().unwrap().push(client.clone());
        match client.peer {
            Some(peer) if peer.ip().to_string() == UNWELCOME => {
                Refusal::new(554, 7, 1, "Not you").unwrap().into()
            }
            _ => Verdict::Accept,
        }
    }

    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, client: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let read = body.read_to_end(usize::MAX).await;
        assert!(read.is_ok(), "{read:?}");
        self.senders.lock().unwrap().push(client.clone());
        accept()
    }
}

fn trusting(proxies: &str) -> ListenerSettings {
    let mut listener = ListenerSettings::default();
    listener.xclient = vec![proxies.parse().unwrap()];
    listener
}

/// Serves until the talk is over; returns who connected and who sent messages.
async fn serve_while(
    settings: Settings,
    listener: ListenerSettings,
    talk: impl FnOnce(SocketAddr) + Send + 'static,
) -> (Vec<Client>, Vec<Client>) {
    let porter = Arc::new(Porter::default());
    serve_on(settings, listener, &porter, talk).await;
    let take = |seen: &Mutex<Vec<Client>>| std::mem::take(&mut *seen.lock().unwrap());
    (take(&porter.connected), take(&porter.senders))
}

/// A client whose banner was read.
fn greeted(address: SocketAddr) -> SocketClient {
    let mut client = SocketClient::connect(address);
    let banner = client.line().unwrap();
    assert!(banner.starts_with("220 "), "{banner}");
    client
}

/// Says EHLO; returns the lines of the reply.
fn extensions(client: &mut SocketClient) -> Vec<String> {
    let mut lines = vec![client.say("EHLO client.example\r\n")];
    while lines.last().unwrap().starts_with("250-") {
        lines.push(client.line().unwrap());
    }
    lines
}

fn announced(client: &mut SocketClient) -> bool {
    let line = "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n";
    extensions(client).iter().any(|known| known == line)
}

fn send(client: &mut SocketClient) {
    client.0.get_mut().write_all(OPEN).unwrap();
    let replies: Vec<_> = (0..3).map(|_| client.line().unwrap()).collect();
    assert!(replies[2].starts_with("354 "), "{replies:?}");
    assert!(client.say("text\r\n.\r\n").starts_with("250 "));
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_client_is_the_one_that_the_proxy_names() {
    let (connected, senders) = serve_while(settings(), trusting("127.0.0.1"), |address| {
        let mut client = greeted(address);
        assert!(announced(&mut client));
        let help = client.say("HELP\r\n");
        assert!(help.ends_with(" QUIT XCLIENT\r\n"), "{help}");
        let said = "XCLIENT NAME=spike.example ADDR=192.0.2.7 PORT=42 HELO=spike \
                    LOGIN=anna+40example.org\r\n";
        let banner = client.say(said);
        assert!(banner.starts_with("220 "), "{banner}");
        assert!(!announced(&mut client));
        let help = client.say("HELP\r\n");
        assert!(help.ends_with(" QUIT\r\n"), "{help}");
        send(&mut client);
        let forged = client.say("XCLIENT ADDR=127.0.0.1\r\n");
        assert!(forged.starts_with("550 5.7.0 "), "{forged}");
        assert!(client.say("QUIT\r\n").starts_with("221 "));
    })
    .await;
    let [proxy, client] = &connected[..] else {
        panic!("{connected:?}");
    };
    assert_eq!(proxy.peer, proxy.connection_peer);
    assert_eq!((&proxy.identity, &proxy.xclient), (&None, &None));
    assert_eq!((&client.helo, client.extended), (&None, false));
    assert_eq!(senders.len(), 1);
    for seen in [client, &senders[0]] {
        assert_eq!(seen.peer, Some(address("192.0.2.7:42")));
        assert_eq!(seen.connection_peer, proxy.peer);
        let identity = seen.identity.as_ref().unwrap();
        assert_eq!(identity.name, "anna@example.org");
        assert_eq!(identity.mechanism, None);
        let told = seen.xclient.as_ref().unwrap();
        let [name, helo] = [&told.name, &told.helo].map(|name| {
            let name = name.as_ref().and_then(|name| name.known());
            name.map(HeloName::as_str)
        });
        assert_eq!((name, helo), (Some("spike.example"), Some("spike")));
    }
    let helo = senders[0].helo.as_ref().map(HeloName::as_str);
    assert_eq!(helo, Some("client.example"));
}

#[tokio::test]
async fn from_anybody_else_it_is_not_known() {
    let (connected, _) = serve_while(settings(), trusting("192.0.2.0/24"), |address| {
        let mut client = greeted(address);
        assert!(!announced(&mut client));
        let help = client.say("HELP\r\n");
        assert!(help.ends_with(" QUIT\r\n"), "{help}");
        let reply = client.say("XCLIENT ADDR=192.0.2.7\r\n");
        assert!(reply.starts_with("502 5.5.1 "), "{reply}");
        send(&mut client);
    })
    .await;
    assert_eq!(connected.len(), 1);
}

#[tokio::test]
async fn the_address_of_a_proxy_header_is_what_is_trusted() {
    const HEADER: &str = "PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n";
    for (trusted, reply) in [("192.0.2.7", "220 "), ("127.0.0.1", "502 5.5.1 ")] {
        let mut listener = trusting(trusted);
        listener.proxy_protocol = vec!["127.0.0.1".parse().unwrap()];
        let (connected, _) = serve_while(settings(), listener, move |address| {
            let mut client = SocketClient::connect(address);
            assert!(client.say(HEADER).starts_with("220 "));
            let said = client.say("XCLIENT ADDR=203.0.113.9 PORT=9\r\n");
            assert!(said.starts_with(reply), "{trusted}: {said}");
        })
        .await;
        assert_eq!(connected[0].peer, Some(address("192.0.2.7:12345")));
        let last = connected.last().unwrap();
        let expected = match reply {
            "220 " => "203.0.113.9:9",
            _ => "192.0.2.7:12345",
        };
        assert_eq!(last.peer, Some(address(expected)));
        assert_eq!(last.connection_peer, connected[0].connection_peer);
    }
}

#[tokio::test]
async fn the_client_of_a_proxy_can_be_refused() {
    let mut settings = settings();
    let mut events = witness(&mut settings);
    let (connected, senders) = serve_while(settings, trusting("127.0.0.1"), |address| {
        let mut client = greeted(address);
        let refusal = client.say(&format!("XCLIENT ADDR={UNWELCOME}\r\nEHLO a\r\n"));
        assert_eq!(refusal, "554 5.7.1 Not you\r\n");
        assert_eq!(client.line().unwrap_or_default(), "", "the end");
    })
    .await;
    assert_eq!((connected.len(), senders.len()), (2, 0));
    let refused = Event::Refused {
        stage: Stage::Connect,
        code: 554,
    };
    assert!(events.so_far().contains(&refused));
}

#[tokio::test]
async fn what_a_proxy_does_not_know_is_nothing() {
    let (connected, _) = serve_while(settings(), trusting("127.0.0.1"), |address| {
        let mut client = greeted(address);
        // Said one after the other, all of it counts but the login.
        for said in [
            "PORT=42 LOGIN=anna",
            "NAME=[TEMPUNAVAIL]",
            "ADDR=[UNAVAILABLE]",
        ] {
            let banner = client.say(&format!("XCLIENT {said}\r\n"));
            assert!(banner.starts_with("220 "), "{banner}");
        }
    })
    .await;
    let ports: Vec<_> = connected
        .iter()
        .map(|client| client.peer.map(|peer| peer.port()))
        .collect();
    assert_eq!(ports[1..], [Some(42), Some(42), None]);
    let logins: Vec<_> = connected
        .iter()
        .map(|client| client.identity.is_some())
        .collect();
    assert_eq!(logins, [false, true, false, false]);
    assert!(connected.iter().all(|c| c.connection_peer.is_some()));
}

#[tokio::test]
async fn nothing_behind_xclient_is_early_talk() {
    let mut listener = trusting("127.0.0.1");
    let mut settings = settings();
    settings.session.quirks.refuse_early_talk = true;
    listener.quirks = Some(settings.session.quirks);
    let (connected, _) = serve_while(settings, listener, |address| {
        let mut client = greeted(address);
        let banner = client.say("XCLIENT ADDR=192.0.2.7\r\nEHLO client.example\r\n");
        assert!(banner.starts_with("220 "), "{banner}");
        while client.line().unwrap().starts_with("250-") {}
        send(&mut client);
    })
    .await;
    assert_eq!(connected.len(), 2);
    assert!(connected.iter().all(|client| !client.facts.early_talk));
}

#[tokio::test]
async fn limits_stay_those_of_the_connection() {
    let mut settings = settings();
    settings.session.limits.errors = 1;
    settings.exempt = vec!["127.0.0.1".parse().unwrap()];
    let (connected, senders) = serve_while(settings, trusting("127.0.0.1"), |address| {
        let mut client = greeted(address);
        let banner = client.say("XCLIENT ADDR=192.0.2.7\r\n");
        assert!(banner.starts_with("220 "), "{banner}");
        for _ in 0..3 {
            assert!(client.say("NONSENSE\r\n").starts_with("500 "));
        }
        extensions(&mut client);
        send(&mut client);
    })
    .await;
    assert_eq!((connected.len(), senders.len()), (2, 1));
}
