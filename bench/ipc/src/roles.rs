//! What the processes of a run do: the server, and the clients. The program talks with both over
//! their standard input and output, a line at a time, never while calls are timed.

use std::cell::RefCell;
use std::io::{self, BufRead, Write};
use std::ops::Range;
use std::process;

use bytes::Bytes;

use crate::clock::{self, Nanos};
use crate::content::{Answerer, Caller, Content, Faults};
use crate::drive::{CallError, Plan, Stop, drive};
use crate::measure::{ClientReport, ServerReport, Tally};
use crate::peers::{Peer, PeerError};
use crate::setting::{Length, Pin, Setting};

/// The line by which a process says that it is ready.
pub(crate) const READY: &str = "ready";
/// The word by which the server is asked for its report.
pub(crate) const REPORT: &str = "report";

/// How the clients of one process are run, whatever their peer.
pub(crate) type RunClients = fn(&Setting, Range<u64>) -> Result<(), RoleError>;

/// Why a process of a run gave up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    #[error("could not serve")]
    Serve(#[source] PeerError),
    #[error("client {client} could not connect")]
    Connect {
        client: u64,
        #[source]
        source: PeerError,
    },
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("a client's task panicked")]
    Task(#[from] tokio::task::JoinError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("a line could not be understood")]
    Line(#[from] serde_json::Error),
    #[error("this peer has one client per process")]
    OneClient,
}

/// Where a server says that it is open, and gets what its connections answer with.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    payload: usize,
    content: Content,
    faults: Faults,
}

impl Desk {
    /// What answers the requests of one connection, or of one thread.
    pub(crate) fn answerer(&self) -> Answerer {
        Answerer::new(self.payload, self.content, self.faults.clone())
    }

    /// A reply to own, for servers whose handlers share no state but this. What makes it is kept per
    /// thread, so that it costs one allocation, as a reply over such a server does anyway.
    pub(crate) fn answer(&self, request: &[u8]) -> Bytes {
        thread_local! {
            static ANSWERER: RefCell<Option<Answerer>> = const { RefCell::new(None) };
        }
        ANSWERER.with_borrow_mut(|kept| {
            let answerer = kept.get_or_insert_with(|| self.answerer());
            Bytes::copy_from_slice(answerer.answer(request))
        })
    }

    /// Clients may connect from now on.
    #[expect(clippy::unused_self, reason = "only who serves may say so")]
    pub(crate) fn open(&self) -> io::Result<()> {
        say(READY)
    }
}

/// A thread of the server for one client.
pub(crate) fn serve_in_thread(
    serve: impl FnOnce() -> Result<(), PeerError> + Send + 'static,
) -> io::Result<()> {
    let thread = std::thread::Builder::new().stack_size(THREAD_STACK_BYTES);
    thread.spawn(move || give_up_on(serve()))?;
    Ok(())
}

/// Ends a server of which one connection failed, as the run would then count for nothing.
pub(crate) fn give_up_on(outcome: Result<(), PeerError>) {
    if let Err(error) = outcome {
        eprintln!("ipc-peers: a connection of the server failed: {error}");
        process::exit(1);
    }
}

/// The server process.
pub(crate) fn serve(setting: &Setting) -> Result<(), RoleError> {
    begin(setting)?;
    let desk = Desk {
        payload: setting.payload,
        content: content(setting),
        faults: Faults::default(),
    };
    let faults = desk.faults.clone();
    std::thread::Builder::new().spawn(move || {
        let outcome = report_server(&faults);
        process::exit(i32::from(outcome.is_err()));
    })?;
    setting.peer.serve(setting, &desk).map_err(RoleError::Serve)
}

/// Sleeps until the run starts, and until it is over. The end of the input is the end of the
/// program, and so of this process.
fn report_server(faults: &Faults) -> Result<(), RoleError> {
    let start: Nanos = serde_json::from_str(&hear()?)?;
    clock::sleep_until(start)?;
    let before = clock::cpu_time();
    if hear()? == REPORT {
        let report = ServerReport {
            cpu: clock::cpu_time().since(before),
            altered_requests: faults.count(),
        };
        say(&serde_json::to_string(&report)?)?;
        hear()?;
    }
    Ok(())
}

/// A client process with one client, which need not be `Send`.
pub(crate) fn run_one_client<P: Peer>(
    setting: &Setting,
    clients: Range<u64>,
) -> Result<(), RoleError> {
    if clients.end - clients.start != 1 {
        return Err(RoleError::OneClient);
    }
    begin(setting)?;
    setting
        .runtime
        .build()?
        .block_on(one_client::<P>(setting, clients.start))
}

/// A client process with one client, or with a task for each of many.
pub(crate) fn run_any_clients<P: Peer<Link: Send + 'static>>(
    setting: &Setting,
    clients: Range<u64>,
) -> Result<(), RoleError> {
    if clients.end - clients.start == 1 {
        return run_one_client::<P>(setting, clients);
    }
    begin(setting)?;
    setting
        .runtime
        .build()?
        .block_on(many_clients::<P>(setting, clients))
}

async fn one_client<P: Peer>(setting: &Setting, client: u64) -> Result<(), RoleError> {
    let (mut link, mut caller) = connect::<P>(setting, client).await?;
    let warm_up = Plan::warm_up(setting)?;
    let warm = drive(&mut link, &mut caller, 0, &warm_up).await?;
    let (start, stop) = await_start(setting)?;
    let plan = Plan::timed(setting, client, start, stop);
    let before = clock::cpu_time();
    let tally = drive(&mut link, &mut caller, warm.calls(), &plan).await?;
    report_clients(vec![tally], before)
}

async fn many_clients<P: Peer<Link: Send + 'static>>(
    setting: &Setting,
    clients: Range<u64>,
) -> Result<(), RoleError> {
    let mut connected = Vec::new();
    for client in clients.clone() {
        connected.push(connect::<P>(setting, client).await?);
    }
    let warm_up = Plan::warm_up(setting)?;
    let plans = clients.clone().map(|_| warm_up.clone());
    let warm = drive_all(connected.into_iter().map(|(l, c)| (l, c, 0)), plans).await?;
    let (start, stop) = await_start(setting)?;
    let plans = clients.map(|client| Plan::timed(setting, client, start, stop.clone()));
    let warm = warm
        .into_iter()
        .map(|(link, caller, tally)| (link, caller, tally.calls()));
    let before = clock::cpu_time();
    let done = drive_all(warm, plans).await?;
    report_clients(
        done.into_iter().map(|(_, _, tally)| tally).collect(),
        before,
    )
}

type Done<L> = Vec<(L, Caller, Tally)>;

/// Runs every client as a task, in the order given.
async fn drive_all<L: crate::peers::Link + Send + 'static>(
    clients: impl Iterator<Item = (L, Caller, u64)>,
    plans: impl Iterator<Item = Plan>,
) -> Result<Done<L>, RoleError> {
    let tasks: Vec<_> = clients
        .zip(plans)
        .map(|((mut link, mut caller, first), plan)| {
            tokio::spawn(async move {
                let tally = drive(&mut link, &mut caller, first, &plan).await?;
                Ok::<_, CallError>((link, caller, tally))
            })
        })
        .collect();
    let mut done = Vec::with_capacity(tasks.len());
    for task in tasks {
        done.push(task.await??);
    }
    Ok(done)
}

async fn connect<P: Peer>(setting: &Setting, client: u64) -> Result<(P::Link, Caller), RoleError> {
    let link = P::connect(setting, client)
        .await
        .map_err(|source| RoleError::Connect { client, source })?;
    Ok((link, Caller::new(client, setting.payload, content(setting))))
}

/// Says that all is warm, and sleeps until the moment at which all clients begin.
fn await_start(setting: &Setting) -> Result<(Nanos, Stop), RoleError> {
    say(READY)?;
    let start: Nanos = serde_json::from_str(&hear()?)?;
    let stop = match setting.length {
        Length::Lasting(duration) => Stop::at(start.after(duration))?,
        Length::Calls(_) => Stop::never(),
    };
    clock::sleep_until(start)?;
    Ok((start, stop))
}

fn report_clients(tallies: Vec<Tally>, before: Nanos) -> Result<(), RoleError> {
    let cpu = clock::cpu_time().since(before);
    say(&serde_json::to_string(&ClientReport::of(tallies, cpu))?)?;
    // The connection stays until all are done, so that hanging up is in nobody's time.
    hear()?;
    Ok(())
}

/// What every process of a run does first.
fn begin(setting: &Setting) -> io::Result<()> {
    // Should the program be killed, no process of its run goes on.
    let kill = rustix::process::Signal::KILL;
    rustix::process::set_parent_process_death_signal(Some(kill))?;
    if setting.pin == Pin::One {
        let allowed = rustix::thread::sched_getaffinity(None)?;
        let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|cpu| allowed.is_set(*cpu));
        let mut one = rustix::thread::CpuSet::new();
        one.set(first.ok_or_else(|| io::Error::other("no processor is allowed"))?);
        rustix::thread::sched_setaffinity(None, &one)?;
    }
    Ok(())
}

fn content(setting: &Setting) -> Content {
    if setting.peer.supports().makes_content {
        Content::Made
    } else {
        Content::Copied
    }
}

/// A thread per client keeps its messages on the heap and nests little.
const THREAD_STACK_BYTES: usize = 256 * 1024;

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// The next line, without its end; empty when there is none any more.
fn hear() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
