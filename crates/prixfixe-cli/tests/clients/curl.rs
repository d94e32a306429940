//! curl uploads to smtp:// addresses; it sends the octets of a file and doubles its dots.

use std::{fs, process::Command};

use crate::{
    message::{self, ENVELOPE},
    program::{outcome, program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
    server_process::{Server, store},
    stored_mail,
};

fn curl(server: &Server) -> Command {
    curl_to("smtp", server.address())
}

fn curl_to(scheme: &str, address: &str) -> Command {
    let mut command = program("curl");
    command
        .args(["--silent", "--show-error", "--noproxy", "*"])
        .arg(format!("{scheme}://{address}/client.example"))
        .args(["--mail-from", "ann@example.org"]);
    command
}

/// Over TLS, with the message of all programs; it verifies the certificate.
fn curl_over(tls: Tls, secured: &Secured) -> Command {
    let file = secured.folder().join("message.eml");
    fs::write(&file, message::tricky()).unwrap();
    let scheme = if tls == Tls::StartTls {
        "smtp"
    } else {
        "smtps"
    };
    let mut command = curl_to(scheme, secured.address(tls));
    command
        .args(["--ssl-reqd", "--cacert"])
        .arg(secured.certificate())
        .args(["--mail-rcpt", "bob@example.com", "--upload-file"])
        .arg(file);
    command
}

#[test]
fn curl_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let file = folder.path().join("message.eml");
    fs::write(&file, message::tricky()).unwrap();
    let mut command = curl(&server);
    command
        .args(["--mail-rcpt", "bob@example.com", "--upload-file"])
        .arg(&file);
    run(&mut command, b"");
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    message::same(&mail.body, &message::tricky());
}

#[test]
fn curl_delivers_from_a_pipe_to_several() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut command = curl(&server);
    for recipient in [
        "bob@example.com",
        "eve@example.com",
        "postmaster@example.com",
    ] {
        command.args(["--mail-rcpt", recipient]);
    }
    run(
        command.args(["--crlf", "--upload-file", "-"]),
        &message::tricky_with_lf(),
    );
    let mail = stored_mail::only(&store(folder.path()));
    let recipients = "<bob@example.com> <eve@example.com> <postmaster@example.com>";
    assert_eq!(mail.envelope, format!("<ann@example.org> to {recipients}"));
    message::same(&mail.body, &message::tricky());
}

#[test]
fn curl_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        run(&mut curl_over(tls, &secured), b"");
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn curl_logs_in() {
    let mut mechanisms = vec!["PLAIN", "LOGIN"];
    let built_with = outcome(program("curl").arg("--version"), b"").stdout;
    // SCRAM is a matter of how it was built.
    if String::from_utf8_lossy(&built_with).contains("gsasl") {
        mechanisms.push("SCRAM-SHA-256");
    }
    for mechanism in mechanisms {
        for tls in BOTH {
            let secured = Secured::with_login();
            let mut command = curl_over(tls, &secured);
            command.args(["--user", &format!("{USER}:{PASSWORD}")]);
            command.args(["--login-options", &format!("AUTH={mechanism}")]);
            run(&mut command, b"");
            message::same(&secured.only().body, &message::tricky());
        }
    }
}
