//! Certificates are replaced while the server runs, and nobody notices but by the new one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

use prixfixe::{
    TlsMode,
    testkit::TestServer,
    tls::{Certificate, TlsSettings},
};

use crate::scene::{NAME, certificate, handshake, implicit, settings, trust, watchdog};

const CLIENTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_no_session_fails() {
    watchdog(async {
        let (old, new) = (certificate(NAME), certificate(NAME));
        let settings = settings(TlsMode::Implicit, TlsSettings::new(old.clone()));
        let tls = settings.tls.clone().unwrap();
        let server = Arc::new(TestServer::start_with(settings).await.unwrap());
        let config = trust(&[old.der(), new.der()]);
        let (done, sessions) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (server, config) = (Arc::clone(&server), Arc::clone(&config));
                let (done, sessions) = (Arc::clone(&done), Arc::clone(&sessions));
                tokio::spawn(async move {
                    while !done.load(Ordering::Relaxed) {
                        let mut client = implicit(&server, Arc::clone(&config)).await;
                        assert_eq!(client.reply().await.unwrap().code, 220);
                        client.command("EHLO client.example").await.unwrap();
                        assert_eq!(client.send("Hello\r\n").await.unwrap().code, 250);
                        assert_eq!(client.command("QUIT").await.unwrap().code, 221);
                        sessions.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for (turn, certificate) in (1..).zip([&new, &old, &new]) {
            while sessions.load(Ordering::Relaxed) < turn * CLIENTS {
                tokio::task::yield_now().await;
            }
            tls.replace(TlsSettings::new(certificate.clone())).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
        let totals = server.totals();
        assert_eq!(totals.tls_failures, 0);
        assert_eq!(totals.messages, sessions.load(Ordering::Relaxed) as u64);
        let stream = server.client().into_stream();
        // Without what the others remember: a resumed session shows no certificate.
        let client = handshake(stream, trust(&[new.der()]), NAME).await.unwrap();
        assert_eq!(client.shown(), new.der());
    })
    .await;
}

#[tokio::test]
async fn sessions_and_tickets_from_before_go_on() {
    watchdog(async {
        let (old, new) = (certificate(NAME), certificate(NAME));
        let settings = settings(TlsMode::Implicit, TlsSettings::new(old.clone()));
        let tls = settings.tls.clone().unwrap();
        let mut server = TestServer::start_with(settings).await.unwrap();
        let config = trust(&[old.der()]);
        let mut before = implicit(&server, Arc::clone(&config)).await;
        before.reply().await.unwrap();
        tls.replace(TlsSettings::new(new)).unwrap();
        before.command("EHLO client.example").await.unwrap();
        assert_eq!(before.send("Hello\r\n").await.unwrap().code, 250);
        assert!(!server.mail().await.client.tls.unwrap().resumed);
        // This client trusts the old certificate only, so it comes in by its ticket or not at all.
        let mut again = implicit(&server, config).await;
        again.reply().await.unwrap();
        again.command("EHLO client.example").await.unwrap();
        assert_eq!(again.send("Hello\r\n").await.unwrap().code, 250);
        assert!(server.mail().await.client.tls.unwrap().resumed);
    })
    .await;
}

#[tokio::test]
async fn a_broken_replacement_leaves_the_old_one_in_force() {
    watchdog(async {
        let old = certificate(NAME);
        let settings = settings(TlsMode::Implicit, TlsSettings::new(old.clone()));
        let tls = settings.tls.clone().unwrap();
        let server = TestServer::start_with(settings).await.unwrap();
        let error = Certificate::from_bytes(b"nonsense", b"nonsense", None).unwrap_err();
        assert!(error.to_string().contains("malformed"), "{error}");
        let mut broken = TlsSettings::new(certificate(NAME));
        broken.key_exchange_groups = Some(Vec::new());
        let error = tls.replace(broken).unwrap_err();
        assert!(error.to_string().contains("empty"), "{error}");
        let client = implicit(&server, trust(&[old.der()])).await;
        assert_eq!(client.shown(), old.der());
    })
    .await;
}

#[test]
fn the_first_to_expire_is_told() {
    let (one, other) = (certificate(NAME), certificate("other.example"));
    let mut settings = TlsSettings::new(one.clone());
    settings.sni = vec![("other.example".parse().unwrap(), other.clone())];
    let tls = prixfixe::tls::Tls::new(settings).unwrap();
    assert_eq!(tls.not_after(), one.not_after().min(other.not_after()));
    assert!(tls.not_after() > SystemTime::now());
    let shown: Vec<_> = tls
        .certificates()
        .iter()
        .map(|c| c.names().to_vec())
        .collect();
    assert_eq!(shown, [[NAME], ["other.example"]]);
}
