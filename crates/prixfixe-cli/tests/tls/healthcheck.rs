//! `prixfixe healthcheck` against listeners that speak something else than plain SMTP.

use std::process::{Command, Output};

use crate::{server_process::Server, server_process::logs_every_end};

fn healthcheck(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .arg("healthcheck")
        .args(arguments)
        .output()
        .unwrap()
}

fn is_well(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        output.stdout.is_empty() && output.stderr.is_empty(),
        "{said}"
    );
}

/// Settings with one listener, on a port that is known before the start.
fn listener(port: u16, keys: &str) -> String {
    let log = logs_every_end();
    let (_, log) = log.split_once('\n').unwrap();
    format!(
        "listen = []\n[[listener]]\naddress = \"127.0.0.1:{port}\"\n{keys}\n{log}\n\
         [tls]\ncertificate = \"self-signed\"\n"
    )
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[test]
fn a_listener_that_speaks_nothing_but_tls() {
    let folder = tempfile::tempdir().unwrap();
    let mut server =
        Server::start_with(folder.path(), &listener(free_port(), "tls = \"implicit\""));
    let file = folder.path().join("prixfixe.toml");
    is_well(&healthcheck(&["--config", file.to_str().unwrap()]));
    server.await_log("\"end\":\"quit\"");
    is_well(&healthcheck(&[
        "--address",
        server.address(),
        "--implicit-tls",
    ]));
    // Without the flag it waits for a greeting that does not come.
    let output = healthcheck(&["--address", server.address(), "--timeout", "100ms"]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_listener_behind_a_balancer() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "proxy_protocol = [\"127.0.0.1\"]";
    let mut server = Server::start_with(folder.path(), &listener(free_port(), keys));
    let file = folder.path().join("prixfixe.toml");
    is_well(&healthcheck(&["--config", file.to_str().unwrap()]));
    server.await_log("\"end\":\"quit\"");
}
