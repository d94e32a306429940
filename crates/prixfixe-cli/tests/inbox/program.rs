//! The program, run beside a server with some mail in its store.

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    server_process::{self, Server},
    smtp_client::{self, Client},
};

/// A server, its store, and what was delivered to it.
pub(crate) struct Fixture {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path());
        Self { folder, server }
    }

    /// Delivers a message and returns its id.
    pub(crate) fn deliver(&self, from: &str, to: &str, body: &[u8]) -> String {
        let mut client = Client::greeted(self.server.address());
        let reply = client.deliver(from, to, body);
        smtp_client::id(&reply).to_owned()
    }

    /// The same in chunks of so many octets.
    pub(crate) fn deliver_in_chunks(&self, body: &[u8], octets: usize) -> String {
        let mut client = Client::greeted(self.server.address());
        let reply = client.deliver_in_chunks("ann@example.com", "b@example.com", body, octets);
        smtp_client::id(&reply).to_owned()
    }

    /// `prixfixe inbox …` on the store.
    pub(crate) fn inbox(&self, arguments: &[&str]) -> Output {
        inbox(&server_process::store(self.folder.path()), arguments)
    }

    /// What `prixfixe inbox …` prints, where that must succeed.
    pub(crate) fn print(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.inbox(arguments);
        assert_eq!(
            output.status.code(),
            Some(0),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        output.stdout
    }

    /// The objects that a command prints, one on a line.
    pub(crate) fn objects(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = text(&self.print(arguments));
        printed
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The ids that a command lists.
    pub(crate) fn ids(&self, arguments: &[&str]) -> Vec<String> {
        let objects = self.objects(&[arguments, &["--json"]].concat());
        objects
            .iter()
            .map(|object| object["id"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Stops the server as a service manager does.
    pub(crate) fn stop(&mut self) {
        self.server.terminate();
        assert!(self.server.wait().success());
    }
}

/// `prixfixe inbox …` on a store.
pub(crate) fn inbox(store: &Path, arguments: &[&str]) -> Output {
    let store = store.to_str().unwrap();
    run(&[&["inbox", "--store", store], arguments].concat())
}

/// Runs the program.
pub(crate) fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

/// The program, to be run with nothing from the environment but a time zone.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prixfixe"));
    command.env_clear().env("TZ", "UTC").args(arguments);
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A program that has failed as it should: with this code, and a text that contains `reason`.
#[track_caller]
pub(crate) fn assert_fails(output: &Output, code: i32, reason: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(reason), "{reason:?} is not in {said:?}");
    assert_eq!(text(&output.stdout), "", "nothing but the error");
}
