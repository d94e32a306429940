//! Certificates that change while clients are there.

use std::{
    fs,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use rustix::process::Signal;

use crate::{
    certificates::{made, replace},
    server_process::{LISTEN, Server, WATCHDOG},
    smtp_client::{Client, code},
    tls_client::{shown, start_tls},
};

const NAME: &str = "mx.example.com";
const TLS: &str = "[tls]\ncertificate = \"mx.pem\"\nkey = \"mx.key\"\n";
/// Clients that go on delivering all the time.
const CLIENTS: usize = 50;

/// Delivers with many clients, over sessions of a few messages each, while `change` is under way;
/// none of them may fail, and all go on behind it.
fn under_load(server: &mut Server, change: impl FnOnce(&mut Server)) {
    let address = server.address().to_owned();
    let stop = AtomicBool::new(false);
    let (sender, delivered) = mpsc::channel();
    let await_many = || {
        for _ in 0..2 * CLIENTS {
            delivered.recv_timeout(WATCHDOG).expect("clients deliver");
        }
    };
    thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for _ in 0..CLIENTS {
            let sender = sender.clone();
            let (address, stop) = (&address, &stop);
            scope.spawn(move || {
                // One that fails ends them all.
                let _stop = StopOnDrop(stop);
                while !stop.load(Ordering::Relaxed) {
                    let mut client = start_tls(address, NAME);
                    for _ in 0..3 {
                        let reply = client.deliver("a@example.org", "b@example.com", b"x\r\n");
                        assert_eq!(code(&reply), 250, "{reply}");
                        // Nobody waits for the last ones.
                        let _ = sender.send(());
                    }
                    assert_eq!(code(&client.command("QUIT")), 221);
                }
            });
        }
        drop(sender);
        await_many();
        change(server);
        // Those that were under way meanwhile do not count.
        while delivered.try_recv().is_ok() {}
        await_many();
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn write(folder: &Path) -> Vec<u8> {
    let made = made(NAME);
    made.write_as(folder, "mx");
    made.certificate
}

#[test]
fn files_that_change_are_noticed_and_no_session_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path());
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    let mut idle = start_tls(server.address(), NAME);
    assert_eq!(shown(&idle), old);
    under_load(&mut server, |server| {
        let new = write(folder.path());
        server.await_log("certificates read again: their files have changed");
        assert_eq!(shown(&start_tls(server.address(), NAME)), new);
    });
    let reply = idle.deliver("a@example.org", "b@example.com", b"still here\r\n");
    assert_eq!(code(&reply), 250);
}

#[test]
fn sighup_reads_the_settings_again() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    under_load(&mut server, |server| {
        let made = made(NAME);
        made.write_as(folder.path(), "renewed");
        let settings = format!(
            "max_connections = 7\n{LISTEN}[tls]\ncertificate = \"renewed.pem\"\n\
             key = \"renewed.key\"\n"
        );
        replace(&folder.path().join("prixfixe.toml"), &settings);
        server.signal(Signal::HUP);
        server.await_log("certificates read again: SIGHUP");
        let line = server.await_log("these settings change with a restart only");
        assert!(
            line.contains("max_connections") && !line.contains("tls."),
            "{line}"
        );
        assert_eq!(shown(&start_tls(server.address(), NAME)), made.certificate);
    });
}

#[test]
fn a_broken_file_keeps_the_old_certificate_until_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path());
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    replace(&folder.path().join("mx.pem"), "no certificate\n");
    let line = server.await_log("the old ones stay in use");
    assert!(
        line.contains("tls.certificate") && line.contains("is malformed"),
        "{line}"
    );
    assert_eq!(shown(&start_tls(server.address(), NAME)), old);
    // The key of another one, as between the two writes of a renewal.
    made(NAME).write_as(folder.path(), "other");
    fs::copy(
        folder.path().join("other.pem"),
        folder.path().join("mx.pem"),
    )
    .unwrap();
    let line = server.await_log("does not belong to the first certificate");
    assert!(line.contains("tls.key"), "{line}");
    assert_eq!(shown(&start_tls(server.address(), NAME)), old);
    server.signal(Signal::HUP);
    server.await_log("certificates read again (SIGHUP); the old ones stay in use");
    fs::copy(
        folder.path().join("other.key"),
        folder.path().join("mx.key"),
    )
    .unwrap();
    server.await_log("certificates read again: their files have changed");
    assert_ne!(shown(&start_tls(server.address(), NAME)), old);
}

#[test]
fn broken_settings_stay_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let old = write(folder.path());
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    let file = folder.path().join("prixfixe.toml");
    replace(&file, &format!("{LISTEN}{TLS}minimum_version = \"1.1\"\n"));
    server.signal(Signal::HUP);
    let line = server.await_log("SIGHUP: the settings have faults and stay as they are");
    assert!(line.contains("tls.minimum_version"), "{line}");
    assert_eq!(shown(&start_tls(server.address(), NAME)), old);
}

#[test]
fn a_self_signed_certificate_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}[tls]\ncertificate = \"self-signed\"\n");
    let mut server = Server::start_with(folder.path(), &settings);
    let before = shown(&start_tls(server.address(), NAME));
    server.signal(Signal::HUP);
    server.await_log("certificates read again: SIGHUP");
    assert_eq!(shown(&start_tls(server.address(), NAME)), before);
}

#[test]
fn tls_itself_comes_with_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let mut server = Server::start_with(folder.path(), LISTEN);
    replace(
        &folder.path().join("prixfixe.toml"),
        &format!("{LISTEN}{TLS}"),
    );
    server.signal(Signal::HUP);
    let line = server.await_log("these settings change with a restart only");
    assert!(line.contains("tls.certificate, tls.key"), "{line}");
    let mut client = Client::connect(server.address());
    assert_eq!(code(&client.reply()), 220);
    assert!(!client.command("EHLO client.example").contains("STARTTLS"));
}
