//! At a terminal it asks, and what is typed is not shown.

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, tcgetattr},
};

use crate::{done, passwd};

/// A test that hangs is ended after this; nothing that works takes nearly as long.
const WATCHDOG: Duration = Duration::from_secs(60);

/// The program with a terminal for all its input and output.
struct Terminal {
    keyboard: File,
    program: Child,
    shown: String,
}

impl Terminal {
    fn run(folder: &Path, arguments: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
        assert!(echoes(&slave), "a new terminal shows what is typed");
        let end = || Stdio::from(slave.try_clone().unwrap());
        let program = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
            .env_clear()
            .current_dir(folder)
            .arg("passwd")
            .args(arguments)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self {
            keyboard: master.into(),
            program,
            shown: String::new(),
        }
    }

    /// Types a line once the prompt is there and the terminal does not show what is typed.
    fn answer(&mut self, prompt: &str, line: &str) {
        while !self.shown.ends_with(prompt) {
            let mut octets = [0; 256];
            // The end of a terminal is an error.
            let read = self.keyboard.read(&mut octets).unwrap_or(0);
            assert!(read > 0, "no {prompt:?} in {:?}", self.shown);
            self.shown += str::from_utf8(&octets[..read]).unwrap();
        }
        let start = Instant::now();
        while echoes(&self.keyboard) {
            assert!(start.elapsed() < WATCHDOG, "what is typed would be shown");
            thread::yield_now();
        }
        self.keyboard.write_all(line.as_bytes()).unwrap();
        self.keyboard.write_all(b"\n").unwrap();
    }

    /// Waits for the end, and returns all that was ever shown.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = Vec::new();
        let _ = self.keyboard.read_to_end(&mut rest);
        self.shown += str::from_utf8(&rest).unwrap();
        (self.program.wait().unwrap(), self.shown)
    }
}

fn echoes(terminal: impl rustix::fd::AsFd) -> bool {
    let modes = tcgetattr(terminal).unwrap().local_modes;
    modes.contains(LocalModes::ECHO)
}

#[test]
fn it_asks_twice_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::run(folder.path(), &["users", "anna"]);
    terminal.answer("Password of anna: ", "open sesame");
    terminal.answer("Once more: ", "open sesame");
    let (status, shown) = terminal.end();
    assert!(status.success(), "{shown}");
    assert!(!shown.contains("open sesame"), "{shown:?}");
    done(&passwd(
        folder.path(),
        &["users", "anna", "--verify", "--stdin"],
        "open sesame\n",
    ));

    // There is nothing to mistype in a question whether it is right.
    let mut terminal = Terminal::run(folder.path(), &["users", "anna", "--verify"]);
    terminal.answer("Password of anna: ", "open sesame");
    let (status, shown) = terminal.end();
    assert!(status.success(), "{shown}");
    assert!(!shown.contains("Once more") && !shown.contains("open sesame"));
}

#[test]
fn two_different_passwords_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::run(folder.path(), &["users", "anna"]);
    terminal.answer("Password of anna: ", "one thing");
    terminal.answer("Once more: ", "another thing");
    let (status, shown) = terminal.end();
    assert_eq!(status.code(), Some(1), "{shown}");
    assert!(shown.contains("the two passwords differ"), "{shown:?}");
    assert!(!shown.contains("thing"), "{shown:?}");
    assert!(!folder.path().join("users").exists());
}
