//! msmtp, the sendmail of people without a mail server.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
};

use crate::{
    message::{self, ENVELOPE},
    program::{program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
    server_process::{Server, store},
    stored_mail,
};

#[test]
fn msmtp_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    run(
        &mut msmtp(folder.path(), server.port(), ""),
        &message::tricky_with_lf(),
    );
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    assert_eq!(mail.details.helo, "client.example");
    message::same(&mail.body, &message::tricky());
}

#[test]
fn msmtp_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        let mut command = msmtp_over(tls, &secured, "");
        run(&mut command, &message::tricky_with_lf());
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn msmtp_logs_in() {
    for mechanism in ["plain", "login", "scram-sha-256"] {
        for tls in BOTH {
            let secured = Secured::with_login();
            let login = format!("auth {mechanism}\nuser {USER}\npassword {PASSWORD}\n");
            let mut command = msmtp_over(tls, &secured, &login);
            run(&mut command, &message::tricky_with_lf());
            message::same(&secured.only().body, &message::tricky());
        }
    }
}

/// Over TLS; it verifies the certificate.
fn msmtp_over(tls: Tls, secured: &Secured, more: &str) -> Command {
    let starttls = if tls == Tls::StartTls { "on" } else { "off" };
    let certificate = secured.certificate();
    let more = format!(
        "tls on\ntls_starttls {starttls}\ntls_trust_file {}\n{more}",
        certificate.display()
    );
    msmtp(secured.folder(), secured.port(tls), &more)
}

fn msmtp(folder: &Path, port: &str, more: &str) -> Command {
    let settings = folder.join("msmtprc");
    let text = format!(
        "account default\nhost 127.0.0.1\nport {port}\nfrom ann@example.org\n\
         domain client.example\n{more}"
    );
    fs::write(&settings, text).unwrap();
    // It does not read passwords that others could read, too.
    fs::set_permissions(&settings, Permissions::from_mode(0o600)).unwrap();
    let mut command = program("msmtp");
    command.arg("--file").arg(settings).arg("bob@example.com");
    command
}
