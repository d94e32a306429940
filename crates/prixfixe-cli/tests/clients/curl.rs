//! curl uploads to smtp:// addresses; it sends the octets of a file and doubles its dots.

use std::{fs, process::Command};

use crate::{
    message::{self, ENVELOPE},
    program::{program, run},
    server_process::{Server, store},
    stored_mail,
};

fn curl(server: &Server) -> Command {
    let mut command = program("curl");
    command
        .args(["--silent", "--show-error", "--noproxy", "*"])
        .arg(format!("smtp://{}/client.example", server.address()))
        .args(["--mail-from", "ann@example.org"]);
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
