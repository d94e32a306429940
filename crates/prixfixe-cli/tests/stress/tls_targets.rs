//! `stress tls` against servers that run already: what each of them offers is measured.

use std::fs::{self, File};
use std::process::Command;

use serde_json::Value;

use crate::lab::Lab;
use crate::server_process::Server;

const STARTTLS: &str = "listen = [\"127.0.0.1:0\"]\n[tls]\ncertificate = \"self-signed\"\n";
const IMPLICIT: &str = "listen = []\n[tls]\ncertificate = \"self-signed\"\n\
    [[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"implicit\"\n";

/// `stress tls` against a server with these settings.
fn measured(settings: &str, flags: &[&str]) -> (Lab, Option<i32>, String) {
    measured_in(&Lab::new(), settings, flags)
}

fn measured_in(folder: &Lab, settings: &str, flags: &[&str]) -> (Lab, Option<i32>, String) {
    let server = Server::start_with(folder.path(), settings);
    let lab = Lab::new();
    let first = ["tls", "--scale", "0.02", "--target", server.address()];
    let (code, said) = lab.run(&[&first, flags].concat());
    (lab, code, said)
}

/// Names of the parts, and whether each made full handshakes and took sessions up again.
fn handshakes(lab: &Lab) -> Vec<(String, bool, bool)> {
    let result = lab.result();
    let parts = result["parts"].as_array().unwrap();
    let some = |part: &Value, name: &str| part["connections"][name].as_u64().unwrap() > 0;
    parts
        .iter()
        .map(|part| {
            let name = part["name"].as_str().unwrap().to_owned();
            (name, some(part, "tls_full"), some(part, "tls_resumed"))
        })
        .collect()
}

#[test]
fn a_port_with_starttls_is_measured_in_the_clear_too() {
    let (lab, code, said) = measured(STARTTLS, &["--tls", "starttls", "--insecure"]);
    assert_eq!(code, Some(0), "{said}");
    let expected = [
        ("plain".to_owned(), false, false),
        ("STARTTLS".to_owned(), true, false),
        ("STARTTLS, resumed".to_owned(), true, true),
    ];
    assert_eq!(handshakes(&lab), expected);
}

#[test]
fn a_port_that_takes_no_mail_in_the_clear_is_measured_without_that_part() {
    // It offers logins under TLS alone.
    let settings = "listen = []\n[tls]\ncertificate = \"self-signed\"\n\
        [[listener]]\naddress = \"127.0.0.1:0\"\nauth = \"required\"\n\
        [auth]\npassword_file = \"users\"\n";
    let folder = Lab::new();
    let password = folder.path().join("password");
    fs::write(&password, "secret\n").unwrap();
    let users = folder.path().join("users");
    let made = Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .arg("passwd")
        .arg(users)
        .args(["ann", "--stdin"])
        .stdin(File::open(&password).unwrap())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let flags = [
        "--tls",
        "starttls",
        "--insecure",
        "--no-resume",
        "--auth",
        "ann",
        "--password-file",
        password.to_str().unwrap(),
    ];
    let (lab, code, said) = measured_in(&folder, settings, &flags);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("plain: left out"), "{said}");
    // One part is the whole.
    let result = lab.result();
    assert!(result["connections"]["tls_full"].as_u64().unwrap() > 0);
    assert_eq!(result["connections"]["tls_resumed"], 0);
}

#[test]
fn a_port_that_speaks_tls_from_the_first_octet_is_measured_as_such() {
    let (lab, code, said) = measured(IMPLICIT, &["--tls", "implicit", "--insecure"]);
    assert_eq!(code, Some(0), "{said}");
    let expected = [
        ("implicit".to_owned(), true, false),
        ("implicit, resumed".to_owned(), true, true),
    ];
    assert_eq!(handshakes(&lab), expected);
}

#[test]
fn a_target_that_does_not_offer_what_is_measured_is_refused_in_words() {
    let (lab, code, said) = measured("listen = [\"127.0.0.1:0\"]\n", &[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("does not announce STARTTLS"), "{said}");
    assert!(said.contains("--tls implicit"), "{said}");
    assert!(lab.results().is_empty());
    // Whom the system does not trust is named with the way out.
    let (lab, code, said) = measured(STARTTLS, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("--insecure"), "{said}");
    assert!(lab.results().is_empty());
}
