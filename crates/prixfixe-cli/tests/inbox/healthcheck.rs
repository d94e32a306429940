//! `prixfixe healthcheck`.

use std::{
    fs,
    io::Write,
    net::{TcpListener, TcpStream},
    thread,
};

use crate::{
    program::{assert_fails, run, text},
    server_process::Server,
};

#[test]
fn a_server_that_answers_is_healthy() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("smtp.sock");
    let unix = format!("unix:{}", socket.display());
    let settings = format!("listen = [\"127.0.0.1:0\", \"[::1]:0\", {unix:?}]\n");
    let mut server = Server::start_with(folder.path(), &settings);
    for address in server.addresses.clone() {
        healthy(&["healthcheck", "--address", &address]);
    }
    healthy(&["healthcheck", "--address", &unix]);

    // By its settings: the first listener, and the loopback for all addresses.
    let file = folder.path().join("other.toml");
    let file = file.to_str().unwrap();
    let port = server.port().to_owned();
    for listen in [
        format!("\"127.0.0.1:{port}\", \"127.0.0.1:1\""),
        format!("\"0.0.0.0:{port}\""),
        "\"unix:smtp.sock\"".to_owned(),
    ] {
        fs::write(file, format!("listen = [{listen}]\n")).unwrap();
        healthy(&["healthcheck", "--config", file]);
    }
    let six = server.addresses[1].rsplit_once(':').unwrap().1;
    healthy(&["healthcheck", "--address", &format!("[::]:{six}")]);

    let address = server.address().to_owned();
    server.terminate();
    assert!(server.wait().success());
    assert_fails(
        &run(&["healthcheck", "--address", &address]),
        1,
        "is the server running?",
    );
    assert_fails(
        &run(&["healthcheck", "--address", &unix]),
        1,
        "cannot connect",
    );
}

#[test]
fn what_answers_otherwise_is_not() {
    check(|_| (), "the greeting: the server closed the connection");
    check(
        |mut socket| send(&mut socket, "421 4.7.0 too many\x1b[2J\r\n"),
        r"421 4.7.0 too many\u{1b}",
    );
    check(
        |mut socket| send(&mut socket, "HTTP/1.1 400 Bad Request\r\n"),
        "HTTP/1.1 400",
    );
    check(|mut socket| send(&mut socket, "220 hello\r\n"), "EHLO");
    check(
        |mut socket| send(&mut socket, &"220-hello\r\n".repeat(100_000)),
        "does not end",
    );
    check(
        |mut socket| {
            send(&mut socket, "220 hello\r\n502 5.5.1 no\r\n");
            // Until the other side has read it and gone.
            let _ = std::io::copy(&mut socket, &mut std::io::sink());
        },
        "EHLO was answered with",
    );
}

#[test]
fn a_server_that_is_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let output = run(&["healthcheck", "--address", &address, "--timeout", "200ms"]);
    assert_fails(&output, 1, "no answer to the greeting: timed out");
    assert_eq!(text(&output.stderr).lines().count(), 1);
}

#[test]
fn wrong_usage_is_told_from_a_dead_server() {
    assert_fails(
        &run(&["healthcheck", "--address", "localhost"]),
        2,
        "not an address",
    );
    assert_fails(&run(&["healthcheck", "--timeout", "5"]), 2, "5s");
    assert_fails(
        &run(&["healthcheck", "--address", "inherited"]),
        2,
        "--address",
    );
}

fn healthy(arguments: &[&str]) {
    let output = run(arguments);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    assert_eq!(
        text(&output.stdout) + &text(&output.stderr),
        "",
        "no news is good news"
    );
}

/// Asks a server that does `answer` and hangs up.
#[track_caller]
fn check(answer: impl FnOnce(TcpStream) + Send + 'static, reason: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || answer(listener.accept().unwrap().0));
    assert_fails(&run(&["healthcheck", "--address", &address]), 1, reason);
    server.join().unwrap();
}

fn send(socket: &mut TcpStream, reply: &str) {
    // Whoever has read enough is gone.
    let _ = socket.write_all(reply.as_bytes());
}
