//! nodemailer, by which JavaScript sends its mail.

use std::{path::Path, process::Command};

use crate::{
    message,
    program::{installed, outcome, program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
};

#[test]
fn nodemailer_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        run(&mut nodemailer(&secured, tls, "null"), &message::tricky());
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn nodemailer_logs_in() {
    for (tls, mechanism) in BOTH.into_iter().zip(["PLAIN", "LOGIN"]) {
        let secured = Secured::with_login();
        let login = login(mechanism, PASSWORD);
        run(&mut nodemailer(&secured, tls, &login), &message::tricky());
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn nodemailer_hears_that_a_password_is_wrong() {
    let secured = Secured::with_login();
    let login = login("PLAIN", "wrong");
    let output = outcome(
        &mut nodemailer(&secured, Tls::Implicit, &login),
        &message::tricky(),
    );
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("EAUTH") && said.contains("535"), "{said}");
    assert!(secured.is_empty());
}

fn login(mechanism: &str, password: &str) -> String {
    format!("{{ user: '{USER}', pass: '{password}', method: '{mechanism}' }}")
}

const SCRIPT: &str = "
const [port, tls, certificate] = process.argv.slice(1);
const fs = require('node:fs');
const transport = require('nodemailer').createTransport({
  host: '127.0.0.1',
  port: Number(port),
  name: 'client.example',
  secure: tls === 'Implicit',
  requireTLS: true,
  tls: { ca: fs.readFileSync(certificate) },
  auth: login || undefined,
  authMethod: login?.method,
});
const envelope = { from: 'ann@example.org', to: ['bob@example.com'] };
transport.sendMail({ envelope, raw: fs.readFileSync(0) }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
";

fn nodemailer(secured: &Secured, tls: Tls, login: &str) -> Command {
    let modules = installed(Path::new("node/node_modules"));
    let mut command = program("node");
    command
        .env("NODE_PATH", modules)
        .args(["-e", &format!("const login = {login};\n{SCRIPT}")])
        .args(["--", secured.port(tls), &format!("{tls:?}")])
        .arg(secured.certificate());
    command
}
