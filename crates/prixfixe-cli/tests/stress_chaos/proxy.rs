//! The fault proxy by hand.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn it_stands_between_and_breaks_where_it_is_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut proxy = start(
        &server.local_addr().unwrap().to_string(),
        &["--fault", "reset@banner"],
    );
    let mut line = String::new();
    BufReader::new(proxy.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let (address, _) = line.split_once(" leads to ").unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    let (mut accepted, _) = server.accept().unwrap();
    accepted.write_all(b"220 mx\r\n").unwrap();
    let mut greeting = [0; 8];
    client.read_exact(&mut greeting).unwrap();
    assert_eq!(&greeting, b"220 mx\r\n");
    let end = client.read(&mut greeting).unwrap_err();
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    kill_process(Pid::from_child(&proxy), Signal::TERM).unwrap();
    assert!(proxy.wait().unwrap().success());
}

#[test]
fn faults_that_are_none_are_misuse_with_a_word_on_what_to_write() {
    for (faults, says) in [
        (&["--fault", "latncy=5ms"][..], "latency=50ms"),
        (
            &["--fault", "reset@mail", "--fault", "blackhole@data"][..],
            "one way",
        ),
        (&["--fault", "reset@mail", "--share", "110%"][..], "100 %"),
    ] {
        let output = start("127.0.0.1:9", faults).wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(says), "{told}");
    }
}

fn start(to: &str, faults: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .args(["stress", "proxy", "--listen", "127.0.0.1:0", "--to", to])
        .args(faults)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
