//! `openssl s_client`, with which everybody tries out TLS by hand.

use std::{
    io::{BufRead, BufReader, Write},
    process::{ChildStdin, ChildStdout, Stdio},
};

use crate::{
    message,
    program::{Watched, program},
    secured::{BOTH, Secured, Tls},
};

#[test]
fn openssl_delivers_over_both_versions() {
    for version in ["-tls1_2", "-tls1_3"] {
        for tls in BOTH {
            let secured = Secured::open();
            let mut typed = Typed::start(&secured, tls, version);
            typed.say(b"EHLO client.example\r\n", "250");
            typed.say(b"MAIL FROM:<ann@example.org> BODY=8BITMIME\r\n", "250");
            typed.say(b"RCPT TO:<bob@example.com>\r\n", "250");
            typed.say(b"DATA\r\n", "354");
            let mut text = message::doubled_dots(&message::tricky());
            text.extend_from_slice(b".\r\n");
            typed.say(&text, "250");
            typed.say(b"QUIT\r\n", "221");
            message::same(&secured.only().body, &message::tricky());
        }
    }
}

/// A dialogue over TLS.
struct Typed {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _client: Watched,
}

impl Typed {
    fn start(secured: &Secured, tls: Tls, version: &str) -> Self {
        let mut command = program("openssl");
        command
            .args(["s_client", "-quiet", "-nocommands", version])
            .args(["-connect", secured.address(tls), "-verify_return_error"])
            .args(["-verify_hostname", "mx.example.com", "-CAfile"])
            .arg(secured.certificate());
        if tls == Tls::StartTls {
            command.args(["-starttls", "smtp", "-name", "client.example"]);
        }
        let mut client = Watched::spawn(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null()),
        );
        let mut typed = Self {
            input: client.process().stdin.take().unwrap(),
            output: BufReader::new(client.process().stdout.take().unwrap()),
            _client: client,
        };
        // Before STARTTLS it has read the greeting itself.
        if tls == Tls::Implicit {
            typed.hear("220");
        }
        typed
    }

    fn say(&mut self, octets: &[u8], wanted: &str) {
        self.input.write_all(octets).unwrap();
        self.hear(wanted);
    }

    fn hear(&mut self, wanted: &str) {
        loop {
            let mut line = String::new();
            self.output.read_line(&mut line).unwrap();
            assert!(line.starts_with(wanted), "{line:?} instead of {wanted}");
            if line.as_bytes()[3] == b' ' {
                return;
            }
        }
    }
}
