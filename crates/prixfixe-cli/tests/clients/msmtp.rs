//! msmtp, the sendmail of people without a mail server.

use std::fs;

use crate::{
    message::{self, ENVELOPE},
    program::{program, run},
    server_process::{Server, store},
    stored_mail,
};

#[test]
fn msmtp_delivers() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let settings = folder.path().join("msmtprc");
    let text = format!(
        "account default\nhost 127.0.0.1\nport {}\nfrom ann@example.org\ndomain client.example\n",
        server.port()
    );
    fs::write(&settings, text).unwrap();
    let mut command = program("msmtp");
    command.arg("--file").arg(&settings).arg("bob@example.com");
    run(&mut command, &message::tricky_with_lf());
    let mail = stored_mail::only(&store(folder.path()));
    assert_eq!(mail.envelope, ENVELOPE);
    assert_eq!(mail.details.helo, "client.example");
    message::same(&mail.body, &message::tricky());
}
