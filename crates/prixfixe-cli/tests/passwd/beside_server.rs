//! Users that change while a server runs.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::process::Signal;

use crate::{
    done, passwd,
    server_process::Server,
    smtp_client::{Client, code},
};

const SETTINGS: &str = "listen = []
[[listener]]
address = \"127.0.0.1:0\"
auth = \"optional\"
auth_without_tls = true
[auth]
password_file = \"users\"
";

fn set(folder: &Path, user: &str, password: &str) {
    done(&passwd(folder, &["users", user, "--stdin"], password));
}

/// The code with which a login is answered.
fn log_in(server: &Server, user: &str, password: &str) -> u16 {
    let response = STANDARD.encode(format!("\0{user}\0{password}"));
    let mut client = Client::greeted(server.address());
    code(&client.command(&format!("AUTH PLAIN {response}")))
}

#[test]
fn sighup_brings_the_users_of_now() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path(), "anna", "first");
    let mut server = Server::start_with(folder.path(), SETTINGS);
    assert_eq!(log_in(&server, "anna", "first"), 235);
    assert_eq!(log_in(&server, "bert", "new"), 535);

    set(folder.path(), "bert", "new");
    set(folder.path(), "anna", "second");
    server.signal(Signal::HUP);
    let line = server.await_log("SIGHUP: password file read again");
    assert!(line.contains("\"users\":2"), "{line}");
    assert_eq!(log_in(&server, "bert", "new"), 235);
    assert_eq!(log_in(&server, "anna", "second"), 235);
    assert_eq!(log_in(&server, "anna", "first"), 535);

    done(&passwd(folder.path(), &["users", "bert", "--delete"], ""));
    server.signal(Signal::HUP);
    let line = server.await_log("SIGHUP: password file read again");
    assert!(line.contains("\"users\":1"), "{line}");
    assert_eq!(log_in(&server, "bert", "new"), 535);
    assert_eq!(log_in(&server, "anna", "second"), 235);
}

#[test]
fn a_broken_file_keeps_the_users_and_the_log_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("users");
    set(folder.path(), "anna", "secret");
    let mut server = Server::start_with(folder.path(), SETTINGS);
    let sound = fs::read_to_string(&file).unwrap();
    let broken = sound.replace("anna:{SCRAM-SHA-256}", "anna:{MD5}");
    assert_ne!(broken, sound);
    fs::write(&file, &broken).unwrap();
    server.signal(Signal::HUP);
    let line = server.await_log("SIGHUP: auth.password_file: ");
    assert!(
        line.contains("line 2: ") && line.contains("the users stay as they are"),
        "{line}"
    );
    // What stands in the file is nobody's business who reads the log.
    let hash = broken.split_once("{MD5}").unwrap().1.trim_end();
    assert!(!line.contains(hash), "{line}");
    assert_eq!(log_in(&server, "anna", "secret"), 235);

    fs::remove_file(&file).unwrap();
    server.signal(Signal::HUP);
    let line = server.await_log("SIGHUP: auth.password_file: ");
    assert!(line.contains("the users stay as they are"), "{line}");
    assert_eq!(log_in(&server, "anna", "secret"), 235);

    fs::write(&file, &sound).unwrap();
    server.signal(Signal::HUP);
    server.await_log("SIGHUP: password file read again");
    assert_eq!(log_in(&server, "anna", "secret"), 235);
}

#[test]
fn failures_above_the_number_of_a_minute_wait() {
    let folder = tempfile::tempdir().unwrap();
    set(folder.path(), "anna", "secret");
    let limits = "[limits]\nexempt_networks = []\nfailed_auths_per_minute = 1\n";
    let server = Server::start_with(folder.path(), &format!("{SETTINGS}{limits}"));
    assert_eq!(log_in(&server, "anna", "wrong"), 535);
    let start = Instant::now();
    assert_eq!(log_in(&server, "anna", "wrong"), 535);
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(log_in(&server, "anna", "secret"), 235);
}
