//! Verdicts for each recipient, through LMTP, PRDR and neither.

use prixfixe::{
    Protocol, Refusal, Stage,
    testkit::{Fault, TestClient, TestServer},
};

use crate::scene::{settings, watchdog};

/// Says hello and MAIL with these parameters, names three recipients, and sends a text.
async fn send(client: &mut TestClient, hello: &str, parameters: &str) {
    client.reply().await.unwrap();
    assert_eq!(client.command(hello).await.unwrap().code, 250);
    let mail = format!("MAIL FROM:<a@example.org>{parameters}");
    for line in [
        &mail[..],
        "RCPT TO:<b@x.example>",
        "RCPT TO:<c@x.example>",
        "RCPT TO:<d@x.example>",
    ] {
        assert_eq!(client.command(line).await.unwrap().code, 250);
    }
    assert_eq!(client.command("DATA").await.unwrap().code, 354);
    client.write(b"text\r\n.\r\nNOOP\r\n").await.unwrap();
}

/// The codes of the replies up to the one to NOOP.
async fn codes(client: &mut TestClient) -> Vec<u16> {
    let mut codes = Vec::new();
    loop {
        let reply = client.reply().await.unwrap();
        if reply.lines == ["2.0.0 Ok"] {
            return codes;
        }
        codes.push(reply.code);
    }
}

fn second_refused() -> Fault {
    Fault::Each(vec![None, Some(Refusal::storage_full()), None])
}

#[tokio::test]
async fn lmtp_tells_each_recipient() {
    watchdog(async {
        let mut settings = settings();
        settings.session.protocol = Protocol::Lmtp;
        let mut server = TestServer::start_with(settings).await.unwrap();
        for (fault, expected) in [
            (None, [250, 250, 250]),
            (Some(second_refused()), [250, 452, 250]),
            (Some(Fault::Each(vec![None])), [250, 451, 451]),
            (
                Some(Fault::Refuse(Refusal::storage_full())),
                [452, 452, 452],
            ),
            (Some(Fault::Panic), [451, 451, 451]),
        ] {
            let accepted = expected.contains(&250);
            if let Some(fault) = fault {
                server.inject(Stage::Message, fault);
            }
            let mut client = server.client();
            send(&mut client, "LHLO client.example", "").await;
            assert_eq!(codes(&mut client).await, expected);
            if accepted {
                let mail = server.mail().await;
                assert_eq!(mail.client.protocol(&mail.envelope), "LMTP");
            }
        }
        assert_eq!(server.totals().messages, 3);
    })
    .await;
}

#[tokio::test]
async fn prdr_tells_each_recipient_where_they_differ() {
    watchdog(async {
        let server = TestServer::start_with(settings()).await.unwrap();
        server.inject(Stage::Message, second_refused());
        let mut client = server.client();
        send(&mut client, "EHLO client.example", " PRDR").await;
        assert_eq!(codes(&mut client).await, [353, 250, 452, 250, 250]);
        assert_eq!(server.totals().messages, 1);
    })
    .await;
}

#[tokio::test]
async fn without_prdr_recipients_that_differ_are_tried_again() {
    watchdog(async {
        let server = TestServer::start_with(settings()).await.unwrap();
        server.inject(Stage::Message, second_refused());
        let mut client = server.client();
        send(&mut client, "EHLO client.example", "").await;
        assert_eq!(codes(&mut client).await, [451]);
        assert_eq!((server.totals().messages, server.totals().refused), (0, 1));
    })
    .await;
}
