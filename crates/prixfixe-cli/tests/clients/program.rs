//! Running a mail program.

use std::{
    io::{ErrorKind, Write},
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::server_process::WATCHDOG;

/// A command for a program that the tests need. Debian keeps some in folders of the administrator.
pub(crate) fn program(name: &str) -> Command {
    let mut command = Command::new(name);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
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
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{name} is not installed; run `cargo xtask setup`"),
        _ => panic!("{name}: {error}"),
    });
    finish(child, &name, input)
}

/// Waits for the end of a program, but not for ever.
fn finish(mut child: Child, name: &str, input: &[u8]) -> Output {
    // Who does not read its input may have ended.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let (sender, receiver) = mpsc::channel();
    let id = Pid::from_child(&child);
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(WATCHDOG) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            // It may have ended just now.
            let _ = kill_process(id, Signal::KILL);
            panic!("{name} does not end");
        }
    }
}
