//! Too many clients, and many that do nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    aftermath::all_is_well_but,
    descriptors,
    server_process::{LISTEN, Server, WATCHDOG, store},
    smtp_client::{Client, code, id},
    stored_mail,
};

const ALLOWED: usize = 100;
const TOO_MANY: usize = 1900;

#[test]
fn who_is_too_many_is_told() {
    descriptors::allow_many();
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}max_connections = {ALLOWED}\n");
    let server = Server::start_with(folder.path(), &settings);
    let address = server.address();
    let mut allowed: Vec<_> = (0..ALLOWED).map(|_| Client::greeted(address)).collect();
    // All at once, as far as threads go: each connects many times before it reads an answer.
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                let clients: Vec<_> = (0..TOO_MANY / 10)
                    .map(|_| Client::connect(address))
                    .collect();
                for mut client in clients {
                    let reply = client.reply();
                    assert!(reply.starts_with("421 4.7.0 "), "{reply}");
                    assert_eq!(client.rest(), [""; 0]);
                }
            });
        }
    });
    for client in &mut allowed {
        assert_eq!(code(&client.command("NOOP")), 250);
    }
    // There is room again when some have left, which the server may notice a little later.
    allowed.truncate(ALLOWED / 2);
    let start = Instant::now();
    while code(&Client::connect(address).reply()) != 220 {
        assert!(
            start.elapsed() < WATCHDOG,
            "no room though half of them have left"
        );
        thread::sleep(Duration::from_millis(5));
    }
    drop(allowed);
    all_is_well_but(server, folder.path(), &["turning connections away"]);
}

#[test]
fn a_thousand_idle_clients_are_in_nobodys_way() {
    descriptors::allow_many();
    let folder = tempfile::tempdir().unwrap();
    let settings = format!("{LISTEN}max_connections = 1100\n");
    let server = Server::start_with(folder.path(), &settings);
    let mut idle: Vec<_> = (0..1000)
        .map(|_| Client::greeted(server.address()))
        .collect();
    let mut client = Client::greeted(server.address());
    let reply = client.deliver("a@example.org", "b@example.com", b"text\r\n");
    assert_eq!(stored_mail::only(&store(folder.path())).id, id(&reply));
    for client in &mut idle {
        assert_eq!(code(&client.command("NOOP")), 250);
    }
}
