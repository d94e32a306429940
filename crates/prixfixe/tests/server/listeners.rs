//! TCP listeners: both families, inherited sockets, and errors that name the address.

use std::net::SocketAddr;

use prixfixe::{BareNewline, BoundAddress, ListenError, ListenerSettings, Quirks, Server};

use crate::scene::{Keep, SocketClient, settings, watchdog};

/// Serves until the talk is over, and waits until the server has stopped.
async fn serve_while(server: Server, talk: impl FnOnce() + Send + 'static) {
    watchdog(async {
        let stop = server.shutdown_handle();
        let serving = tokio::spawn(server.serve(Keep::default()));
        tokio::task::spawn_blocking(talk).await.unwrap();
        stop.drain();
        serving.await.unwrap().unwrap();
    })
    .await;
}

fn greets(address: SocketAddr) {
    let mut client = SocketClient::connect(address);
    assert!(client.line().unwrap().starts_with("220 mx.example.com "));
    assert!(client.say("QUIT\r\n").starts_with("221 "));
}

#[tokio::test]
async fn port_0_is_a_free_one_and_is_told() {
    let mut server = Server::new(settings());
    let first = server
        .listen_tcp("127.0.0.1:0", ListenerSettings::default())
        .unwrap();
    let second = server
        .listen_tcp("127.0.0.1:0", ListenerSettings::default())
        .unwrap();
    assert!(first.port() != 0 && second.port() != 0 && first != second);
    assert_eq!(server.local_addr(), first);
    let bound = [first, second].map(BoundAddress::Tcp);
    assert_eq!(server.addresses(), bound);
    serve_while(server, move || {
        greets(first);
        greets(second);
    })
    .await;
}

#[tokio::test]
async fn both_families_on_one_port() {
    let mut server = Server::new(settings());
    let v6 = server
        .listen_tcp("[::]:0", ListenerSettings::default())
        .unwrap();
    let v4 = format!("0.0.0.0:{}", v6.port());
    server
        .listen_tcp(v4.as_str(), ListenerSettings::default())
        .unwrap();
    serve_while(server, move || {
        greets(SocketAddr::from(([127, 0, 0, 1], v6.port())));
        greets(format!("[::1]:{}", v6.port()).parse().unwrap());
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_listens_already_is_taken_over() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Queued before the server was there.
    let mut early = SocketClient::connect(address);
    let mut server = Server::new(settings());
    server
        .adopt_tcp(listener, ListenerSettings::default())
        .unwrap();
    assert_eq!(server.local_addr(), address);
    serve_while(server, move || {
        assert!(early.line().unwrap().starts_with("220 "));
        drop(early);
        greets(address);
    })
    .await;
}

#[test]
fn a_port_in_use_names_the_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut server = Server::new(settings());
    let error = server
        .listen_tcp(address.as_str(), ListenerSettings::default())
        .unwrap_err();
    assert!(matches!(&error, ListenError::InUse(named) if *named == address));
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn what_is_no_address_is_named_too() {
    let mut server = Server::new(settings());
    for wrong in ["nonsense", "127.0.0.1:70000", "no.such.host.invalid:25"] {
        let error = server
            .listen_tcp(wrong, ListenerSettings::default())
            .unwrap_err();
        assert!(error.to_string().contains(wrong), "{error}");
    }
    // A documentation address (RFC 5737), which is not this machine's.
    let error = server
        .listen_tcp("192.0.2.1:25", ListenerSettings::default())
        .unwrap_err();
    assert!(error.to_string().contains("192.0.2.1:25"), "{error}");
}

#[tokio::test]
async fn each_listener_has_its_own_line_end_mode() {
    let mut server = Server::new(settings());
    let strict = server
        .listen_tcp("127.0.0.1:0", ListenerSettings::default())
        .unwrap();
    let mut lenient = ListenerSettings::default();
    let mut quirks = Quirks::default();
    quirks.bare_newline = BareNewline::Accept;
    lenient.quirks = Some(quirks);
    let lenient = server.listen_tcp("127.0.0.1:0", lenient).unwrap();
    serve_while(server, move || {
        for (address, code) in [(strict, "550"), (lenient, "250")] {
            let mut client = SocketClient::connect(address);
            client.line().unwrap();
            client.say("HELO client.example\r\n");
            client.say("MAIL FROM:<a@example.org>\r\n");
            client.say("RCPT TO:<b@example.com>\r\n");
            client.say("DATA\r\n");
            assert!(client.say("bare\nline\r\n.\r\n").starts_with(code));
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_without_listeners_says_so() {
    let error = Server::new(settings()).serve(Keep::default()).await;
    assert!(matches!(error, Err(prixfixe::ServeError::NoListener)));
}
