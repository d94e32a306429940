//! A `prixfixe serve` for one test: on a free port, with its store in the folder of the test, and
//! gone when the test ends, however it ends.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// Settings that listen on a free port.
pub(crate) const LISTEN: &str = "listen = [\"127.0.0.1:0\"]\n";

/// The same for tests that wait for the log to say that a session has ended, which it does in any
/// case only where something went wrong.
pub(crate) fn logs_every_end() -> String {
    format!("{LISTEN}[log]\nlevel = \"debug\"\n")
}

/// A test that hangs is ended after this; nothing that works takes nearly as long.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);

/// A server under test.
pub(crate) struct Server {
    process: Child,
    log: Log,
    /// Where it listens, in the order of its settings.
    pub(crate) addresses: Vec<String>,
}

impl Server {
    /// Starts one with the default settings.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::start_with(folder, LISTEN)
    }

    /// Starts one with these settings, the text of a settings file.
    pub(crate) fn start_with(folder: &Path, settings: &str) -> Self {
        Self::await_start(command(folder, settings))
    }

    /// Runs a command that becomes a server.
    pub(crate) fn await_start(mut command: Command) -> Self {
        let mut process = command
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let log = Log::of(process.stderr.take().unwrap());
        let mut server = Self {
            process,
            log,
            addresses: Vec::new(),
        };
        let line = server.await_log("listening on ");
        let (_, listed) = line.split_once("listening on ").unwrap();
        let (listed, _) = listed.split_once(" as ").unwrap();
        server.addresses = listed.split(", ").map(str::to_owned).collect();
        server
    }

    /// Where it listens first.
    pub(crate) fn address(&self) -> &str {
        &self.addresses[0]
    }

    /// The port of the first listener.
    pub(crate) fn port(&self) -> &str {
        self.address().rsplit_once(':').unwrap().1
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for a line of the log that contains `part`.
    pub(crate) fn await_log(&mut self, part: &str) -> String {
        loop {
            match self.log.next() {
                Some(line) if line.contains(part) => return line,
                Some(_) => {}
                None => panic!("the server ended without {part:?} in its log"),
            }
        }
    }

    /// The log as far as a test has waited for it: all of it when the server has ended.
    pub(crate) fn log(&self) -> &[String] {
        &self.log.read
    }

    /// Asks it to stop, as a service manager does.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        while self.log.next().is_some() {}
        self.process.wait().unwrap()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Its private memory, in octets.
    pub(crate) fn private_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let kibibytes = |name: &str| -> u64 {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        (kibibytes("RssAnon:") + kibibytes("RssShmem:")) << 10
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            while self.log.next().is_some() {}
            let last = self.log.read.len().saturating_sub(LINES_SHOWN);
            eprintln!(
                "end of the log of the server:\n{}",
                self.log.read[last..].join("\n")
            );
        }
    }
}

/// `prixfixe serve` as every test runs it: nothing from the environment of the tests, the store
/// and the admin socket in `folder`.
pub(crate) fn command(folder: &Path, settings: &str) -> Command {
    let file = folder.join("prixfixe.toml");
    fs::write(&file, settings).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_prixfixe"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["PRIXFIXE_", "SMTP_", "LISTEN_"]
            .iter()
            .any(|ours| text.starts_with(ours))
        {
            command.env_remove(name);
        }
    }
    command
        .arg("serve")
        .args(["--domain", "mx.example.com", "--log-format", "json"])
        .arg("--config")
        .arg(file)
        .arg("--store")
        .arg(store(folder))
        .arg("--admin")
        .arg(format!("unix:{}", admin_socket(folder).display()))
        // However full the disk is on which the tests run.
        .args(["--set", "store.min_free_disk=off"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Where the store of a test is.
pub(crate) fn store(folder: &Path) -> PathBuf {
    folder.join("store")
}

/// Where the admin listener of a test is.
pub(crate) fn admin_socket(folder: &Path) -> PathBuf {
    folder.join("admin.sock")
}

/// The log of a server. A thread reads it, so that the server never waits for its reader.
struct Log {
    lines: Receiver<String>,
    read: Vec<String>,
}

impl Log {
    fn of(stderr: impl std::io::Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                // Who has stopped waiting for lines may be gone.
                let _ = sender.send(line);
            }
        });
        Self {
            lines,
            read: Vec::new(),
        }
    }

    /// The next line; none when the server has closed its log, as it does by ending.
    fn next(&mut self) -> Option<String> {
        match self.lines.recv_timeout(WATCHDOG) {
            Ok(line) => {
                self.read.push(line.clone());
                Some(line)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("the server says and does nothing"),
        }
    }
}

/// Lines of the log that are shown when a test fails.
const LINES_SHOWN: usize = 40;
