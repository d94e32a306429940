//! `prixfixe ipc`: an echo server, a call, a look at it, and a small benchmark, through the binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use prixfixe_ipc::{Address, Client, Outcome};
use tempfile::TempDir;

/// An echo server that is stopped when it is dropped.
struct Echo {
    process: Child,
    socket: PathBuf,
    _folder: TempDir,
}

impl Echo {
    fn start(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("echo.sock");
        let mut process = command(&["echo", socket.to_str().unwrap()])
            .args(words)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert!(line.contains("listening at"), "{line}");
        Self {
            process,
            socket,
            _folder: folder,
        }
    }

    fn path(&self) -> &str {
        self.socket.to_str().unwrap()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_call_comes_back_through_a_client_and_through_the_command() {
    let echo = Echo::start(&[]);
    let mut client = Client::connect(&Address::path(&echo.socket).unwrap()).unwrap();
    assert_eq!(client.call(b"hello"), Outcome::Completed(&b"hello"[..]));

    let called = ipc(&["call", echo.path(), "twice"]);
    assert_eq!(called.status.code(), Some(0));
    assert_eq!(text(&called.stdout), "twice");
}

#[test]
fn a_refusal_is_told_and_ends_with_1() {
    let echo = Echo::start(&["--refuse", "busy"]);
    let called = ipc(&["call", echo.path(), "x"]);
    assert_eq!(called.status.code(), Some(1));
    assert!(text(&called.stderr).contains("refused: the server is busy"));
}

#[test]
fn a_signal_ends_the_echo_server_and_takes_its_socket_away() {
    let mut echo = Echo::start(&[]);
    let pid = i32::try_from(echo.process.id()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(echo.process.wait().unwrap().code(), Some(0));
    let called = ipc(&["call", echo.path(), "x"]);
    assert_eq!(called.status.code(), Some(1));
}

#[test]
fn a_ping_tells_whether_a_server_works() {
    let echo = Echo::start(&[]);
    let pinged = ipc(&["ping", echo.path()]);
    assert_eq!(pinged.status.code(), Some(0), "{}", text(&pinged.stderr));
    assert!(text(&pinged.stdout).ends_with(" µs\n"));
    let pid = i32::try_from(echo.process.id()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let pinged = ipc(&["ping", echo.path(), "--timeout", "100ms"]);
    assert_eq!(pinged.status.code(), Some(1));
    let pinged = ipc(&["ping", "@prixfixe-no-such-server", "--timeout", "10ms"]);
    assert_eq!(pinged.status.code(), Some(1));
    assert!(text(&pinged.stderr).contains("no server answers there"));
}

#[test]
fn an_echo_server_that_systemd_did_not_start_says_so() {
    let started = ipc(&["echo", "--systemd"]);
    assert_eq!(started.status.code(), Some(1));
    assert!(text(&started.stderr).contains("passed no such socket"));
    assert_eq!(ipc(&["echo"]).status.code(), Some(2));
    let both = ipc(&["echo", "/tmp/x", "--systemd", "x"]);
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn top_sees_the_calls_of_a_client() {
    let echo = Echo::start(&[]);
    let mut client = Client::connect(&Address::path(&echo.socket).unwrap()).unwrap();
    assert_eq!(client.call(b"x").map(<[u8]>::len), Outcome::Completed(1));
    let top = ["top", echo.path(), "--once", "--interval", "10ms"];
    let json = ipc(&[&top[..], &["--json"]].concat());
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(figures["calls_since_start"], 1);
    let clients = figures["clients"].as_array().unwrap();
    let kinds: Vec<_> = clients.iter().map(|client| &client["kind"]).collect();
    assert_eq!(kinds, ["blocking", "observer"]);
    assert_eq!(clients[0]["pid"], std::process::id());
    assert_eq!(clients[0]["channels"], 1);

    let table = ipc(&top);
    assert_eq!(table.status.code(), Some(0));
    let table = text(&table.stdout);
    for word in ["calls/s", "p99.9", "wakes sent", "spins won", "blocking"] {
        assert!(table.contains(word), "{word}: {table}");
    }
    assert!(!table.contains('\u{1b}'), "no control sequences in a pipe");
}

#[test]
fn a_quick_row_gives_a_line_a_table_and_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("results.jsonl");
    // Away from a folder in which the harness of the peers may have been built.
    let output = command(&["bench", "--quick", "hot-64", "--json"])
        .arg(&file)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("hot-64"));
    let written = std::fs::read_to_string(&file).unwrap();
    let line: serde_json::Value = serde_json::from_str(written.lines().next().unwrap()).unwrap();
    assert_eq!(line["system"], "prixfixe");
    assert_eq!(line["row"], "hot-64");
    assert_eq!(line["errors"], 0);
    assert!(line["calls"].as_u64().unwrap() > 0);
}

#[test]
fn every_row_is_listed() {
    let listed = ipc(&["bench", "--list"]);
    assert_eq!(listed.status.code(), Some(0));
    for row in ["hot-64", "hundred-processes", "memory", "recovery"] {
        assert!(text(&listed.stdout).contains(row), "{row}");
    }
}

#[test]
fn wrong_usage_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["bench", "no-such-row"][..],
        &["bench", "--quick", "--seconds", "3"],
        &["bench", "--check", "hot-64"],
        &["bench", "--peers", "no-such-program", "hot-64"],
        &["call", "/tmp/x.sock"],
        &["echo", ""],
        &["echo", "/tmp/x.sock", "--refuse", "everything"],
        &["top"],
        &["tap"],
    ] {
        let output = command(words).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn no_server_is_told_and_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none.sock");
    let path = path.to_str().unwrap();
    for words in [&["top", path, "--once"][..], &["call", path, "x"]] {
        let output = ipc(words);
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(text(&output.stderr).contains(path), "{words:?}");
    }
}

fn ipc(words: &[&str]) -> Output {
    command(words).output().unwrap()
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prixfixe"));
    command.arg("ipc").args(words);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
