use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit};

use super::*;
use crate::sys::linux::socket::{ConnectFailure, ReceiveFailure, Received};

fn bind(path: &Path) -> Result<Listener, BindFailure> {
    Listener::bind(&at(path), &SocketAccess::default())
}

fn at(path: &Path) -> Address {
    Address::path(path).unwrap()
}

/// A path in a directory of its own.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.sock");
    (directory, path)
}

/// Leaves a socket as a dead server does. It never listened, since a child that another test starts
/// has a copy until it runs its own program, and would keep it alive.
fn leave_stale(path: &Path) {
    let socket = Socket::unconnected(SocketFlags::CLOEXEC).unwrap();
    rustix::net::bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn answers(listener: &Listener, path: &Path) -> bool {
    let client = Socket::connect_now(&at(path));
    client.is_ok() && listener.accept().unwrap().is_some()
}

#[test]
fn clients_are_accepted_and_nobody_is_waited_for() {
    let (_directory, path) = place();
    let listener = bind(&path).unwrap();
    assert!(listener.accept().unwrap().is_none());
    let client = Socket::connect(&at(&path), Duration::MAX).unwrap();
    let server = listener.accept().unwrap().unwrap();
    assert!(listener.accept().unwrap().is_none());
    server.send(b"x", &[]).unwrap();
    assert!(client.wait_readable(None).unwrap());
}

#[test]
fn a_path_is_removed_with_its_listener() {
    let (directory, path) = place();
    let listener = bind(&path).unwrap();
    assert_eq!(names(directory.path()), ["x.sock"]);
    drop(listener);
    assert_eq!(names(directory.path()), [""; 0]);
}

#[test]
fn a_path_that_another_server_took_is_left_to_it() {
    let (directory, path) = place();
    let old = bind(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let new = bind(&path).unwrap();
    drop(old);
    assert!(answers(&new, &path));
    assert_eq!(names(directory.path()), ["x.sock"]);
}

#[test]
fn the_socket_of_a_dead_server_is_replaced() {
    let (directory, path) = place();
    leave_stale(&path);
    let listener = bind(&path).unwrap();
    assert!(answers(&listener, &path));
    assert_eq!(names(directory.path()), ["x.sock"]);
}

#[test]
fn that_of_a_live_one_is_not() {
    let (directory, path) = place();
    let live = bind(&path).unwrap();
    for _ in 0..3 {
        assert!(matches!(bind(&path), Err(BindFailure::AlreadyServing)));
    }
    // The three that asked are gone already, and one that stays is served.
    for _ in 0..3 {
        let asked = live.accept().unwrap().unwrap();
        assert!(asked.wait_readable(None).unwrap());
        let end = asked.receive(&mut [0], &mut Received::refusing());
        assert!(matches!(end, Err(ReceiveFailure::Gone)));
    }
    assert!(answers(&live, &path));
    assert_eq!(names(directory.path()), ["x.sock"]);
}

#[test]
fn neither_is_that_of_a_live_one_whose_queue_is_full() {
    let (_directory, path) = place();
    let busy = Socket::unconnected(SocketFlags::CLOEXEC).unwrap();
    rustix::net::bind(&busy, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&busy, 0).unwrap();
    let _waiting = Socket::connect_now(&at(&path)).unwrap();
    assert!(matches!(bind(&path), Err(BindFailure::AlreadyServing)));
}

#[test]
fn neither_is_that_of_another_kind() {
    let (_directory, path) = place();
    let _stream = UnixListener::bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(BindFailure::AlreadyServing)));
}

#[test]
fn what_is_not_a_socket_stays() {
    let (directory, path) = place();
    fs::write(&path, "kept").unwrap();
    assert!(matches!(bind(&path), Err(BindFailure::NotASocket)));
    assert_eq!(fs::read(&path).unwrap(), b"kept");
    fs::remove_file(&path).unwrap();

    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(matches!(bind(&path), Err(BindFailure::NotASocket)));
    assert_eq!(names(directory.path()), ["x.sock"]);
    fs::remove_file(&path).unwrap();

    fs::create_dir(&path).unwrap();
    assert!(matches!(bind(&path), Err(BindFailure::NotASocket)));
}

#[test]
fn of_those_that_start_together_one_serves() {
    let rounds = if std::env::var_os("PRIXFIXE_LONG").is_some() {
        500
    } else {
        30
    };
    let (directory, path) = place();
    for round in 0..rounds {
        if round % 2 == 0 {
            leave_stale(&path);
        }
        let start = Barrier::new(4);
        let serving = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    start.wait();
                    match bind(&path) {
                        Ok(listener) => serving.lock().unwrap().push(listener),
                        Err(failure) => assert!(matches!(failure, BindFailure::AlreadyServing)),
                    }
                });
            }
        });
        let serving = serving.into_inner().unwrap();
        assert_eq!(serving.len(), 1, "round {round}");
        // Past those that asked whether it lives.
        while serving[0].accept().unwrap().is_some() {}
        assert!(answers(&serving[0], &path));
        assert_eq!(names(directory.path()), ["x.sock"]);
        drop(serving);
        assert_eq!(names(directory.path()), [""; 0]);
    }
}

#[test]
fn what_a_killed_server_left_half_done_is_used_again() {
    let (directory, path) = place();
    leave_stale(&directory.path().join(".binding-0"));
    fs::write(directory.path().join(".binding-1"), "not ours").unwrap();
    let _listener = bind(&path).unwrap();
    assert_eq!(names(directory.path()), [".binding-1", "x.sock"]);
    // And a temporary name that cannot be had is passed over.
    let path = directory.path().join("y.sock");
    fs::create_dir(directory.path().join(".binding-0")).unwrap();
    let _other = bind(&path).unwrap();
    assert_eq!(
        names(directory.path()),
        [".binding-0", ".binding-1", "x.sock", "y.sock"]
    );
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let (directory, path) = place();
    fs::write(&path, "kept").unwrap();
    assert!(bind(&path).is_err());
    assert_eq!(names(directory.path()), ["x.sock"]);
    let too_long = directory.path().join("x".repeat(256));
    assert!(matches!(bind(&too_long), Err(BindFailure::Other(_))));
    assert_eq!(names(directory.path()), ["x.sock"]);
    let missing = directory.path().join("missing/x.sock");
    assert!(matches!(bind(&missing), Err(BindFailure::Other(_))));
}

#[test]
fn paths_of_any_length_can_be_served() {
    let (directory, _) = place();
    let deep = directory.path().join("d".repeat(120));
    fs::create_dir(&deep).unwrap();
    for path in [
        directory.path().join("n".repeat(200)),
        deep.join("x.sock"),
        deep.join("n".repeat(200)),
    ] {
        drop(bind(&path).unwrap());
        let listener = bind(&path).unwrap();
        assert!(answers(&listener, &path), "{}", path.display());
        assert!(matches!(bind(&path), Err(BindFailure::AlreadyServing)));
        drop(listener);
        assert!(!path.exists());
        let stale = directory.path().join("s");
        leave_stale(&stale);
        fs::rename(&stale, &path).unwrap();
        assert!(answers(&bind(&path).unwrap(), &path));
    }
}

#[test]
fn the_mode_is_what_was_asked_for() {
    let (_directory, path) = place();
    for mode in [0o600, 0o660, 0o666, 0o777, 0o620] {
        let access = SocketAccess {
            mode: Some(mode),
            ..SocketAccess::default()
        };
        let _listener = Listener::bind(&at(&path), &access).unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(found & 0o7777, mode, "{found:o}");
    }
}

#[test]
fn the_owner_is_who_was_asked_for() {
    let (_directory, path) = place();
    let access = SocketAccess {
        uid: Some(12345),
        gid: Some(23456),
        ..SocketAccess::default()
    };
    match Listener::bind(&at(&path), &access) {
        Ok(_listener) => {
            let found = fs::metadata(&path).unwrap();
            assert_eq!((found.uid(), found.gid()), (12345, 23456));
        }
        // Without privileges it fails, and nobody finds a socket with less protection than asked for.
        Err(failure) => {
            assert!(matches!(failure, BindFailure::Other(_)));
            assert!(!path.exists());
        }
    }
}

#[test]
fn an_abstract_name_has_one_server() {
    let name = format!("prixfixe-test-{}-listener", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let access = SocketAccess::default();
    let listener = Listener::bind(&address, &access).unwrap();
    assert!(matches!(
        Listener::bind(&address, &access),
        Err(BindFailure::AlreadyServing)
    ));
    drop(listener);
    // A child that another test starts has a copy until it runs its own program.
    while !matches!(Socket::connect_now(&address), Err(ConnectFailure::Refused)) {}
    Listener::bind(&address, &access).unwrap();
}

#[test]
fn an_inherited_listener_is_taken_and_its_path_kept() {
    let (_directory, path) = place();
    let address = SocketAddrUnix::new(&path).unwrap();
    let socket = Socket::unconnected(SocketFlags::empty()).unwrap();
    rustix::net::bind(&socket, &address).unwrap();
    let early = Listener::from_fd(socket.try_clone().unwrap());
    assert!(matches!(early, Err(BadListener::NotListening)));
    rustix::net::listen(&socket, 1).unwrap();
    let listener = Listener::from_fd(socket).unwrap();
    assert!(listener.accept().unwrap().is_none());
    assert!(answers(&listener, &path));
    drop(listener);
    assert!(path.exists());
}

#[test]
fn what_is_no_listener_is_refused() {
    let (_directory, path) = place();
    let stream = UnixListener::bind(&path).unwrap();
    let refused = Listener::from_fd(stream.into());
    assert!(matches!(refused, Err(BadListener::NotSeqpacket)));
    let internet = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let refused = Listener::from_fd(internet.into());
    assert!(matches!(refused, Err(BadListener::NotUnix)));
    let refused = Listener::from_fd(tempfile::tempfile().unwrap().into());
    assert!(matches!(refused, Err(BadListener::NotUnix)));
}

/// In a process of its own, since the limit is for all of it.
#[test]
fn the_descriptor_limit_is_told_from_other_errors() {
    const ALONE: &str = "PRIXFIXE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--test-threads=1"])
            .arg(thread::current().name().unwrap())
            .env(ALONE, "1")
            .status();
        assert!(status.unwrap().success());
        return;
    }
    let (_directory, path) = place();
    let listener = bind(&path).unwrap();
    let client = Socket::connect_now(&at(&path)).unwrap();
    let (own, peer) = Socket::pair().unwrap();
    peer.send(b"x", &[client.as_fd()]).unwrap();
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let none = Rlimit {
        current: Some(0),
        maximum: limit.maximum,
    };
    rustix::process::setrlimit(Resource::Nofile, none).unwrap();
    let accepted = listener.accept();
    assert!(matches!(accepted, Err(AcceptFailure::NoDescriptors(_))));
    let mut descriptors = Received::new();
    let message = own.receive(&mut [0; 2], &mut descriptors).unwrap();
    assert!(message.descriptors_lost);
    assert_eq!(descriptors.len(), 0);
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    assert!(listener.accept().unwrap().is_some());
}
