//! Running a mail program.

use std::{
    ffi::OsStr,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Sender},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::server_process::WATCHDOG;

/// A command for a program that the tests need. Debian keeps some in folders of the administrator.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

/// What the set-up has put beside what cargo builds, since no package installs it.
pub(crate) fn installed(path: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let place = target.join("clients").join(path);
    assert!(
        place.exists(),
        "{} is not there; run `cargo xtask setup`",
        place.display()
    );
    place
}

/// Runs a program with this input; it must succeed.
pub(crate) fn run(command: &mut Command, input: &[u8]) {
    let output = outcome(command, input);
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{out}{err}",
        output.status
    );
}

/// Runs a program with this input to whatever end.
pub(crate) fn outcome(command: &mut Command, input: &[u8]) -> Output {
    outcome_within(command, input, WATCHDOG)
}

/// The same for a program that takes its time.
pub(crate) fn outcome_within(command: &mut Command, input: &[u8], limit: Duration) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = spawn(command);
    finish(child, &name, input, limit)
}

fn spawn(command: &mut Command) -> Child {
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{name} is not installed; run `cargo xtask setup`"),
        _ => panic!("{name}: {error}"),
    })
}

/// Waits for the end of a program, but not for ever.
fn finish(mut child: Child, name: &str, input: &[u8], limit: Duration) -> Output {
    // Who does not read its input may have ended.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let (sender, receiver) = mpsc::channel();
    let id = Pid::from_child(&child);
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(limit) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            // It may have ended just now.
            let _ = kill_process(id, Signal::KILL);
            panic!("{name} does not end");
        }
    }
}

/// A program that runs beside the test. It ends with the test, and before that when the test has
/// waited for it for too long.
pub(crate) struct Watched {
    process: Child,
    /// Hanging up tells the watchdog to go.
    _over: Sender<()>,
}

impl Watched {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let process = spawn(command);
        let id = Pid::from_child(&process);
        let (over, ended) = mpsc::channel::<()>();
        thread::spawn(move || {
            if ended.recv_timeout(WATCHDOG) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Whoever reads from it sees the end.
                let _ = kill_process(id, Signal::KILL);
            }
        });
        Self {
            process,
            _over: over,
        }
    }

    pub(crate) fn process(&mut self) -> &mut Child {
        &mut self.process
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
