//! Servers that the lab starts itself: `prixfixe serve` of this same program, on loopback.

mod readiness;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How a server is to be started.
#[derive(Debug, Clone)]
pub(super) struct ServerPlan {
    /// What messages and errors call it: `server 1`.
    pub(super) name: String,
    /// Its own folder, made if it is not there: the store, the settings and the log.
    pub(super) folder: PathBuf,
    /// The text of a settings file. Address, store, admin listener and log are the lab's to set;
    /// a `[[listener]]` adds to its address.
    pub(super) settings: String,
    /// Settings on top of that text, each `KEY=VALUE`.
    pub(super) sets: Vec<String>,
    /// `IP:PORT`; port 0 takes a free one.
    pub(super) listen: String,
    /// Whether it ends with the lab.
    pub(super) life: Life,
}

impl ServerPlan {
    /// A server on a free port that ends with the lab.
    pub(super) fn new(name: impl Into<String>, folder: PathBuf, settings: &str) -> Self {
        Self {
            name: name.into(),
            folder,
            settings: settings.to_owned(),
            sets: Vec::new(),
            listen: "127.0.0.1:0".to_owned(),
            life: Life::OfTheLab,
        }
    }

    /// Where its messages are.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.join("store")
    }

    /// Where its log is, as JSON lines. A restart adds to it.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("server.log")
    }
}

/// When a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Life {
    /// With the lab at the latest, even if that is killed. The system watches the thread that
    /// started the server, so that has to be one that lasts.
    OfTheLab,
    /// When it is stopped.
    ItsOwn,
}

/// A running server, or one between two starts. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Server {
    plan: ServerPlan,
    process: Option<Child>,
    addresses: Vec<String>,
}

impl Server {
    /// Starts one and waits until it takes mail.
    pub(super) fn start(plan: ServerPlan) -> Result<Self, ServerError> {
        let mut server = Self {
            plan,
            process: None,
            addresses: Vec::new(),
        };
        server.launch()?;
        Ok(server)
    }

    /// What it is called.
    pub(super) fn name(&self) -> &str {
        &self.plan.name
    }

    /// How it was started.
    pub(super) fn plan(&self) -> &ServerPlan {
        &self.plan
    }

    /// Where it listens, as `127.0.0.1:40001`: first the address of its plan, then its
    /// `[[listener]]`s.
    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Where it listens first.
    pub(super) fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// Its process, while there is one.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// Whether it has not ended by itself.
    pub(super) fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| matches!(process.try_wait(), Ok(None)))
    }

    /// Asks it to stop as a service manager does, so that transactions end, and kills it when it
    /// has not after [`STOP_PATIENCE`].
    pub(super) fn stop(&mut self) -> Result<(), ServerError> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        let stopped = signal(&process, Signal::TERM)
            .and_then(|()| wait(&mut process, STOP_PATIENCE))
            .map_err(|error| self.plan.io("stop it", error));
        match stopped {
            Ok(Some(status)) if status.success() => Ok(()),
            Ok(Some(status)) => Err(self.plan.ended(status)),
            Ok(None) => {
                kill(&mut process);
                Err(ServerError::Deaf {
                    name: self.plan.name.clone(),
                })
            }
            Err(error) => {
                kill(&mut process);
                Err(error)
            }
        }
    }

    /// Ends it at once, as a crash does.
    pub(super) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill(&mut process);
        }
    }

    /// Starts it again on the same folder and the same first address, ending it before if it runs.
    pub(super) fn restart(&mut self) -> Result<(), ServerError> {
        self.kill();
        if let Some(address) = self.addresses.first() {
            self.plan.listen.clone_from(address);
        }
        self.launch()
    }

    /// Leaves it to itself: it goes on when this is dropped.
    pub(super) fn release(mut self) {
        self.process = None;
    }

    fn launch(&mut self) -> Result<(), ServerError> {
        let plan = &self.plan;
        let folder = &plan.folder;
        fs::create_dir_all(folder).map_err(|error| plan.io("make its folder", error))?;
        let log = plan.log();
        let already = fs::metadata(&log).map_or(0, |log| log.len());
        let process = command(plan)
            .and_then(|mut command| command.spawn())
            .map_err(|error| plan.io("start it", error))?;
        // Owned from here on, so that it is killed whatever comes next.
        let process = self.process.insert(process);
        let deadline = Instant::now() + START_PATIENCE;
        let mut progress = readiness::Progress::of_log(log, already);
        loop {
            if let Some(status) = process
                .try_wait()
                .map_err(|error| plan.io("watch it", error))?
            {
                return Err(plan.ended(status));
            }
            if let Some(ready) = progress.look() {
                self.addresses = ready;
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(ServerError::NotReady {
                    name: plan.name.clone(),
                    log: plan.log(),
                });
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How long a server may take from its start until it is ready: a store with a long log to go
/// through takes seconds.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a server may take to stop: its drain of 30 s and some.
pub(super) const STOP_PATIENCE: Duration = Duration::from_secs(40);
/// How often a start or a stop is looked at.
const LOOK: Duration = Duration::from_millis(5);

fn command(plan: &ServerPlan) -> io::Result<Command> {
    let settings = plan.folder.join("prixfixe.toml");
    fs::write(&settings, &plan.settings)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(plan.log())?;
    let mut command = Command::new(std::env::current_exe()?);
    // What is set for another server must not reach into a measurement.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OF_SERVERS.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    match plan.life {
        Life::ItsOwn => command.arg("serve"),
        Life::OfTheLab => command
            .args(["stress", "own-server", "--parent"])
            .arg(std::process::id().to_string()),
    };
    command
        .arg("--config")
        .arg(settings)
        .arg("--store")
        .arg(plan.store())
        .args(["--listen", &plan.listen, "--admin", "127.0.0.1:0"])
        .args(["--log-format", "json"])
        .args(plan.sets.iter().flat_map(|set| ["--set", set]))
        .stdin(Stdio::null())
        .stdout(File::options().write(true).open("/dev/null")?)
        .stderr(log)
        // Ctrl-C at the terminal is for the lab alone, which stops its servers in good order.
        .process_group(0);
    Ok(command)
}

const OF_SERVERS: [&str; 3] = ["PRIXFIXE_", "SMTP_", "LISTEN_"];

fn signal(process: &Child, signal: Signal) -> io::Result<()> {
    kill_process(Pid::from_child(process), signal).map_err(Into::into)
}

/// The status, unless it does not end in time.
fn wait(process: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    loop {
        match process.try_wait()? {
            Some(status) => return Ok(Some(status)),
            None if Instant::now() > deadline => return Ok(None),
            None => thread::sleep(LOOK),
        }
    }
}

fn kill(process: &mut Child) {
    // Fails for one that has ended, which is what is wanted.
    let _ = process.kill();
    let _ = process.wait();
}

impl ServerPlan {
    fn io(&self, what: &'static str, error: io::Error) -> ServerError {
        ServerError::Io {
            name: self.name.clone(),
            what,
            error,
        }
    }

    fn ended(&self, status: ExitStatus) -> ServerError {
        ServerError::Ended {
            name: self.name.clone(),
            status,
            last_lines: last_lines(&self.log()),
        }
    }
}

/// The end of a log, for an error message.
fn last_lines(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

/// Lines of a log in an error message: what went wrong stands in the last ones.
const LINES_SHOWN: usize = 5;

/// Why a server of the lab does not do its part.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServerError {
    /// The system does not let us.
    #[error("{name}: cannot {what}: {error}")]
    Io {
        /// Which server.
        name: String,
        /// What was to be done.
        what: &'static str,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// It has ended by itself.
    #[error("{name} ended ({status}); its log ends:\n{last_lines}")]
    Ended {
        /// Which server.
        name: String,
        /// How.
        status: ExitStatus,
        /// What it said at last.
        last_lines: String,
    },
    /// It runs and does not take mail.
    #[error("{name} was not ready after {} s; see {}", START_PATIENCE.as_secs(), .log.display())]
    NotReady {
        /// Which server.
        name: String,
        /// Where it says why, perhaps.
        log: PathBuf,
    },
    /// It did not stop, and was killed.
    #[error("{name} had not stopped {} s after SIGTERM and was killed", STOP_PATIENCE.as_secs())]
    Deaf {
        /// Which server.
        name: String,
    },
}
