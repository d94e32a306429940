//! Servers whose calls wait until a test lets them go on.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use prixfixe_ipc::{
    Address, BindError, BindFailure, Call, Cause, Connector, Executed, Outcome, OwnedReply,
    OwnedRequest, RunningServer, Server, ServerConfig,
};
use tokio::sync::Semaphore;

/// Longer than anything takes that does not hang.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// A deadline that is to pass.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

pub(crate) fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-drain-{name}-{}", std::process::id())).unwrap()
}

/// A server whose calls wait for the gate, unless they are of type 1, and are answered with its name.
pub(crate) struct Stage {
    pub(crate) gate: Arc<Semaphore>,
    pub(crate) begun: Arc<AtomicU64>,
    pub(crate) server: RunningServer,
}

impl Stage {
    pub(crate) fn new(address: &Address, name: &'static str, max_running: usize) -> Self {
        let mut config = ServerConfig::default();
        config.max_running = NonZeroUsize::new(max_running).unwrap();
        let server = bind(address, &config);
        let gate = Arc::new(Semaphore::new(0));
        let begun = Arc::new(AtomicU64::new(0));
        let (gated, counted) = (Arc::clone(&gate), Arc::clone(&begun));
        let handler = move |request: OwnedRequest, mut reply: OwnedReply| {
            counted.fetch_add(1, Ordering::SeqCst);
            let gate = Arc::clone(&gated);
            async move {
                if request.message_type() != 1 {
                    gate.acquire().await.unwrap().forget();
                }
                reply.write(name.as_bytes())
            }
        };
        Self {
            gate,
            begun,
            server: server.spawn_async(handler).unwrap(),
        }
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn await_begun(&self, calls: u64) {
        await_that(|| self.begun() == calls);
    }

    pub(crate) fn drain(&self, within: Duration) {
        self.server.stopper().drain(within);
    }
}

/// Binds once the server before has closed the address.
pub(crate) fn bind(address: &Address, config: &ServerConfig) -> Server {
    loop {
        match Server::bind(address, config.clone()) {
            Ok(server) => return server,
            Err(BindError::Address(BindFailure::AlreadyServing)) => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn await_that(so: impl Fn() -> bool) {
    while !so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Makes a call of a client of its own, and returns who answered.
pub(crate) fn call_aside(connector: &Connector, timeout: Duration) -> JoinHandle<Outcome<String>> {
    let mut client = connector.client().unwrap();
    std::thread::spawn(move || text(client.call(Call::new(b"x").timeout(timeout))))
}

pub(crate) fn text(outcome: Outcome<&[u8]>) -> Outcome<String> {
    outcome.map(|reply| String::from_utf8(reply.to_vec()).unwrap())
}

pub(crate) fn by(name: &str) -> Outcome<String> {
    Outcome::Completed(name.to_owned())
}

pub(crate) fn quick() -> Call<'static> {
    Call::new(b"x").message_type(1).timeout(LONG)
}

pub(crate) fn failure<R>(outcome: &Outcome<R>) -> (Cause, Executed) {
    match outcome {
        Outcome::Failed(failure) => (failure.cause, failure.executed),
        Outcome::Completed(_) | Outcome::Refused(_) => panic!("there was an answer"),
    }
}
