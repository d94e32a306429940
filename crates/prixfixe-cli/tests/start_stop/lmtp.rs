//! A listener that speaks LMTP (RFC 2033).

use std::process::Command;

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

const LISTENER: &str =
    "listen = []\n[[listener]]\naddress = \"unix:lmtp.sock\"\nprotocol = \"lmtp\"\n";

#[test]
fn each_recipient_has_a_reply_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start_with(folder.path(), LISTENER);
    let mut client = Client::connect_unix(&folder.path().join("lmtp.sock"));
    assert_eq!(code(&client.reply()), 220);
    assert_eq!(code(&client.command("EHLO client.example")), 500);
    assert_eq!(code(&client.command("LHLO client.example")), 250);
    assert_eq!(code(&client.command("MAIL FROM:<a@example.org>")), 250);
    for recipient in ["b@example.com", "c@example.com"] {
        let reply = client.command(&format!("RCPT TO:<{recipient}>"));
        assert_eq!(code(&reply), 250, "{reply}");
    }
    assert_eq!(code(&client.command("DATA")), 354);
    client.send(b"to two\r\n.\r\n");
    let (first, second) = (client.reply(), client.reply());
    assert_eq!((code(&first), code(&second)), (250, 250));
    let mail = stored_mail::named(&store(folder.path()), id(&first));
    assert_eq!(mail.body, b"to two\r\n");
    assert_eq!(
        mail.envelope,
        "<a@example.org> to <b@example.com> <c@example.com>"
    );
    assert_eq!(code(&client.command("QUIT")), 221);
}

#[test]
fn the_health_check_says_lhlo() {
    let folder = tempfile::tempdir().unwrap();
    let _server = Server::start_with(folder.path(), LISTENER);
    let healthcheck = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_prixfixe"))
            .env_clear()
            .current_dir(folder.path())
            .arg("healthcheck")
            .args(arguments)
            .output()
            .unwrap()
    };
    for arguments in [
        &["--config", "prixfixe.toml"][..],
        &["--address", "unix:lmtp.sock", "--lmtp"],
    ] {
        let output = healthcheck(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "{said}"
        );
    }
    let output = healthcheck(&["--address", "unix:lmtp.sock"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("EHLO was answered with \"500 "), "{said}");
}
