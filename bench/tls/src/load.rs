//! The clients at work: threads that do one thing over and over for a while.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use serde::Serialize;

use crate::receiver::Ports;
use crate::smtp::{Message, Session, SmtpError};
use crate::transport::{Handshake, Security, client_config, source};

/// What a client does again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Workload {
    pub(crate) security: Security,
    pub(crate) operation: Operation,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Operation {
    /// A connection from its first packet to the reply to QUIT, without a message.
    Connection(Handshake),
    /// A message of this many octets on a connection that lasts.
    Message(usize),
}

/// Clients that are connected, warmed up and waiting. They go when this is dropped.
pub(crate) struct Crew {
    clients: Vec<Client>,
    reports: Receiver<Result<u64, LoadError>>,
}

/// What a crew did in one stretch.
pub(crate) struct Stretch {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
}

/// Why a crew did not do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Smtp(#[from] SmtpError),
    #[error("the client has no TLS")]
    Tls(#[from] rustls::Error),
    #[error("made a {made:?} handshake where a {wanted:?} one was wanted")]
    Handshake {
        made: Option<Handshake>,
        wanted: Handshake,
    },
    #[error("does not resume session after session")]
    DoesNotResume,
    #[error("a client is stuck")]
    Stuck,
}

struct Client {
    /// Says until when to work; hanging up says to go home.
    orders: Option<Sender<Instant>>,
    thread: Option<JoinHandle<()>>,
}

impl Crew {
    /// Connects everybody. Returns when all are warm.
    pub(crate) fn ready(
        workload: Workload,
        ports: &Ports,
        trusted: &CertificateDer<'static>,
        sessions: u32,
    ) -> Result<Self, LoadError> {
        let (report, reports) = mpsc::channel();
        let clients = (0..sessions).map(|index| {
            let (orders, ordered) = mpsc::channel();
            let (report, ports, trusted) = (report.clone(), ports.clone(), trusted.clone());
            let thread = thread::spawn(move || {
                let outcome = Worker::new(workload, ports, &trusted, index)
                    .and_then(|worker| worker.work(&ordered, &report));
                if let Err(error) = outcome {
                    // Nobody listens any more when another client has failed first.
                    let _ = report.send(Err(error));
                }
            });
            Client {
                orders: Some(orders),
                thread: Some(thread),
            }
        });
        let crew = Self {
            clients: clients.collect(),
            reports,
        };
        crew.gather(Duration::ZERO)?;
        Ok(crew)
    }

    /// Lets everybody work for this long. What is under way at the end is finished and counted.
    pub(crate) fn work(&self, stretch: Duration) -> Result<Stretch, LoadError> {
        let start = Instant::now();
        for client in &self.clients {
            if let Some(orders) = &client.orders {
                // One that has failed has reported why.
                let _ = orders.send(start + stretch);
            }
        }
        let operations = self.gather(stretch)?;
        Ok(Stretch {
            operations,
            seconds: start.elapsed().as_secs_f64(),
        })
    }

    /// One report of each client, added up.
    fn gather(&self, stretch: Duration) -> Result<u64, LoadError> {
        let mut sum = 0;
        for _ in &self.clients {
            sum += match self.reports.recv_timeout(stretch + PATIENCE) {
                Ok(report) => report?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(LoadError::Stuck);
                }
            };
        }
        Ok(sum)
    }
}

/// Longer than any single reply may take, which fails by itself with a better text.
const PATIENCE: Duration = Duration::from_secs(90);

impl Drop for Crew {
    fn drop(&mut self) {
        for client in &mut self.clients {
            client.orders = None;
        }
        for client in &mut self.clients {
            if let Some(thread) = client.thread.take() {
                // It has reported what went wrong, if anything did.
                let _ = thread.join();
            }
        }
    }
}

/// One client in its thread.
struct Worker {
    workload: Workload,
    ports: Ports,
    tls: Arc<ClientConfig>,
    index: u32,
    connections: u64,
}

impl Worker {
    fn new(
        workload: Workload,
        ports: Ports,
        trusted: &CertificateDer<'static>,
        index: u32,
    ) -> Result<Self, LoadError> {
        let handshake = match workload.operation {
            Operation::Connection(handshake) => handshake,
            Operation::Message(_) => Handshake::Full,
        };
        Ok(Self {
            workload,
            ports,
            tls: client_config(trusted, handshake)?,
            index,
            connections: 0,
        })
    }

    fn work(
        mut self,
        orders: &Receiver<Instant>,
        report: &Sender<Result<u64, LoadError>>,
    ) -> Result<(), LoadError> {
        match self.workload.operation {
            Operation::Connection(handshake) => {
                for number in 0..WARM_UP_CONNECTIONS {
                    let session = self.open()?;
                    // The first has no ticket yet.
                    let resumes = session.handshake() != Some(Handshake::Full);
                    if handshake == Handshake::Resumed && number > 0 && !resumes {
                        return Err(LoadError::DoesNotResume);
                    }
                    session.quit()?;
                }
                follow(orders, report, || self.connection(handshake))
            }
            Operation::Message(octets) => {
                let message = Message::of_size(octets);
                let mut session = self.open()?;
                for _ in 0..WARM_UP_MESSAGES {
                    session.deliver(&message)?;
                }
                follow(orders, report, || Ok(session.deliver(&message)?))?;
                Ok(session.quit()?)
            }
        }
    }

    fn connection(&mut self, wanted: Handshake) -> Result<(), LoadError> {
        let session = self.open()?;
        let made = session.handshake();
        if made.is_some_and(|made| made != wanted) {
            return Err(LoadError::Handshake { made, wanted });
        }
        Ok(session.quit()?)
    }

    fn open(&mut self) -> Result<Session, SmtpError> {
        let from = source(self.index, self.connections);
        self.connections += 1;
        Session::open(&self.ports, self.workload.security, &self.tls, from)
    }
}

/// Does something until the time of each order, and reports how often.
fn follow(
    orders: &Receiver<Instant>,
    report: &Sender<Result<u64, LoadError>>,
    mut once: impl FnMut() -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let _ = report.send(Ok(0));
    while let Ok(end) = orders.recv() {
        let mut done = 0;
        while Instant::now() < end {
            once()?;
            done += 1;
        }
        let _ = report.send(Ok(done));
    }
    Ok(())
}

/// More than the tickets that any receiver hands out at once: one that hands out none on a resumed
/// connection is found out.
const WARM_UP_CONNECTIONS: u32 = 6;
const WARM_UP_MESSAGES: u32 = 20;
