//! Bodies that come by BDAT (RFC 3030): in one flight with their envelope, in chunks of any size,
//! and given up or refused between two of them.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use prixfixe::{
    Body, BodyError, BodyFault, Client, CloseReason, Envelope, Event, ForwardPath, Handler,
    MessageVerdict, READ_BUFFER, Refusal, Server, SessionEnd, Verdict,
    testkit::{TestClient, TestServer, connect},
};
use tokio::time::{Instant, sleep, timeout};

use crate::scene::{Keep, SocketClient, accept, settings, watchdog, witness};

const ENVELOPE: &[u8] = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n";

async fn open<H: Handler>(server: &Server, handler: &Arc<H>) -> TestClient {
    let mut client = connect(server, handler);
    client.greet().await.unwrap();
    client.write(ENVELOPE).await.unwrap();
    expect(&mut client, &[250, 250]).await;
    client
}

async fn expect(client: &mut TestClient, codes: &[u16]) {
    for code in codes {
        assert_eq!(client.reply().await.unwrap().code, *code);
    }
}

/// Sends octets and reads the replies to them.
async fn say(client: &mut TestClient, octets: &[u8], codes: &[u16]) {
    client.write(octets).await.unwrap();
    expect(client, codes).await;
}

#[tokio::test]
async fn a_flight_with_its_chunks_is_answered_in_one_write() {
    watchdog(async {
        let server = TestServer::start().await.unwrap();
        let address = server.address();
        tokio::task::spawn_blocking(move || talk_in_flights(address))
            .await
            .unwrap();
    })
    .await;
}

/// Replies in several writes would sooner or later be read apart from each other, by a client
/// that runs on another thread and reads whatever is there.
fn talk_in_flights(address: SocketAddr) {
    let mut client = SocketClient::connect(address);
    client.line().unwrap();
    client.say("HELO client.example\r\n");
    let mut replies = [0; 4096];
    for _ in 0..300 {
        let flight = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n\
            BDAT 6\r\nHello BDAT 7 LAST\r\nworld\r\nMAIL FROM:<a@example.org>\r\nRSET\r\n";
        let stream = client.0.get_mut();
        stream.write_all(flight.as_bytes()).unwrap();
        let read = stream.read(&mut replies).unwrap();
        let replies = String::from_utf8_lossy(&replies[..read]);
        let codes: Vec<_> = replies.lines().map(|line| &line[..3]).collect();
        assert_eq!(codes, ["250"; 6]);
    }
}

#[tokio::test]
async fn chunks_and_pieces_of_all_sizes_make_the_same_body() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
        let mut client = open(&server, &handler).await;
        let line = b".\r\nCR \r LF \n dot\r\n.\r\nthe end of DATA, and no line end\r";
        for (chunk, piece) in [
            (1, 1),
            (1, 5000),
            (3, 2),
            (7, 11),
            (511, 1000),
            (READ_BUFFER, READ_BUFFER),
            (READ_BUFFER + 1, READ_BUFFER - 1),
            (usize::MAX, 4096),
        ] {
            // The smaller the pieces the less of it, lest the test take long.
            let body = line.repeat(chunk.min(piece).saturating_mul(20).clamp(5, 5000));
            let mut sent = Vec::new();
            for part in body.chunks(chunk) {
                sent.extend(format!("BDAT {}\r\n", part.len()).into_bytes());
                sent.extend_from_slice(part);
            }
            sent.extend_from_slice(b"BDAT 0 LAST\r\n");
            let replies = body.len().div_ceil(chunk) + 1;
            // Who sends without reading may wait for the server, and the server for its replies.
            let (reading, mut writing) = tokio::io::split(client.stream());
            let read = async {
                let mut lines =
                    tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(reading));
                for _ in 0..replies {
                    assert!(
                        lines
                            .next_line()
                            .await
                            .unwrap()
                            .unwrap()
                            .starts_with("250 ")
                    );
                }
            };
            let write = async {
                for part in sent.chunks(piece) {
                    tokio::io::AsyncWriteExt::write_all(&mut writing, part)
                        .await
                        .unwrap();
                }
            };
            tokio::join!(read, write);
            let kept = handler.0.lock().unwrap().pop().unwrap();
            assert!(kept == body, "chunks of {chunk} in pieces of {piece}");
            say(&mut client, ENVELOPE, &[250, 250]).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_noticed_goes_with_the_message() {
    watchdog(async {
        let mut server = TestServer::start().await.unwrap();
        let mut client = server.client();
        client.greet().await.unwrap();
        say(
            &mut client,
            b"MAIL FROM:<a@example.org> BODY=BINARYMIME\r\n",
            &[250],
        )
        .await;
        say(&mut client, b"RCPT TO:<b@example.com>\r\n", &[250]).await;
        say(
            &mut client,
            b"BDAT 2\r\na\rBDAT 8 LAST\r\n\n\n\0\xff end",
            &[250, 250],
        )
        .await;
        let mail = server.mail().await;
        assert_eq!(mail.content, b"a\r\n\n\0\xff end");
        assert_eq!(
            mail.envelope.parameters.body,
            Some(prixfixe::BodyType::BinaryMime)
        );
        let facts = mail.facts;
        assert_eq!((facts.bare_cr, facts.bare_lf), (false, true));
        assert_eq!((facts.nul, facts.eight_bit, facts.size), (true, true, 10));
        assert_eq!(facts.longest_line, 6);
        assert!(server.try_mail().is_none());
    })
    .await;
}

/// Keeps how each body ended, and accepts whatever it was.
#[derive(Debug, Default)]
struct Ends(Mutex<Vec<Result<Vec<u8>, BodyError>>>);

impl Handler for Ends {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let end = body.read_to_end(1 << 20).await;
        if end.is_err() {
            // Asking once more changes nothing.
            assert!(body.chunk().await.is_err());
        }
        self.0.lock().unwrap().push(end);
        accept()
    }
}

#[tokio::test]
async fn a_body_that_is_given_up_is_no_message() {
    for (command, code) in [("RSET", 250), ("EHLO client.example", 250), ("QUIT", 221)] {
        watchdog(async {
            let mut settings = settings();
            let mut events = witness(&mut settings);
            let (server, handler) = (Server::new(settings), Arc::new(Ends::default()));
            let mut client = open(&server, &handler).await;
            say(&mut client, b"BDAT 3\r\none", &[250]).await;
            assert_eq!(client.command(command).await.unwrap().code, code);
            assert_eq!(events.next().await, Event::Accepted);
            assert_eq!(events.next().await, Event::BodyLost);
            let ends = std::mem::take(&mut *handler.0.lock().unwrap());
            assert!(matches!(ends[..], [Err(BodyError::Aborted)]), "{ends:?}");
            if code == 250 {
                say(&mut client, ENVELOPE, &[250, 250]).await;
                say(&mut client, b"BDAT 3 LAST\r\ntwo", &[250]).await;
                let ends = std::mem::take(&mut *handler.0.lock().unwrap());
                assert!(
                    matches!(&ends[..], [Ok(body)] if body == b"two"),
                    "{ends:?}"
                );
            } else {
                let end = events.session_end().await;
                assert_eq!(end, SessionEnd::Closed(CloseReason::Quit));
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_session_that_ends_between_chunks_says_why() {
    watchdog(async {
        let mut settings = settings();
        let mut events = witness(&mut settings);
        let (server, handler) = (Server::new(settings), Arc::new(Ends::default()));
        let mut client = open(&server, &handler).await;
        say(&mut client, b"BDAT 3\r\none", &[250]).await;
        say(&mut client, b"BDAT -3\r\ntwo\r\nRSET\r\n", &[501]).await;
        client.reply().await.unwrap_err();
        let ends = std::mem::take(&mut *handler.0.lock().unwrap());
        assert!(matches!(ends[..], [Err(BodyError::Aborted)]), "{ends:?}");
        let so_far = [events.next().await, events.next().await];
        assert_eq!(so_far, [Event::Accepted, Event::BodyLost]);
        drop(client);
        let end = events.session_end().await;
        assert_eq!(end, SessionEnd::Closed(CloseReason::ChunkSize));
    })
    .await;
}

#[tokio::test]
async fn a_body_that_the_session_refuses_is_told_to_both_sides() {
    watchdog(async {
        let mut settings = settings();
        settings.session.limits.message_size = 10;
        let mut events = witness(&mut settings);
        let (server, handler) = (Server::new(settings), Arc::new(Ends::default()));
        let mut client = open(&server, &handler).await;
        say(&mut client, b"BDAT 6\r\n123456", &[250]).await;
        // The handler hears of it before the chunk has come.
        client.write(b"BDAT 6\r\n").await.unwrap();
        assert_eq!(events.next().await, Event::Accepted);
        let fault = BodyFault::TooBig;
        assert_eq!(events.next().await, Event::BodyRefused { fault });
        let ends = std::mem::take(&mut *handler.0.lock().unwrap());
        assert!(
            matches!(ends[..], [Err(BodyError::Refused(BodyFault::TooBig))]),
            "{ends:?}"
        );
        say(&mut client, b"QUIT\r\n", &[552]).await;
        say(&mut client, b"BDAT 6 LAST\r\nQUIT\r\n", &[503]).await;
        say(&mut client, ENVELOPE, &[250, 250]).await;
        say(&mut client, b"BDAT 2 LAST\r\nok", &[250]).await;
    })
    .await;
}

/// Answers before it has read anything.
struct Hasty(MessageVerdict);

impl Handler for Hasty {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, _: &mut Body<'_>) -> MessageVerdict {
        self.0.clone()
    }
}

#[tokio::test]
async fn an_early_answer_is_given_at_the_end_of_a_chunk() {
    let no = Refusal::content("no");
    for (verdict, codes) in [
        (accept(), [250, 250]),
        // The first chunk that is refused ends the transaction.
        (no.into(), [554, 503]),
    ] {
        watchdog(async {
            let (server, handler) = (Server::new(settings()), Arc::new(Hasty(verdict)));
            let mut client = open(&server, &handler).await;
            say(&mut client, b"BDAT 6\r\nQUIT\r\n", &codes[..1]).await;
            say(&mut client, b"BDAT 6 LAST\r\nRSET\r\n", &codes[1..]).await;
            assert_eq!(client.command("NOOP").await.unwrap().code, 250);
            say(&mut client, ENVELOPE, &[250, 250]).await;
        })
        .await;
    }
}

/// Waits a second for each piece, then refuses.
struct Waiter;

impl Handler for Waiter {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        while timeout(Duration::from_secs(1), body.chunk()).await.is_ok() {}
        Refusal::content("too slow for me").into()
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_between_chunks_is_the_answer_to_the_next() {
    for (next, codes) in [
        (
            &b"BDAT 3\r\ntwoBDAT 5 LAST\r\nthreeNOOP\r\n"[..],
            &[554, 503, 250][..],
        ),
        (b"BDAT 3 LAST\r\ntwoNOOP\r\n", &[554, 250]),
        (
            b"NOOP\r\nMAIL FROM:<>\r\nRSET\r\nBDAT 3 LAST\r\ntwo",
            &[250, 503, 250, 503],
        ),
    ] {
        let (server, handler) = (Server::new(settings()), Arc::new(Waiter));
        let mut client = open(&server, &handler).await;
        say(&mut client, b"BDAT 3\r\none", &[250]).await;
        sleep(Duration::from_secs(10)).await;
        say(&mut client, next, codes).await;
        say(&mut client, ENVELOPE, &[250, 250]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_is_waited_for_as_where_it_stands() {
    for (sent, replies, code, seconds) in [
        // Between chunks a command is due, within one a block of the body.
        (&b"BDAT 3\r\none"[..], &[250][..], 421, 300),
        (b"BDAT 3\r\noneBDAT 3\r\ntw", &[250], 421, 180),
        // What is refused is read no longer than for a block, and told nevertheless.
        (b"BDAT 4294967296\r\nx", &[], 552, 180),
        (b"RSET\r\nBDAT 4294967296\r\nx", &[250], 503, 180),
    ] {
        let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
        let mut client = open(&server, &handler).await;
        say(&mut client, sent, replies).await;
        let start = Instant::now();
        expect(&mut client, &[code]).await;
        assert_eq!(start.elapsed().as_secs(), seconds);
        client.reply().await.unwrap_err();
        assert!(handler.kept().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_between_chunks_is_not_the_handlers() {
    let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
    let mut client = open(&server, &handler).await;
    for _ in 0..5 {
        sleep(Duration::from_secs(290)).await;
        say(&mut client, b"BDAT 3\r\none", &[250]).await;
    }
    sleep(Duration::from_secs(290)).await;
    say(&mut client, b"BDAT 0 LAST\r\n", &[250]).await;
    assert_eq!(handler.kept(), [b"one".repeat(5)]);
}
