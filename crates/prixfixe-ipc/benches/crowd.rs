//! What a server needs for 10,000 channels of 100 processes, and for 9,000 processes with one channel
//! each: descriptors and memory, idle and after a call on every channel.
//!
//! ```sh
//! cargo bench -p prixfixe-ipc --bench crowd -- --check
//! ```
//!
//! With `--check` it ends with 1 where a bound is missed. `--short` takes a tenth of the processes.

mod server_process;

use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::process::{Child, Command};

use prixfixe_ipc::{Address, Connector, Reply, Request, ServerConfig};
use rustix::process::{Resource, Rlimit, Signal};
use server_process::{Failure, ServerProcess, name_to_serve};

/// Octets of requests and replies: those of the calls that most rings only ever see.
const PAYLOAD: usize = 1024;
/// Descriptors that a process may commonly have.
const LIMIT: usize = 20_000;
/// Descriptors of a server beside one for each client process: its input and output, the listener, the
/// poller, what it shares with all, and two for its trust domain.
const OWN: usize = 16;
/// Processes that are started before the next is waited for: below the handshakes that a server takes at
/// the same time.
const AT_ONCE: usize = 32;

/// A crowd, and what it must not exceed.
struct Crowd {
    processes: usize,
    channels: usize,
}

const CROWDS: [Crowd; 2] = [
    Crowd {
        processes: 100,
        channels: 100,
    },
    Crowd {
        processes: 9_000,
        channels: 1,
    },
];

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    raise_descriptors()?;
    if let Some(name) = name_to_serve() {
        return server_process::serve(&name, ServerConfig::default(), |server| {
            server
                .serve(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))
        });
    }
    if let [role, name, channels] = &arguments[..]
        && role == "hold"
    {
        return hold(name, channels.parse()?);
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let share = if has("--short") { 10 } else { 1 };
    println!("processes   channels each   when    descriptors   RssAnon   RssShmem   VmPTE   (kB)");
    let mut missed = Vec::new();
    for crowd in CROWDS {
        missed.extend(crowd.measure(share)?);
    }
    for bound in &missed {
        println!("missed: {bound}");
    }
    if has("--check") && !missed.is_empty() {
        std::process::exit(1);
    }
    Ok(())
}

impl Crowd {
    /// Prints what a server needs for one `share`-th of the processes, and returns the bounds it misses.
    fn measure(&self, share: usize) -> Result<Vec<String>, Failure> {
        let processes = self.processes / share;
        let server = ServerProcess::start("crowd")?;
        let mut held = Held::of(processes, self.channels, &server.address)?;
        self.show(processes, "idle", &server)?;
        held.call()?;
        self.show(processes, "called", &server)?;
        let used = descriptors(server.id())?;
        let most = (processes + OWN).min(LIMIT);
        let missed = (used > most).then(|| format!("{used} descriptors, and at most {most}"));
        Ok(missed.into_iter().collect())
    }

    fn show(&self, processes: usize, when: &str, server: &ServerProcess) -> Result<(), Failure> {
        let pid = server.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let [anonymous, shared, tables] = ["RssAnon:", "RssShmem:", "VmPTE:"].map(|name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next())
                .unwrap_or("?")
        });
        println!(
            "{processes:>9}   {:>13}   {when:<6}  {:>11}   {anonymous:>7}   {shared:>8}   {tables:>5}",
            self.channels,
            descriptors(pid)?
        );
        Ok(())
    }
}

/// Client processes that are connected. All share two pipes with this one, so that it needs no
/// descriptors for each.
struct Held {
    processes: Vec<Child>,
    go: PipeWriter,
    done: PipeReader,
}

impl Held {
    fn of(processes: usize, channels: usize, server: &Address) -> Result<Self, Failure> {
        let (gone, go) = pipe()?;
        let (done, doing) = pipe()?;
        let mut held = Self {
            processes: Vec::with_capacity(processes),
            go,
            done,
        };
        while held.processes.len() < processes {
            let batch = AT_ONCE.min(processes - held.processes.len());
            for _ in 0..batch {
                let process = Command::new(std::env::current_exe()?)
                    .args(["hold", &server.to_string(), &channels.to_string()])
                    .stdin(gone.try_clone()?)
                    .stdout(doing.try_clone()?)
                    .spawn()?;
                held.processes.push(process);
            }
            held.hear(batch)?;
        }
        Ok(held)
    }

    /// Has each make a call on each of its channels.
    fn call(&mut self) -> Result<(), Failure> {
        for sent in 0..self.processes.len() {
            // A pipe holds many more, but not any number.
            self.go.write_all(b"c")?;
            if sent % AT_ONCE == AT_ONCE - 1 {
                self.hear(AT_ONCE)?;
            }
        }
        self.hear(self.processes.len() % AT_ONCE)
    }

    /// Waits for a word of so many processes.
    fn hear(&mut self, count: usize) -> Result<(), Failure> {
        let mut words = vec![0; count];
        self.done.read_exact(&mut words)?;
        if words.iter().all(|word| *word == b'd') {
            return Ok(());
        }
        Err("a client process failed".into())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Fails for one that has ended, which is what is wanted.
            let _ = process.kill();
        }
        for process in &mut self.processes {
            let _ = process.wait();
        }
    }
}

/// A client process: connects, says so, calls when it is told to, says so, and waits to be killed.
fn hold(server: &str, channels: usize) -> Result<(), Failure> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let connector = Connector::new(server.parse()?);
    let held: Result<Vec<_>, _> = (0..channels).map(|_| connector.client()).collect();
    let say = |word: &[u8]| {
        std::io::stdout()
            .write_all(word)
            .and_then(|()| std::io::stdout().flush())
    };
    let Ok(mut clients) = held.inspect_err(|error| eprintln!("{error}")) else {
        say(b"f")?;
        return Ok(());
    };
    say(b"d")?;
    // One octet and no more: the others are for the other processes.
    rustix::io::read(std::io::stdin(), &mut [0])?;
    let request = [7; PAYLOAD];
    let served = clients
        .iter_mut()
        .all(|client| client.call(&request).completed() == Ok(&request[..]));
    say(if served { b"d" } else { b"f" })?;
    loop {
        std::thread::park();
    }
}

fn descriptors(pid: u32) -> Result<usize, Failure> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Up to the limit that is not to be exceeded, where this process may.
fn raise_descriptors() -> Result<(), Failure> {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = limit
        .maximum
        .map_or(LIMIT as u64, |most| most.min(LIMIT as u64));
    let raised = Rlimit {
        current: Some(wanted),
        ..limit
    };
    Ok(rustix::process::setrlimit(Resource::Nofile, raised)?)
}
