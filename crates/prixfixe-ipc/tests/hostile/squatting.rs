//! Who takes a name that belongs to another.

use prixfixe_ipc::{Address, Client, Outcome, Reply, Request, Server, ServerConfig};

use super::processes::Watchdog;

#[test]
fn a_name_that_is_taken_stays_with_who_has_it_until_he_is_gone() {
    let _watchdog = Watchdog::new("squatting");
    let folder = tempfile::tempdir().unwrap();
    let address = Address::path(folder.path().join("server.sock")).unwrap();
    let first = Server::bind(&address, ServerConfig::default()).unwrap();
    assert!(Server::bind(&address, ServerConfig::default()).is_err());
    let running = first
        .spawn(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))
        .unwrap();
    assert!(Server::bind(&address, ServerConfig::default()).is_err());
    let mut client = Client::connect(&address).unwrap();
    assert_eq!(client.call(b"x").map(<[u8]>::len), Outcome::Completed(1));
    running.stop().unwrap();
    // What a dead one left behind.
    let stale = std::os::unix::net::UnixListener::bind(folder.path().join("server.sock")).unwrap();
    drop(stale);
    Server::bind(&address, ServerConfig::default()).unwrap();
}
