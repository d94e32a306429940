//! What every test of death has: a directory with a socket and a journal, and servers there.

use std::path::PathBuf;
use std::time::Duration;

use prixfixe_ipc::fault_point::FAULT_VARIABLE;
use prixfixe_ipc::{Address, workload};

use super::caller::{Caller, Style};
use super::journal::Journal;
use super::leaks::names_in;
use super::process::Process;
use super::roles::{CLIENT, DIRECTORY_VARIABLE, PREDECESSOR_VARIABLE, SERVER, SUCCESSOR};

/// The bytes of every reply, and of requests that are not sealed.
pub(crate) const LENGTH: usize = 200;

/// Far beyond every watchdog: whoever waits for as long hangs.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(3600);

pub(crate) struct Scene {
    directory: PathBuf,
    /// Removes it.
    _guard: Option<tempfile::TempDir>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        Self {
            directory: guard.path().into(),
            _guard: Some(guard),
        }
    }

    /// The scene that the process was started for.
    pub(crate) fn of_child() -> Self {
        Self {
            directory: std::env::var_os(DIRECTORY_VARIABLE).unwrap().into(),
            _guard: None,
        }
    }

    pub(crate) fn address(&self) -> Address {
        Address::path(self.directory.join("socket")).unwrap()
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::at(&self.directory.join("journal"))
    }

    /// What is in the directory, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(self.directory.to_str().unwrap())
    }

    /// While it is missing, handlers of calls that ask for it wait.
    pub(crate) fn gate(&self) -> PathBuf {
        self.directory.join("gate")
    }

    /// A server that listens, with a fault armed in it.
    pub(crate) fn server(&self, fault: &str) -> Process {
        let server = self.start(SERVER, &[(FAULT_VARIABLE, fault)]);
        server.expect("listening");
        server
    }

    /// A server that begins to listen once `predecessor` is dead.
    pub(crate) fn successor(&self, predecessor: &Process) -> Process {
        let pid = predecessor.pid().to_string();
        self.start(SUCCESSOR, &[(PREDECESSOR_VARIABLE, &pid)])
    }

    /// A client process, which does what it is told.
    pub(crate) fn client(&self, fault: &str) -> Process {
        self.start(CLIENT, &[(FAULT_VARIABLE, fault)])
    }

    pub(crate) fn start(&self, role: &str, settings: &[(&str, &str)]) -> Process {
        let directory = self.directory.to_str().unwrap();
        let here = [(DIRECTORY_VARIABLE, directory)];
        Process::start(role, &[&here, settings].concat())
    }

    pub(crate) fn caller(&self, number: u32) -> Caller {
        self.caller_of(number, Style::Blocking)
    }

    pub(crate) fn caller_of(&self, number: u32, style: Style) -> Caller {
        Caller::new(&self.address(), number, style)
    }
}

/// What the server's handler does with a call beside answering it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    Plain,
    /// It waits until the calling thread sleeps.
    Asleep,
    /// It waits for the gate.
    Gated,
    /// It has its server drain, and waits for the gate.
    Draining,
    /// None, but its request is a sealed message.
    Sealed,
}

impl Kind {
    pub(crate) fn from_number(number: u32) -> Self {
        match number {
            1 => Self::Asleep,
            2 => Self::Gated,
            3 => Self::Draining,
            4 => Self::Sealed,
            _ => Self::Plain,
        }
    }

    /// Bytes of its requests.
    pub(crate) const fn length(self) -> usize {
        match self {
            // As long as it has to be for its memory to be lent.
            Self::Sealed => 256 << 10,
            _ => LENGTH,
        }
    }
}

/// The type of calls that arm a fault in the server.
pub(crate) const ARM: u32 = 99;

/// Made of a number of its own and that of its thread.
pub(crate) fn client_number(number: u32, thread: u32) -> u64 {
    u64::from(number) << 32 | u64::from(thread)
}

/// The thread that a client's number names.
pub(crate) fn thread_of(client: u64) -> u32 {
    u32::try_from(client & u64::from(u32::MAX)).unwrap()
}

pub(crate) fn caller_id(client: u64, call: u64) -> u128 {
    u128::from(client) << 64 | u128::from(call)
}

/// What [`caller_id`] was made of.
pub(crate) fn client_and_call(id: u128) -> (u64, u64) {
    let call = id & u128::from(u64::MAX);
    (
        u64::try_from(id >> 64).unwrap(),
        u64::try_from(call).unwrap(),
    )
}

/// Whether these are the bytes that the server answers this call with.
pub(crate) fn is_reply(bytes: &[u8], client: u64, call: u64) -> bool {
    let mut scratch = [0; LENGTH];
    let expected = workload::expected_digest(&mut scratch, workload::replying_to(client), call);
    workload::digest(bytes) == expected
}
