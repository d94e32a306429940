//! The examples do what they say, with a real client.

use std::{fs, net::SocketAddr, process::Command};

use crate::program::Program;

const DESCRIPTORS: usize = 1024;

/// Sends a message with Python's smtplib, which fails unless it is accepted.
fn send(address: SocketAddr) {
    let script = "import smtplib, sys\n\
        client = smtplib.SMTP(sys.argv[1], int(sys.argv[2]))\n\
        client.sendmail('a@example.org', ['b@example.com'], sys.argv[3].encode())\n\
        client.quit()\n";
    let sent = Command::new("python3")
        .args(["-c", script, &address.ip().to_string()])
        .args([&address.port().to_string(), MESSAGE])
        .status()
        .unwrap();
    assert!(sent.success());
}

const MESSAGE: &str = "Subject: x\r\n\r\n.Hello\r\n";

#[test]
fn print_shows_what_comes_in() {
    let program = Program::start("print", DESCRIPTORS, &[]);
    send(program.address);
    assert_eq!(program.end(), format!("from <a@example.org>\n{MESSAGE}\n"));
}

#[test]
fn save_eml_leaves_one_whole_file_for_each_message() {
    let folder = tempfile::tempdir().unwrap();
    let mail = folder.path().join("mail");
    let program = Program::start("save_eml", DESCRIPTORS, &[mail.to_str().unwrap()]);
    for _ in 0..3 {
        send(program.address);
    }
    // Nothing that was acknowledged is lost when the program is killed.
    program.end();
    let files = fs::read_dir(&mail)
        .unwrap()
        .map(|file| file.unwrap().path());
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.extension().unwrap(), "eml");
        assert_eq!(fs::read_to_string(file).unwrap(), MESSAGE);
    }
}

#[test]
fn the_readme_shows_print_as_it_is() {
    let (_, code) = include_str!("../../examples/print.rs")
        .split_once("\n\n")
        .unwrap();
    assert!(include_str!("../../README.md").contains(code));
}
