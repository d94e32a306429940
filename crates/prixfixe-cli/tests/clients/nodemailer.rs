//! nodemailer, by which JavaScript sends its mail.

use std::{path::Path, process::Command};

use crate::{
    message,
    program::{installed, program, run},
    secured::{BOTH, Secured, Tls},
};

#[test]
fn nodemailer_delivers_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        run(&mut nodemailer(&secured, tls), &message::tricky());
        message::same(&secured.only().body, &message::tricky());
    }
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
});
const envelope = { from: 'ann@example.org', to: ['bob@example.com'] };
transport.sendMail({ envelope, raw: fs.readFileSync(0) }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
";

fn nodemailer(secured: &Secured, tls: Tls) -> Command {
    let modules = installed(Path::new("node/node_modules"));
    let mut command = program("node");
    command
        .env("NODE_PATH", modules)
        .args(["-e", SCRIPT])
        .args(["--", secured.port(tls), &format!("{tls:?}")])
        .arg(secured.certificate());
    command
}
