//! iceoryx2, request and response with slices of bytes, a node and a client port per process. In one
//! form both sides poll; in the other they sleep on iceoryx2's events.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::fs;
use std::future::{Future, ready};
use std::hint::spin_loop;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use iceoryx2::config::Config;
use iceoryx2::node::{Node, NodeBuilder};
use iceoryx2::pending_response::PendingResponse;
use iceoryx2::port::client::Client;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::prelude::{LogLevel, SemanticString, ServiceName, ipc, set_log_level};
use iceoryx2::service::port_factory::event;
use iceoryx2::service::port_factory::request_response;

use super::{Link, Peer, PeerError, Supports, copy_reply};
use crate::roles::Desk;
use crate::setting::{Pin, Setting, Wait};

/// Both sides poll their queues.
pub(crate) type Polling = RequestResponse<false>;
/// Both sides sleep until an event comes.
pub(crate) type Events = RequestResponse<true>;

type CallsFactory = request_response::PortFactory<ipc::Service, [u8], (), [u8], ()>;
type Pending = PendingResponse<ipc::Service, [u8], (), [u8], ()>;

pub(crate) enum RequestResponse<const SLEEPING: bool> {}

pub(crate) struct Iceoryx2Link {
    client: Client<ipc::Service, [u8], (), [u8], ()>,
    pending: VecDeque<Pending>,
    idle: Idle,
    // After the ports, which are part of it.
    _node: Node<ipc::Service>,
}

/// What one side does while nothing has come.
enum Idle {
    Spin,
    Yield,
    Sleep {
        here: Box<Listener<ipc::Service>>,
        /// Whom to wake: the server, or the clients by their numbers.
        there: Vec<Notifier<ipc::Service>>,
    },
}

impl<const SLEEPING: bool> Peer for RequestResponse<SLEEPING> {
    const SUPPORTS: Supports = Supports {
        asynchronous: false,
        tokio: false,
        ..Supports::everything(if SLEEPING {
            "iceoryx2 request and response, both sides asleep on its events"
        } else {
            "iceoryx2 request and response, both sides polling"
        })
    };
    type Link = Iceoryx2Link;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let node = node(&setting.folder)?;
        let server = calls(&node, setting)?
            .server_builder()
            .initial_max_slice_len(setting.payload)
            .create()
            .or_fail("make a server port")?;
        let idle = if SLEEPING {
            let clients = 0..u64::from(setting.clients);
            Idle::Sleep {
                here: Box::new(listener(&bell(&node, setting, SERVER_BELL)?)?),
                there: clients
                    .map(|client| notifier(&bell(&node, setting, &client_bell(client))?))
                    .collect::<Result<_, _>>()?,
            }
        } else {
            Idle::polling(setting)
        };
        desk.open()?;
        let mut answerer = desk.answerer();
        loop {
            match server.receive().or_fail("receive a request")? {
                Some(request) => {
                    let reply = answerer.answer(request.payload());
                    let sent = request.loan_slice_uninit(reply.len());
                    let sent = sent.or_fail("loan a reply")?.write_from_slice(reply);
                    sent.send().or_fail("send a reply")?;
                    idle.wake(client_of(request.payload()))?;
                }
                None => idle.wait()?,
            }
        }
    }

    async fn connect(setting: &Setting, client: u64) -> Result<Iceoryx2Link, PeerError> {
        let node = node(&setting.folder)?;
        let idle = if SLEEPING {
            Idle::Sleep {
                here: Box::new(listener(&bell(&node, setting, &client_bell(client))?)?),
                there: vec![notifier(&bell(&node, setting, SERVER_BELL)?)?],
            }
        } else {
            Idle::polling(setting)
        };
        let client = calls(&node, setting)?
            .client_builder()
            .initial_max_slice_len(setting.payload)
            .create()
            .or_fail("make a client port")?;
        Ok(Iceoryx2Link {
            client,
            pending: VecDeque::with_capacity(setting.in_flight as usize),
            idle,
            _node: node,
        })
    }
}

/// Ports stay in the thread that made them, so these do their work before the future exists.
impl Link for Iceoryx2Link {
    fn send(&mut self, request: &[u8]) -> impl Future<Output = Result<(), PeerError>> + Send {
        ready(self.send_now(request))
    }

    fn receive(&mut self, reply: &mut [u8]) -> impl Future<Output = Result<(), PeerError>> + Send {
        ready(self.receive_now(reply))
    }
}

impl Iceoryx2Link {
    fn send_now(&mut self, request: &[u8]) -> Result<(), PeerError> {
        let loan = self.client.loan_slice_uninit(request.len());
        let loan = loan.or_fail("loan a request")?.write_from_slice(request);
        self.pending
            .push_back(loan.send().or_fail("send a request")?);
        self.idle.wake(0)
    }

    fn receive_now(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        let pending = self.pending.pop_front().ok_or(PeerError::NothingInFlight)?;
        loop {
            match pending.receive().or_fail("receive a reply")? {
                Some(response) => return copy_reply(response.payload(), reply),
                None => self.idle.wait()?,
            }
        }
    }
}

impl Idle {
    /// As `ring` does by itself: spinning helps two clients at most, and none on one processor.
    fn polling(setting: &Setting) -> Self {
        match Wait::for_clients(setting.clients, Pin::None) {
            Wait::Spin if setting.pin == Pin::None => Self::Spin,
            _ => Self::Yield,
        }
    }

    fn wait(&self) -> Result<(), PeerError> {
        match self {
            Self::Spin => spin_loop(),
            Self::Yield => thread::yield_now(),
            Self::Sleep { here, .. } => {
                here.blocking_wait(|_| ()).or_fail("wait for an event")?;
            }
        }
        Ok(())
    }

    fn wake(&self, whom: usize) -> Result<(), PeerError> {
        if let Self::Sleep { there, .. } = self {
            let notifier = there.get(whom).ok_or(PeerError::NothingInFlight)?;
            notifier.notify().or_fail("send an event")?;
        }
        Ok(())
    }
}

/// Removes the shared memory of nodes that were killed.
pub(crate) fn clean_up(folder: &Path) -> io::Result<()> {
    let prefix = prefix(folder);
    for entry in fs::read_dir(SHARED_MEMORY)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A node that shares nothing with iceoryx2's other users on this machine, nor with another run.
fn node(folder: &Path) -> Result<Node<ipc::Service>, PeerError> {
    set_log_level(LogLevel::Error);
    let mut config = Config::default();
    let root = SemanticString::new(folder.as_os_str().as_encoded_bytes());
    config
        .global
        .set_root_path(&root.or_fail("use the folder")?);
    config.global.prefix =
        SemanticString::new(prefix(folder).as_bytes()).or_fail("use the folder's name")?;
    NodeBuilder::new()
        .config(&config)
        .create()
        .or_fail("make a node")
}

fn calls(node: &Node<ipc::Service>, setting: &Setting) -> Result<CallsFactory, PeerError> {
    node.service_builder(&service_name("calls")?)
        .request_response::<[u8], [u8]>()
        .max_servers(1)
        .max_clients(setting.clients as usize)
        .max_nodes(setting.clients as usize + 1)
        .max_active_requests_per_client(setting.in_flight as usize)
        .max_loaned_requests(1)
        .max_response_buffer_size(1)
        .open_or_create()
        .or_fail("open the service")
}

fn bell(
    node: &Node<ipc::Service>,
    setting: &Setting,
    name: &str,
) -> Result<event::PortFactory<ipc::Service>, PeerError> {
    node.service_builder(&service_name(name)?)
        .event()
        .max_listeners(1)
        .max_notifiers(setting.clients as usize)
        .max_nodes(setting.clients as usize + 1)
        .open_or_create()
        .or_fail("open an event service")
}

fn listener(bell: &event::PortFactory<ipc::Service>) -> Result<Listener<ipc::Service>, PeerError> {
    bell.listener_builder().create().or_fail("make a listener")
}

fn notifier(bell: &event::PortFactory<ipc::Service>) -> Result<Notifier<ipc::Service>, PeerError> {
    bell.notifier_builder().create().or_fail("make a notifier")
}

fn service_name(name: &str) -> Result<ServiceName, PeerError> {
    ServiceName::new(name).or_fail("use the service's name")
}

fn client_bell(client: u64) -> String {
    format!("client-{client}")
}

/// Who asks: the first word of the stamp.
fn client_of(request: &[u8]) -> usize {
    let client = request.first_chunk().map(|word| u64::from_le_bytes(*word));
    client
        .and_then(|client| usize::try_from(client).ok())
        .unwrap_or(usize::MAX)
}

/// The name of the run's folder, which is its own.
fn prefix(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default();
    format!("{}_", PathBuf::from(name).display())
}

/// iceoryx2 has an error enum for every operation.
trait OrFail<T> {
    fn or_fail(self, doing: &'static str) -> Result<T, PeerError>;
}

impl<T, E: Debug> OrFail<T> for Result<T, E> {
    fn or_fail(self, doing: &'static str) -> Result<T, PeerError> {
        self.map_err(|error| PeerError::Iceoryx2 {
            doing,
            why: format!("{error:?}"),
        })
    }
}

const SERVER_BELL: &str = "server";
/// Where Linux keeps POSIX shared memory.
const SHARED_MEMORY: &str = "/dev/shm";
