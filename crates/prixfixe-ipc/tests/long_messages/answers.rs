//! A server that answers with bytes made from the request, and one that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;

use prixfixe_ipc::{
    Address, Call, Client, Outcome, OwnedReply, OwnedRequest, Refusal, Reply, Request,
    RunningServer, Server, ServerConfig, workload,
};

use super::MIB;

/// Answers with as many bytes as the message type says, made from the digest of the request.
pub(crate) fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    let length = request.message_type() as usize;
    let digest = workload::digest(request.payload());
    workload::fill(reply.extend(length)?, 3, digest);
    Ok(())
}

pub(crate) async fn answer_later(
    request: OwnedRequest,
    mut reply: OwnedReply,
) -> Result<(), Refusal> {
    std::future::ready(()).await;
    let length = request.message_type() as usize;
    let digest = workload::digest(request.payload());
    workload::fill(reply.extend(length)?, 3, digest);
    Ok(())
}

pub(crate) fn address(name: &str) -> Address {
    Address::abstract_name(format!(
        "prixfixe-long-messages-{name}-{}",
        std::process::id()
    ))
    .unwrap()
}

/// A server that nobody serves yet.
pub(crate) fn bind(name: &str) -> (Address, Server) {
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    (address, server)
}

/// A server whose handler answers at once, and one whose handler answers later.
pub(crate) fn serve_both(name: &str) -> [(Address, RunningServer); 2] {
    let (at_once, server) = bind(name);
    let at_once = (at_once, server.spawn(answer).unwrap());
    let (later, server) = bind(&format!("{name}-later"));
    let later = (later, server.spawn_async(answer_later).unwrap());
    [at_once, later]
}

/// What [`answer`] replies to `request`.
pub(crate) fn expected(request: &[u8], length: usize) -> Vec<u8> {
    let mut reply = vec![0; length];
    workload::fill(&mut reply, 3, workload::digest(request));
    reply
}

/// A server that stands still within the call of somebody else.
pub(crate) struct Standing {
    executed: Arc<AtomicUsize>,
    release: Sender<()>,
    stander: JoinHandle<()>,
    _server: RunningServer,
}

impl Standing {
    /// The server, and a client that was let in before it stood still.
    pub(crate) fn new(name: &str) -> (Self, Client) {
        let connect = |address: &Address| Client::connect(address).unwrap();
        Self::with(name, ServerConfig::default(), connect)
    }

    /// The server, and what `before` makes before it stands still.
    pub(crate) fn with<T>(
        name: &str,
        config: ServerConfig,
        before: impl FnOnce(&Address) -> T,
    ) -> (Self, T) {
        let address = address(name);
        let server = Server::bind(&address, config).unwrap();
        let (entered, wait_entered) = std::sync::mpsc::channel();
        let (release, wait_release) = std::sync::mpsc::channel::<()>();
        let executed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&executed);
        let server = server
            .spawn(move |request: Request<'_>, reply: &mut Reply<'_>| {
                if request.payload() == b"stand still" {
                    entered.send(()).unwrap();
                    wait_release.recv().unwrap();
                }
                let long = request.payload().len() >= MIB;
                count.fetch_add(usize::from(long), Ordering::SeqCst);
                reply.write(b"done")
            })
            .unwrap();
        let made = before(&address);
        let stander = std::thread::spawn(move || {
            let mut client = Client::connect(&address).unwrap();
            let outcome = client.call(b"stand still");
            assert_eq!(outcome, Outcome::Completed(&b"done"[..]));
        });
        wait_entered.recv().unwrap();
        let standing = Self {
            executed,
            release,
            stander,
            _server: server,
        };
        (standing, made)
    }

    /// Lets it go on, has `client` make a shorter call behind what it made before, and says how many requests
    /// of a mebibyte and more were executed.
    pub(crate) fn executed_in_the_end(self, client: &mut Client, last: Call<'_>) -> usize {
        self.go_on();
        self.stander.join().unwrap();
        assert_eq!(client.call(last), Outcome::Completed(&b"done"[..]));
        self.executed.load(Ordering::SeqCst)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.release.send(()).unwrap();
    }
}
