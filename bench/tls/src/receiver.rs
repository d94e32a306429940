//! A started receiver: its ports, its processes, and its end.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::account;
use crate::receivers::Kind;

/// A receiver that answers on its ports. It is stopped when this is dropped.
pub(crate) struct Receiver {
    pub(crate) kind: Kind,
    pub(crate) ports: Ports,
    process: Child,
    log: PathBuf,
    /// Folders where accepted mail waits for delivery, which is part of what it costs.
    queues: Vec<PathBuf>,
}

/// Where a receiver listens.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// Without TLS at first, and with STARTTLS.
    pub(crate) plain: SocketAddr,
    /// TLS from the start, RFC 8314; not everybody has it.
    pub(crate) implicit: Option<SocketAddr>,
}

/// Why there is no receiver.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiverError {
    #[error("{0} could not be prepared")]
    Prepare(Kind, #[source] io::Error),
    #[error("{program} could not be run; {advice}")]
    Run {
        program: String,
        advice: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("`{command}` failed:\n{output}")]
    Failed { command: String, output: String },
    #[error("{kind} ended with {status}:\n{log}")]
    Ended {
        kind: Kind,
        status: String,
        log: String,
    },
    #[error("{kind} did not answer on {address} within {START_LIMIT:?}:\n{log}")]
    Silent {
        kind: Kind,
        address: SocketAddr,
        log: String,
    },
    #[error("the queue of {0} does not drain")]
    FullQueue(Kind),
}

impl Receiver {
    /// Runs a command that becomes a receiver; returns when it answers on its ports.
    pub(crate) fn start(
        kind: Kind,
        mut command: Command,
        ports: Ports,
        queues: Vec<PathBuf>,
        folder: &Path,
    ) -> Result<Self, ReceiverError> {
        let prepare = |error| ReceiverError::Prepare(kind, error);
        let log = folder.join(format!("{kind}.log"));
        let output = File::create(&log).map_err(prepare)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(prepare)?)
            .stderr(output);
        let process = command.spawn().map_err(|source| ReceiverError::Run {
            program: command.get_program().to_string_lossy().into_owned(),
            advice: kind.needs(),
            source,
        })?;
        let mut receiver = Self {
            kind,
            ports,
            process,
            log,
            queues,
        };
        receiver.await_greeting()?;
        Ok(receiver)
    }

    /// The process above all others of the receiver.
    pub(crate) fn root(&self) -> u32 {
        self.process.id()
    }

    /// The processor time it has used so far.
    pub(crate) fn processor_time(&self) -> Duration {
        account::processor_time(self.root())
    }

    /// Returns when everything that was accepted has been paid for.
    pub(crate) fn settle(&mut self) -> Result<(), ReceiverError> {
        thread::sleep(SETTLE);
        let end = Instant::now() + DRAIN_LIMIT;
        while self.queues.iter().any(|queue| holds_files(queue)) {
            if Instant::now() > end {
                return Err(ReceiverError::FullQueue(self.kind));
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.alive()
    }

    fn await_greeting(&mut self) -> Result<(), ReceiverError> {
        let end = Instant::now() + START_LIMIT;
        let implicit = self.ports.implicit;
        for (address, greets) in [(Some(self.ports.plain), true), (implicit, false)] {
            let Some(address) = address else { continue };
            while !answers(address, greets) {
                self.alive()?;
                if Instant::now() > end {
                    return Err(ReceiverError::Silent {
                        kind: self.kind,
                        address,
                        log: self.end_of_log(),
                    });
                }
                thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(())
    }

    fn alive(&mut self) -> Result<(), ReceiverError> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            other => Err(ReceiverError::Ended {
                kind: self.kind,
                status: other.map_or_else(
                    |error| error.to_string(),
                    |status| status.map_or_else(String::new, |status| status.to_string()),
                ),
                log: self.end_of_log(),
            }),
        }
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let start = log.len().saturating_sub(LOG_SHOWN);
        String::from_utf8_lossy(&log[start..]).into_owned()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.process), Signal::TERM);
        let end = Instant::now() + STOP_LIMIT;
        while matches!(self.process.try_wait(), Ok(None)) {
            if Instant::now() > end {
                let _ = self.process.kill();
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
/// What a receiver does after its last reply, such as closing connections, is part of its cost.
const SETTLE: Duration = Duration::from_millis(100);
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
const LOG_SHOWN: usize = 2000;

/// A port of loopback that nobody uses at this moment.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn answers(address: SocketAddr, greets: bool) -> bool {
    let greeting = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1))?;
        if greets {
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.read_exact(&mut [0; 4])?;
        }
        Ok::<_, io::Error>(())
    };
    greeting().is_ok()
}

fn holds_files(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        if path.is_dir() {
            holds_files(&path)
        } else {
            true
        }
    })
}

/// Runs a command of the preparations to its end.
pub(crate) fn prepare(command: &mut Command, advice: &'static str) -> Result<(), ReceiverError> {
    let output = command.output().map_err(|source| ReceiverError::Run {
        program: command.get_program().to_string_lossy().into_owned(),
        advice,
        source,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(ReceiverError::Failed {
        command: format!("{command:?}"),
        output: String::from_utf8_lossy(&text).into_owned(),
    })
}
