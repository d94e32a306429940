//! The server process of a level.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;
use prixfixe_ipc::{Refusal, Reply, Request, ServerConfig};

use super::journal::{Journal, JournalFile};
use super::payload::Seen;
use super::setting::{ServerSetting, address};
use crate::cli::Outcome;
use crate::ipc::clock::{self, Nanos};
use crate::ipc::in_words;
use crate::ipc::parent::{begin, hear, say};

/// The server process of a level.
#[derive(Debug, Args)]
pub(in crate::ipc) struct StressServer {
    /// As JSON
    setting: String,
}

/// The word by which the server is asked for its journal, which it then begins anew.
pub(super) const JOURNAL: &str = "journal";

/// What a request asks of the handler, by its message type.
pub(super) mod ask {
    /// A reply of its length.
    pub(in super::super) const REPLY: u32 = 0;
    /// The same, after [`super::DAWDLE`].
    pub(in super::super) const DAWDLE: u32 = 1;
    /// A failure.
    pub(in super::super) const FAIL: u32 = 2;
    /// A panic.
    pub(in super::super) const PANIC: u32 = 3;
}

/// Longer than the shortest deadline of a call, and short enough not to stop everybody else.
pub(super) const DAWDLE: Duration = Duration::from_millis(3);

impl StressServer {
    /// Serves until its parent is gone.
    pub(in crate::ipc) fn run(self) -> io::Result<Outcome> {
        let setting: ServerSetting = serde_json::from_str(&self.setting)?;
        begin()?;
        let book = match &setting.journal {
            Some(path) => Execution::Kept(JournalFile::open(path)?),
            None => Execution::InMemory(Shared::new(setting.clients)),
        };
        let address = address(&setting.address).map_err(|error| in_words(&error))?;
        let server = prixfixe_ipc::Server::bind(&address, ServerConfig::default())
            .map_err(|error| in_words(&error))?;
        let listening = clock::now();
        let asked = match &book {
            Execution::InMemory(journal) => Some(journal.clone()),
            Execution::Kept(_) => None,
        };
        std::thread::Builder::new().spawn(move || {
            let answered = answer_parent(listening, asked.as_ref());
            // The end of the input is the end of the parent, and so of this process.
            std::process::exit(i32::from(answered.is_err()));
        })?;
        pass_over_panics_that_were_asked_for();
        server.serve(handler(book))?;
        Ok(Outcome::Done)
    }
}

/// The panic of a handler that was asked for one.
struct AsAsked;

/// Others are told as usual.
fn pass_over_panics_that_were_asked_for() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.payload().is::<AsAsked>() {
            usual(panic);
        }
    }));
}

fn answer_parent(listening: Nanos, journal: Option<&Shared>) -> io::Result<()> {
    say(&serde_json::to_string(&listening)?)?;
    while hear()? == JOURNAL {
        let mut journal = match journal {
            Some(journal) => journal.lock(),
            None => return Err(io::ErrorKind::Unsupported.into()),
        };
        say(&serde_json::to_string(&*journal)?)?;
        journal.clear();
    }
    Ok(())
}

/// Where executions are written down.
enum Execution {
    InMemory(Shared),
    Kept(JournalFile),
}

/// A journal that the handler writes and the parent asks for.
#[derive(Clone)]
struct Shared(Arc<Mutex<Journal>>);

impl Shared {
    fn new(clients: u32) -> Self {
        Self(Arc::new(Mutex::new(Journal::new(clients))))
    }

    fn lock(&self) -> MutexGuard<'_, Journal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Execution {
    fn record(&mut self, seen: Seen) {
        match self {
            Self::InMemory(journal) => {
                journal.lock().record(seen.client, seen.call, seen.intact);
            }
            Self::Kept(file) => {
                let written = file.record(seen.client, seen.call, seen.intact);
                if let Err(error) = written {
                    // An execution that is not in the journal would be called lost: better no server.
                    let _ = io::Write::write_fmt(
                        &mut io::stderr(),
                        format_args!("the journal cannot be written: {error}\n"),
                    );
                    std::process::exit(1);
                }
            }
        }
    }
}

/// Reads all of every request, writes it down, and does what its type asks for.
fn handler(
    mut execution: Execution,
) -> impl FnMut(Request<'_>, &mut Reply<'_>) -> Result<(), Refusal> {
    let mut scratch = Vec::new();
    move |request, reply| {
        let Some(seen) = Seen::of(&request, &mut scratch) else {
            return Err(Refusal::UnknownType);
        };
        execution.record(seen);
        match request.message_type() {
            ask::REPLY => {}
            ask::DAWDLE => std::thread::sleep(DAWDLE),
            ask::FAIL => return Err(Refusal::HandlerFailed),
            ask::PANIC => std::panic::panic_any(AsAsked),
            _ => return Err(Refusal::UnknownType),
        }
        seen.answer(request.payload().len(), reply)
    }
}
