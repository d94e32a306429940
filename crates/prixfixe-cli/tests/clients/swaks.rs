//! swaks, the Swiss army knife of those who run mail servers.

use std::{fs, path::Path, process::Command};

use crate::{
    message::{self, ENVELOPE},
    program::{outcome, program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
    server_process::{LISTEN, Server, store},
    stored_mail,
};

fn swaks(server: &Server, folder: &Path) -> Command {
    swaks_to(server.port(), folder)
}

/// One that delivers the message of all programs to a port.
pub(crate) fn swaks_to(port: &str, folder: &Path) -> Command {
    let file = folder.join("message.eml");
    fs::write(&file, message::tricky_with_lf()).unwrap();
    let mut command = program("swaks");
    command
        .args([
            "--server",
            "127.0.0.1",
            "--port",
            port,
            "--helo",
            "client.example",
        ])
        .args([
            "--from",
            "ann@example.org",
            "--to",
            "bob@example.com",
            "--data",
        ])
        .arg(format!("@{}", file.display()));
    command
}

/// The same over TLS; it verifies the certificate.
fn swaks_over(tls: Tls, secured: &Secured) -> Command {
    let mut command = swaks_to(secured.port(tls), secured.folder());
    command
        .arg(if tls == Tls::StartTls {
            "-tls"
        } else {
            "-tlsc"
        })
        .args(["--tls-verify", "--tls-ca-path"])
        .arg(secured.certificate());
    command
}

#[test]
fn swaks_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    run(&mut swaks(&server, folder.path()), b"");
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    assert_eq!(mail.details.helo, "client.example");
    message::same(&mail.body, &message::tricky_and_empty_line());
}

#[test]
fn swaks_delivers_in_a_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    run(swaks(&server, folder.path()).arg("--pipeline"), b"");
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    message::same(&mail.body, &message::tricky_and_empty_line());
}

#[test]
fn swaks_delivers_for_another_client() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "listen = []\n[[listener]]\naddress = \"127.0.0.1:0\"\n\
                    xclient = [\"127.0.0.1\"]\n";
    let server = Server::start_with(folder.path(), settings);
    let mut command = swaks(&server, folder.path());
    command.args(["--xclient-addr", "192.0.2.7", "--xclient-port", "42"]);
    command.args(["--xclient-name", "spike.example", "--xclient-login", "ann"]);
    run(&mut command, b"");
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.details.peer, "192.0.2.7:42");
    assert_eq!(mail.details.protocol, "ESMTPA");
    let trace = &mail.details.trace;
    assert!(
        trace.contains("from client.example ([192.0.2.7])"),
        "{trace}"
    );
    message::same(&mail.body, &message::tricky_and_empty_line());
}

#[test]
fn swaks_hears_that_a_recipient_is_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("recipients = [\"example.net\"]\n{LISTEN}");
    let server = Server::start_with(folder.path(), &settings);
    let output = outcome(&mut swaks(&server, folder.path()), b"");
    // Its documentation: 24 is an error of RCPT.
    assert_eq!(output.status.code(), Some(24));
    assert!(String::from_utf8_lossy(&output.stdout).contains("550 5.1.1"));
    assert!(stored_mail::all(&store(folder.path())).is_empty());
}

#[test]
fn swaks_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        run(&mut swaks_over(tls, &secured), b"");
        message::same(&secured.only().body, &message::tricky_and_empty_line());
    }
}

#[test]
fn swaks_logs_in() {
    for (tls, mechanism) in BOTH.into_iter().zip(["PLAIN", "LOGIN"]) {
        let secured = Secured::with_login();
        let mut command = swaks_over(tls, &secured);
        command.args(["--auth", mechanism, "--auth-user", USER]);
        run(command.args(["--auth-password", PASSWORD]), b"");
        message::same(&secured.only().body, &message::tricky_and_empty_line());
    }
}

#[test]
fn swaks_hears_that_a_password_is_wrong() {
    let secured = Secured::with_login();
    let mut command = swaks_over(Tls::StartTls, &secured);
    command.args(["--auth", "PLAIN", "--auth-user", USER]);
    let output = outcome(command.args(["--auth-password", "wrong"]), b"");
    // Its documentation: 28 is an error of AUTH.
    assert_eq!(output.status.code(), Some(28));
    assert!(String::from_utf8_lossy(&output.stdout).contains("535 5.7.8"));
    assert!(secured.is_empty());
}

#[test]
fn swaks_hears_that_it_has_to_log_in() {
    let secured = Secured::with_login();
    let output = outcome(&mut swaks_over(Tls::Implicit, &secured), b"");
    // Its documentation: 23 is an error of MAIL.
    assert_eq!(output.status.code(), Some(23));
    assert!(String::from_utf8_lossy(&output.stdout).contains("530 5.7.0"));
    assert!(secured.is_empty());
}
