//! A server on a thread of the test.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::fates::Fates;
use super::fault::{Away, Fault};
use super::handler::{AtOnce, Scripted};
use super::script::Script;
use crate::address::Address;
use crate::server::{AsyncHandler, BindError, Handler, Server, ServerConfig};
use crate::sys::BindFailure;

/// A server in this process, at an address of its own, whose calls go wrong as the test says. The
/// module has an [example](super).
///
/// Dropping it stops the server. What the handler keeps outlives a hang-up.
pub struct TestServer {
    address: Address,
    script: Arc<Script>,
    /// Serves once more at the address.
    serve: Box<dyn Fn() -> io::Result<Thread> + Send + Sync>,
    threads: Mutex<Vec<Thread>>,
}

type Thread = JoinHandle<()>;

impl TestServer {
    /// A server whose `handler` answers one call after the other.
    ///
    /// # Errors
    /// When there is no address to be had, or no thread.
    pub fn start(
        config: ServerConfig,
        handler: impl Handler + Send + 'static,
    ) -> Result<Self, BindError> {
        Self::start_async(config, AtOnce(handler))
    }

    /// A server whose `handler` takes its time. Where this is called on a tokio runtime, the handler
    /// runs in its context.
    ///
    /// # Errors
    /// When there is no address to be had, or no thread.
    pub fn start_async<H>(config: ServerConfig, handler: H) -> Result<Self, BindError>
    where
        H: AsyncHandler + Send + 'static,
    {
        let address = fresh_address()?;
        let script = Arc::<Script>::default();
        let stage = Stage {
            address: address.clone(),
            config,
            handler: Arc::new(Mutex::new(handler)),
            script: Arc::clone(&script),
            #[cfg(feature = "tokio")]
            runtime: tokio::runtime::Handle::try_current().ok(),
        };
        let first = stage.try_bind()?;
        let first = stage.serve(Some(first))?;
        Ok(Self {
            address,
            script,
            serve: Box::new(move || stage.serve(None)),
            threads: Mutex::new(vec![first]),
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Lets something go wrong, after what was injected before and is still to happen.
    pub fn inject(&self, fault: Fault) {
        self.script.inject(fault);
    }

    /// Takes back what was injected and has not happened.
    pub fn clear(&self) {
        self.script.clear();
    }

    /// Faults that are still to happen, but for those that happen [always](Fault::always).
    pub fn pending(&self) -> usize {
        self.script.pending()
    }

    /// Calls that the server has seen, whatever became of them; one that was sent again counts again.
    pub fn calls(&self) -> u64 {
        self.script.calls()
    }

    /// Calls that the handler had.
    pub fn executed(&self) -> u64 {
        self.script.executed()
    }

    /// Hangs up on everybody now.
    pub fn hang_up(&self, away: Away) {
        self.script.hang_up(away);
    }

    /// Has a server that is away come back.
    pub fn come_back(&self) {
        self.script.come_back();
    }

    /// Lets the server drain, as [`Stopper::drain`](crate::Stopper::drain), while its successor takes
    /// its place, with the same handler and script.
    ///
    /// # Errors
    /// When there is no thread for the successor: then nobody is there any more.
    pub fn replace(&self, within: Duration) -> io::Result<()> {
        self.script.drain(within);
        let successor = (self.serve)()?;
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.push(successor);
        Ok(())
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.script.end();
        let threads = self.threads.get_mut();
        for thread in threads.unwrap_or_else(PoisonError::into_inner).drain(..) {
            // A panic of the server was shown when it happened; a second one here would abort.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for TestServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("TestServer")
            .field("address", &self.address)
            .field("calls", &self.calls())
            .field("executed", &self.executed())
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}

/// What every server at the address has.
struct Stage<H> {
    address: Address,
    config: ServerConfig,
    handler: Arc<Mutex<H>>,
    script: Arc<Script>,
    #[cfg(feature = "tokio")]
    runtime: Option<tokio::runtime::Handle>,
}

impl<H> Clone for Stage<H> {
    fn clone(&self) -> Self {
        Self {
            address: self.address.clone(),
            config: self.config.clone(),
            handler: Arc::clone(&self.handler),
            script: Arc::clone(&self.script),
            #[cfg(feature = "tokio")]
            runtime: self.runtime.clone(),
        }
    }
}

impl<H: AsyncHandler + Send + 'static> Stage<H> {
    /// Serves on a thread of its own, from `first` on, which is bound already.
    fn serve(&self, first: Option<Bound>) -> io::Result<Thread> {
        let stage = self.clone();
        std::thread::Builder::new()
            .name("prixfixe-ipc-test".to_owned())
            .spawn(move || stage.run(first))
    }

    fn run(self, first: Option<Bound>) {
        #[cfg(feature = "tokio")]
        let _context = self.runtime.as_ref().map(tokio::runtime::Handle::enter);
        let mut next = first.or_else(|| self.bind());
        // Ends with the test, or when another server takes the place.
        while let Some(Bound { server, fates }) = next {
            fates.belong_to(server.stopper());
            let number = self.script.arrived(server.stopper());
            let handler = Scripted {
                handler: Arc::clone(&self.handler),
                fates,
            };
            if let Err(error) = server.serve_async(handler) {
                tracing::error!(%error, "a test server cannot serve");
            }
            if !self.script.may_come_back(number) {
                return;
            }
            next = self.bind();
        }
    }

    /// Binds as soon as the server before has left.
    fn bind(&self) -> Option<Bound> {
        // Ends with the test at the latest.
        loop {
            match self.try_bind() {
                Ok(bound) => return Some(bound),
                Err(BindError::Address(BindFailure::AlreadyServing)) if !self.script.is_over() => {
                    std::thread::sleep(BETWEEN_BINDS);
                }
                Err(error) => {
                    tracing::error!(%error, "a test server cannot come back");
                    return None;
                }
            }
        }
    }

    fn try_bind(&self) -> Result<Bound, BindError> {
        let fates = Arc::new(Fates::new(Arc::clone(&self.script)));
        let config = self.config.clone().with_faults(Arc::clone(&fates) as _);
        let server = Server::bind(&self.address, config)?;
        Ok(Bound { server, fates })
    }
}

/// A server that serves nobody yet.
struct Bound {
    server: Server,
    fates: Arc<Fates>,
}

/// Between two attempts to take an address that is about to be left.
const BETWEEN_BINDS: Duration = Duration::from_millis(1);

/// Nobody else's, as far as chance goes.
fn fresh_address() -> io::Result<Address> {
    let chance = RandomState::new().build_hasher().finish();
    let name = format!("prixfixe-testing-{}-{chance:016x}", std::process::id());
    Address::abstract_name(name).map_err(io::Error::other)
}
