//! One server on several runtimes: each takes connections, and the stop reaches them all.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};

use prixfixe::{
    Body, Client, Envelope, ForwardPath, Handler, ListenerSettings, MessageVerdict, Server, Verdict,
};

use crate::scene::{Keep, SocketClient, settings, watchdog};

/// Keeps the messages, and the threads that brought them.
#[derive(Debug, Default)]
struct Threads {
    keep: Keep,
    seen: Mutex<HashSet<ThreadId>>,
}

impl Handler for Threads {
    async fn rcpt(&self, client: &Client, envelope: &Envelope, path: &ForwardPath) -> Verdict {
        self.keep.rcpt(client, envelope, path).await
    }

    async fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> MessageVerdict {
        self.seen.lock().unwrap().insert(thread::current().id());
        self.keep.message(client, envelope, body).await
    }
}

#[test]
fn two_runtimes_share_one_server() {
    let mut server = Server::new(settings());
    let address = server
        .listen_tcp("127.0.0.1:0", ListenerSettings::default())
        .unwrap();
    let (stop, handler) = (server.shutdown_handle(), Arc::new(Threads::default()));
    let runtimes: Vec<_> = [server.try_clone().unwrap(), server]
        .into_iter()
        .map(|server| {
            let handler = Arc::clone(&handler);
            thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(server.serve(handler)).unwrap();
            })
        })
        .collect();

    // Until both have had a message; which of them takes a connection is for the system to say.
    let mut sent = 0;
    while handler.seen.lock().unwrap().len() < 2 {
        let clients: Vec<_> = (0..8)
            .map(|_| thread::spawn(move || deliver(address)))
            .collect();
        for client in clients {
            client.join().unwrap();
            sent += 1;
        }
        assert!(sent < 100_000, "one runtime takes all");
    }
    assert_eq!(handler.keep.kept().len(), sent);

    // One idle session for each runtime, at the least, and both ends are reached.
    let mut idle: Vec<_> = (0..8).map(|_| SocketClient::connect(address)).collect();
    for client in &mut idle {
        assert!(client.line().unwrap().starts_with("220 "));
    }
    stop.drain();
    for client in &mut idle {
        assert!(client.line().unwrap().starts_with("421 4.3.2 "));
    }
    drop(idle);
    let all = async {
        let join = || {
            for runtime in runtimes {
                runtime.join().unwrap();
            }
        };
        tokio::task::spawn_blocking(join).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(watchdog(all));
    assert!(std::net::TcpStream::connect(address).is_err());
}

fn deliver(address: std::net::SocketAddr) {
    let mut client = SocketClient::connect(address);
    client.line().unwrap();
    for (line, code) in [
        ("HELO client.example\r\n", "250"),
        ("MAIL FROM:<a@example.org>\r\n", "250"),
        ("RCPT TO:<b@example.com>\r\n", "250"),
        ("DATA\r\n", "354"),
        ("Hello\r\n.\r\n", "250"),
        ("QUIT\r\n", "221"),
    ] {
        let reply = client.say(line);
        assert!(reply.starts_with(code), "{line} {reply}");
    }
}
