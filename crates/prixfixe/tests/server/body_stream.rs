//! The body as a stream: the handler sets the pace, and no octet is lost or made up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use prixfixe::{
    Body, Client, Envelope, ForwardPath, Handler, MessageVerdict, READ_BUFFER, Refusal, Server,
    Verdict,
    testkit::{TestClient, connect},
};
use tokio::{
    io::AsyncWriteExt,
    sync::{Notify, Semaphore},
    time::timeout,
};

use crate::scene::{Keep, OPEN, accept, settings, watchdog};

/// What the pipe between client and server holds each way.
const PIPE: usize = 64 << 10;

async fn in_body<H: Handler>(server: &Server, handler: &Arc<H>) -> TestClient {
    let mut client = connect(server, handler);
    client.greet().await.unwrap();
    open(&mut client).await;
    client
}

async fn open(client: &mut TestClient) {
    client.write(OPEN).await.unwrap();
    for code in [250, 250, 354] {
        assert_eq!(client.reply().await.unwrap().code, code);
    }
}

/// Lines of all lengths and with dots, about `len` octets of them.
fn text(len: usize) -> String {
    let mut text = String::new();
    for n in 0.. {
        if text.len() >= len {
            break;
        }
        text.push_str(["", ".", "..", "a.b"][n % 4]);
        text.extend(std::iter::repeat_n('x', n * 7 % 990));
        text.push_str("\r\n");
    }
    text
}

fn stuffed(text: &str) -> Vec<u8> {
    let stuffed = format!("\r\n{text}").replace("\r\n.", "\r\n..");
    format!("{}.\r\n", &stuffed[2..]).into_bytes()
}

/// Takes a chunk for each permit.
#[derive(Debug)]
struct Paced {
    permits: Semaphore,
    content: Mutex<Vec<u8>>,
}

impl Handler for Paced {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        loop {
            match body.chunk().await {
                Ok(Some(octets)) => self.content.lock().unwrap().extend_from_slice(octets),
                Ok(None) => return accept(),
                Err(error) => return Refusal::policy(error.to_string()).into(),
            }
            self.permits.acquire().await.unwrap().forget();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_read_makes_the_client_wait() {
    let handler = Arc::new(Paced {
        permits: Semaphore::new(0),
        content: Mutex::default(),
    });
    let server = Server::new(settings());
    let mut client = in_body(&server, &handler).await;
    let text = text(1 << 20);
    let octets = stuffed(&text);
    let mut written = 0;
    // With the clock stopped, a second passes when nobody can do anything more.
    let second = Duration::from_secs(1);
    while let Ok(sent) = timeout(second, client.stream().write(&octets[written..])).await {
        written += sent.unwrap();
    }
    assert!(written <= PIPE + READ_BUFFER, "{written}");
    handler.permits.add_permits(octets.len());
    client.write(&octets[written..]).await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 250);
    assert_eq!(*handler.content.lock().unwrap(), text.as_bytes());
}

#[tokio::test]
async fn pieces_of_all_sizes_make_the_same_body() {
    watchdog(async {
        let (server, handler) = (Server::new(settings()), Arc::new(Keep::default()));
        let text = text(300_000);
        let octets = stuffed(&text);
        let mut client = connect(&server, &handler);
        client.greet().await.unwrap();
        for size in [1, 2, 3, 7, 511, 4096, READ_BUFFER - 1, READ_BUFFER + 1] {
            open(&mut client).await;
            // The smaller the pieces the less of it, lest the test take long.
            let text = &text[..text.len().min(size * 10_000)];
            let text = &text[..text.rfind("\r\n").unwrap() + 2];
            for piece in stuffed(text).chunks(size) {
                client.write(piece).await.unwrap();
                if size < 511 {
                    // Lets the server read each piece on its own.
                    tokio::task::yield_now().await;
                }
            }
            assert_eq!(client.reply().await.unwrap().code, 250);
            assert!(
                handler.0.lock().unwrap().pop().unwrap() == text.as_bytes(),
                "{size}"
            );
        }
        open(&mut client).await;
        client.write(&octets).await.unwrap();
        assert_eq!(client.reply().await.unwrap().code, 250);
        assert!(handler.kept()[0] == text.as_bytes());
    })
    .await;
}

/// Gives up on every chunk that is not there at once, and tries again.
#[derive(Debug, Default)]
struct Impatient(Keep);

impl Handler for Impatient {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let mut content = Vec::new();
        loop {
            match timeout(Duration::from_millis(1), body.chunk()).await {
                Ok(Ok(Some(octets))) => content.extend_from_slice(octets),
                Ok(Ok(None)) => break,
                Ok(Err(error)) => return Refusal::policy(error.to_string()).into(),
                // The future was dropped in the middle of its wait.
                Err(_) => {}
            }
        }
        self.0.0.lock().unwrap().push(content);
        accept()
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_for_a_chunk_loses_nothing() {
    let (server, handler) = (Server::new(settings()), Arc::new(Impatient::default()));
    let mut client = in_body(&server, &handler).await;
    let text = text(20_000);
    for piece in stuffed(&text).chunks(113) {
        client.write(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(client.reply().await.unwrap().code, 250);
    assert_eq!(handler.0.kept(), [text.as_bytes()]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_between_chunks_of_bdat_loses_nothing() {
    let (server, handler) = (Server::new(settings()), Arc::new(Impatient::default()));
    let mut client = connect(&server, &handler);
    client.greet().await.unwrap();
    client.write(&OPEN[..OPEN.len() - 6]).await.unwrap();
    let text = text(5_000);
    let mut sent = Vec::new();
    for chunk in text.as_bytes().chunks(517) {
        sent.extend(format!("BDAT {}\r\n", chunk.len()).into_bytes());
        sent.extend_from_slice(chunk);
    }
    sent.extend_from_slice(b"BDAT 0 LAST\r\n");
    for piece in sent.chunks(113) {
        client.write(piece).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..text.len().div_ceil(517) + 3 {
        assert_eq!(client.reply().await.unwrap().code, 250);
    }
    assert_eq!(handler.0.kept(), [text.as_bytes()]);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_wait_for_a_chunk_does_not_extend_the_time_of_the_client() {
    let (server, handler) = (Server::new(settings()), Arc::new(Impatient::default()));
    let start = tokio::time::Instant::now();
    let mut client = in_body(&server, &handler).await;
    client.write(b"Subject: x\r\n").await.unwrap();
    assert_eq!(client.reply().await.unwrap().code, 421);
    assert_eq!(start.elapsed().as_secs(), 180);
}

/// Answers after the first chunk.
struct Early(MessageVerdict, Notify);

impl Handler for Early {
    async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
        Verdict::Accept
    }

    async fn message(&self, _: &Client, _: Envelope, body: &mut Body<'_>) -> MessageVerdict {
        let _ = body.chunk().await;
        self.1.notify_one();
        self.0.clone()
    }
}

#[tokio::test]
async fn an_early_answer_is_given_at_the_true_end() {
    let text = text(200_000);
    for (verdict, code) in [
        (accept(), 250),
        (Refusal::content("no").into(), 554),
        (Refusal::storage_full().into(), 452),
    ] {
        watchdog(async {
            let (server, handler) = (
                Server::new(settings()),
                Arc::new(Early(verdict, Notify::new())),
            );
            let mut client = in_body(&server, &handler).await;
            client.write(b"Subject: x\r\n").await.unwrap();
            handler.1.notified().await;
            // None of these is a command.
            client.write(b"QUIT\r\nRSET\r\n").await.unwrap();
            client.write(&stuffed(&text)).await.unwrap();
            assert_eq!(client.reply().await.unwrap().code, code);
            assert_eq!(client.command("NOOP").await.unwrap().code, 250);
            open(&mut client).await;
        })
        .await;
    }
}

#[tokio::test]
async fn a_refusal_before_the_first_chunk_still_invites_the_body() {
    watchdog(async {
        struct Never;
        impl Handler for Never {
            async fn rcpt(&self, _: &Client, _: &Envelope, _: &ForwardPath) -> Verdict {
                Verdict::Accept
            }
        }
        let (server, handler) = (Server::new(settings()), Arc::new(Never));
        let mut client = in_body(&server, &handler).await;
        client.write(b"QUIT\r\n.\r\n").await.unwrap();
        assert_eq!(client.reply().await.unwrap().code, 451);
        assert_eq!(client.command("QUIT").await.unwrap().code, 221);
    })
    .await;
}
