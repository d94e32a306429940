//! A balancer that says for whom it connects, in front of every kind of listener.

use std::io::Write;

use crate::{
    server_process::{Server, store},
    smtp_client::{Client, code, id},
    stored_mail,
    tls_client::{connect, over, secure},
};

const NAME: &str = "mx.example.com";
const TEXT: &[u8] = b"PROXY TCP4 192.0.2.7 198.51.100.1 12345 25\r\n";
const BINARY: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x19";

fn settings() -> String {
    let listener = |tls: &str| {
        format!(
            "[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"{tls}\"\n\
             proxy_protocol = [\"127.0.0.0/8\"]\n"
        )
    };
    let listeners = ["none", "starttls", "implicit"].map(listener).concat();
    format!("listen = []\n{listeners}[tls]\ncertificate = \"self-signed\"\n")
}

#[test]
fn mail_comes_from_the_client_that_the_header_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), &settings());
    let behind = |listener: usize, header: &[u8]| {
        let mut stream = connect(&server.addresses[listener]);
        stream.write_all(header).unwrap();
        stream
    };
    let check = |reply: &str| {
        let mail = stored_mail::named(&store(folder.path()), id(reply));
        assert_eq!(mail.details.peer, "192.0.2.7:12345");
    };
    for header in [TEXT, BINARY] {
        let mut client = Client::over(behind(0, header));
        assert_eq!(code(&client.reply()), 220);
        assert_eq!(code(&client.command("EHLO client.example")), 250);
        check(&client.deliver("a@example.org", "b@example.com", b"plain\r\n"));

        let mut client = over(behind(1, header), NAME, None).unwrap();
        check(&client.deliver("a@example.org", "b@example.com", b"STARTTLS\r\n"));

        // The ClientHello stands right behind the header.
        let mut client = secure(behind(2, header), NAME, None).unwrap();
        assert_eq!(code(&client.reply()), 220);
        assert_eq!(code(&client.command("EHLO client.example")), 250);
        check(&client.deliver("a@example.org", "b@example.com", b"implicit\r\n"));
    }
}

#[test]
fn a_balancer_without_a_header_is_cut_off_and_logged() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &settings());
    let mut client = Client::connect(server.address());
    client.send(b"EHLO client.example\r\n");
    assert_eq!(client.rest(), [""; 0]);
    let line = server.await_log("closed a connection of a balancer");
    assert!(line.contains("no PROXY header"), "{line}");
}
