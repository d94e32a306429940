//! A socket of a service manager: it is there before its server and outlives it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use prixfixe_ipc::{
    Address, BadListener, BindError, Call, Client, Outcome, Reply, Request, Server, ServerConfig,
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

const NAME: &str = "TEST_PRIXFIXE_IPC_SERVER_NAME";
/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(60);

/// Not a test: the server, which the tests start. It answers with its name, and drains when its input
/// ends.
#[test]
#[ignore = "the entry point of child processes"]
fn child() {
    let Ok(name) = std::env::var(NAME) else {
        return;
    };
    let no_such = Server::from_systemd("other", ServerConfig::default());
    assert!(is_not_passed(&no_such));
    // The first is of another kind, and stays for whom it is meant for.
    let stream = Server::from_systemd(0, ServerConfig::default());
    let not_seqpacket = matches!(stream, Err(BindError::Inherited(BadListener::NotSeqpacket)));
    assert!(not_seqpacket, "{stream:?}");
    assert!(Path::new("/proc/self/fd/3").exists());

    let server = Server::from_systemd("calls", ServerConfig::default()).unwrap();
    assert!(is_not_passed(&Server::from_systemd(
        1,
        ServerConfig::default()
    )));
    assert!(is_not_passed(&Server::from_systemd(
        "calls",
        ServerConfig::default()
    )));
    let flags = std::fs::read_to_string("/proc/self/fdinfo/4").unwrap();
    let flags = flags.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = u32::from_str_radix(flags.unwrap().trim(), 8).unwrap();
    let close_on_exec = rustix::fs::OFlags::CLOEXEC.bits();
    assert_eq!(
        flags & close_on_exec,
        close_on_exec,
        "children would inherit it"
    );

    let stopper = server.stopper();
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        stopper.drain(LONG);
    });
    let answer = move |_: Request<'_>, reply: &mut Reply<'_>| reply.write(name.as_bytes());
    server.serve(answer).unwrap();
}

fn is_not_passed(server: &Result<Server, BindError>) -> bool {
    matches!(server, Err(BindError::Inherited(BadListener::NotPassed)))
}

/// Starts a server as systemd would, with `listener` as the second of two sockets. Only a shell between
/// can put them on their descriptors and know the process id.
fn start(name: &str, listener: &OwnedFd) -> Child {
    let stream = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    let script = "exec 3<&2 4<&1 1>/dev/null 2>&1; LISTEN_PID=$$ exec \"$@\"";
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(NAME, name)
        .env("LISTEN_FDS", "2")
        .env("LISTEN_FDNAMES", "web:calls")
        .stdin(Stdio::piped())
        .stdout(listener.try_clone().unwrap())
        .stderr(stream)
        .spawn()
        .unwrap()
}

/// Lets it drain, and waits for it.
fn finish(mut server: Child) {
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

#[test]
fn clients_wait_for_a_server_at_a_passed_socket_and_for_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("calls.sock");
    let listener = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&listener, 16).unwrap();
    let address = Address::path(&path).unwrap();

    let early = std::thread::spawn({
        let address = address.clone();
        move || Client::connect(&address).unwrap()
    });
    let first = start("first", &listener);
    let mut client = early.join().unwrap();
    let ask = |client: &mut Client| {
        let outcome = client.call(Call::new(b"x").timeout(LONG));
        outcome.map(|reply| String::from_utf8(reply.to_vec()).unwrap())
    };
    assert_eq!(ask(&mut client), Outcome::Completed("first".to_owned()));
    finish(first);
    assert!(path.exists(), "the file belongs to whoever made the socket");

    // Sent while nobody is there.
    let (answer, mut client) = std::thread::scope(|scope| {
        let call = scope.spawn(|| (ask(&mut client), client));
        let second = start("second", &listener);
        let ended = call.join().unwrap();
        finish(second);
        ended
    });
    assert_eq!(answer, Outcome::Completed("second".to_owned()));
    let third = start("third", &listener);
    assert_eq!(ask(&mut client), Outcome::Completed("third".to_owned()));
    finish(third);
}
