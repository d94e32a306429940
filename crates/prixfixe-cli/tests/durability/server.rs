//! A `prixfixe serve` of its own, which dies with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::{WATCHDOG, strace};

/// How a server is to be started.
pub(crate) struct Launch<'a> {
    folder: &'a Path,
    fault: Option<&'a str>,
    recording: Option<&'a Path>,
    min_free_disk: &'a str,
    listen: &'a str,
}

impl<'a> Launch<'a> {
    /// With its data in `folder`, however full the disk is, and nothing else unusual.
    pub(crate) fn at(folder: &'a Path) -> Self {
        Self {
            folder,
            fault: None,
            recording: None,
            min_free_disk: "off",
            listen: "127.0.0.1:0",
        }
    }

    /// With a fault of `src/serve/test_fault.rs`.
    pub(crate) fn fault(self, fault: &'a str) -> Self {
        Self {
            fault: Some(fault),
            ..self
        }
    }

    /// With its system calls written to `file`.
    pub(crate) fn recorded_to(self, file: &'a Path) -> Self {
        Self {
            recording: Some(file),
            ..self
        }
    }

    pub(crate) fn listen(self, listen: &'a str) -> Self {
        Self { listen, ..self }
    }

    pub(crate) fn min_free_disk(self, min_free_disk: &'a str) -> Self {
        Self {
            min_free_disk,
            ..self
        }
    }

    /// Starts it and waits until it listens.
    pub(crate) fn start(self) -> Server {
        let faulty = self.fault.is_some();
        let mut server = self.spawn();
        let line = server.wait_for_log("listening on ");
        let log = server.log.join("\n");
        let Some(line) = line else {
            panic!("the server has not started:\n{log}")
        };
        server.address = address_in(&line).expect("the start-up summary names the address");
        let admitted = log.contains("TEST_PRIXFIXE_FAULT");
        assert_eq!(admitted, faulty, "only debug builds have faults:\n{log}");
        server
    }

    /// Starts it without waiting.
    pub(crate) fn spawn(self) -> Server {
        let place = tempfile::tempdir().unwrap();
        let admin = place.path().join("admin.sock");
        let binary = Path::new(env!("CARGO_BIN_EXE_prixfixe"));
        let mut command = match self.recording {
            Some(file) => strace::command(file, binary),
            None => Command::new(binary),
        };
        // The folder is where an aborting server may leave a core. Nothing of the environment of
        // the tests is a setting of the server.
        command
            .current_dir(&place)
            .env_clear()
            .args([
                "serve",
                "--listen",
                self.listen,
                "--log-format",
                "json",
                "--store",
            ])
            .arg(self.folder)
            .arg("--admin")
            .arg(format!("unix:{}", admin.display()))
            .arg("--set")
            .arg(format!("store.min_free_disk={}", self.min_free_disk))
            .envs(self.fault.map(|fault| ("TEST_PRIXFIXE_FAULT", fault)));
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (line, lines) = channel();
        thread::spawn(move || {
            errors
                .lines()
                .map_while(Result::ok)
                .for_each(|text| drop(line.send(text)));
        });
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        Server {
            child,
            address,
            admin,
            lines,
            log: Vec::new(),
            _place: place,
        }
    }
}

pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    admin: PathBuf,
    lines: Receiver<String>,
    log: Vec<String>,
    _place: TempDir,
}

impl Server {
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as an operator would, and waits until it has.
    pub(crate) fn stop(mut self) {
        let stopped = Command::new("kill")
            .arg(self.child.id().to_string())
            .status();
        assert!(stopped.is_ok_and(|status| status.success()), "kill");
        let (status, log) = self.wait();
        assert!(status.success(), "{status}:\n{log}");
    }

    /// Ends it at once with SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.wait();
    }

    /// Waits until it has ended by itself; says how, and what it had logged.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        // A tracer holds standard error open too: its end means that the recording is complete.
        assert_eq!(
            self.wait_for_log("\n"),
            None,
            "no line has a line end in it"
        );
        (self.child.wait().unwrap(), self.log.join("\n"))
    }

    /// Waits for the first line of the log that contains `text`, of those still unread. `None` if
    /// the server ends before.
    fn wait_for_log(&mut self, text: &str) -> Option<String> {
        loop {
            match self.lines.recv_timeout(WATCHDOG) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return Some(line);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("the server hangs; its log:\n{}", self.log.join("\n"));
                }
            }
        }
    }

    /// How many half-received messages it said, before it listened, that it removes.
    pub(crate) fn removed_at_start(&self) -> u64 {
        let field = |line: &String| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            line.get("removed")?.as_u64()
        };
        self.log.iter().find_map(field).unwrap_or(0)
    }

    /// The status code of /readyz and its body.
    pub(crate) fn readiness(&self) -> (u16, String) {
        let mut stream = UnixStream::connect(&self.admin).unwrap();
        stream.set_read_timeout(Some(WATCHDOG)).unwrap();
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (code.expect("an HTTP answer"), answer)
    }

    /// Waits until /readyz answers with this status code. There is nothing but asking.
    pub(crate) fn wait_for_readiness(&self, code: u16) {
        until(&format!("/readyz answers {code}"), || {
            self.readiness().0 == code
        });
    }
}

/// Waits until something holds that can only be asked for.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WATCHDOG, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails where it has ended, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("listening on ")?;
    after.split([' ', ',']).next()?.parse().ok()
}
