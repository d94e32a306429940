//! What an observer sees of a server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use prixfixe_ipc::{
    Address, Call, Client, ClientKind, ConnectError, Outcome, OwnedReply, OwnedRequest, Refusal,
    Reply, Request, Server, ServerConfig, Snapshot, Statistics,
};

fn serve(name: &str, config: ServerConfig) -> (Address, prixfixe_ipc::RunningServer) {
    let name = format!("prixfixe-statistics-{name}-{}", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let answer = |request: Request<'_>, reply: &mut Reply<'_>| match request.message_type() {
        0 => reply.write(request.payload()),
        _ => Err(Refusal::UnknownType),
    };
    let server = Server::bind(&address, config).unwrap();
    (address, server.spawn(answer).unwrap())
}

/// Figures are written when a turn ends, which is after the reply was published.
fn awaited(statistics: &Statistics, wanted: impl Fn(&Snapshot) -> bool) -> Snapshot {
    loop {
        let snapshot = statistics.snapshot().unwrap();
        if wanted(&snapshot) {
            return snapshot;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_observer_sees_clients_calls_and_times() {
    let (address, _server) = serve("calls", ServerConfig::default());
    let statistics = Statistics::observe(&address).unwrap();
    let mut client = Client::connect(&address).unwrap();
    for _ in 0..100 {
        assert_eq!(client.call(b"x"), Outcome::Completed(&b"x"[..]));
    }
    let refused = client.call(Call::new(b"x").message_type(1));
    assert_eq!(
        refused.map(<[u8]>::len),
        Outcome::Refused(Refusal::UnknownType)
    );

    let seen = awaited(&statistics, |seen| seen.server.calls == 101);
    assert_eq!(seen.server.refused_calls, 1);
    assert_eq!(seen.server.wakes_sent + seen.server.wakes_avoided, 101);
    assert!(seen.service_times.sampled() >= 3);
    assert!(seen.service_times.quantile_ns(0.5) <= seen.service_times.quantile_ns(0.999));
    let rows: Vec<_> = seen
        .clients
        .iter()
        .map(|row| (row.kind, row.calls))
        .collect();
    assert_eq!(
        rows,
        [(ClientKind::Observer, 0), (ClientKind::Blocking, 101)]
    );
    let row = seen.clients[1];
    assert_eq!(row.pid.unwrap().get().unsigned_abs(), std::process::id());
    assert_eq!(row.channels, 1);
    assert_eq!(row.wakes_sent + row.wakes_avoided, 101);

    drop(client);
    let seen = awaited(&statistics, |seen| seen.clients.len() == 1);
    assert_eq!(seen.server.calls, 101);
}

#[test]
fn a_row_that_is_used_again_is_another_connection() {
    let (address, _server) = serve("rows", ServerConfig::default());
    let statistics = Statistics::observe(&address).unwrap();
    let mut connections = Vec::new();
    for _ in 0..2 {
        let mut client = Client::connect(&address).unwrap();
        assert_eq!(client.call(b"").map(<[u8]>::len), Outcome::Completed(0));
        let seen = awaited(&statistics, |seen| {
            seen.clients.get(1).is_some_and(|row| row.calls == 1)
        });
        connections.push((seen.clients[1].number, seen.clients[1].connection));
        drop(client);
        awaited(&statistics, |seen| seen.clients.len() == 1);
    }
    assert_eq!(connections[0].0, connections[1].0);
    assert_ne!(connections[0].1, connections[1].1);
}

#[test]
fn an_observer_takes_a_place_and_notices_the_end() {
    let mut config = ServerConfig::default();
    config.max_clients = 1;
    let (address, server) = serve("end", config);
    let statistics = Statistics::observe(&address).unwrap();
    assert!(matches!(
        Client::connect(&address),
        Err(ConnectError::Refused(_))
    ));
    let seen = awaited(&statistics, |seen| seen.server.refused_connections == 1);
    assert_eq!(seen.clients.len(), 1);
    server.stop().unwrap();
    assert_eq!(statistics.snapshot(), None);
}

#[test]
fn open_streams_and_their_credit_are_shown_until_they_end() {
    let name = format!("prixfixe-statistics-streams-{}", std::process::id());
    let address = Address::abstract_name(name).unwrap();
    let config = ServerConfig::default();
    let window = config.stream_window as u64;
    let server = Server::bind(&address, config).unwrap();
    let _running = server
        .spawn_async(|mut request: OwnedRequest, _reply: OwnedReply| async move {
            let mut item = Vec::new();
            while request.next_item(&mut item).await? {}
            Ok(())
        })
        .unwrap();
    let statistics = Statistics::observe(&address).unwrap();
    let mut client = Client::connect(&address).unwrap();
    let row = |snapshot: &Snapshot| {
        let rows = snapshot.clients.iter();
        rows.map(|row| (row.streams, row.credit)).max()
    };
    let mut stream = client.stream(b"").unwrap();
    awaited(&statistics, |seen| row(seen) == Some((1, window)));
    stream.send(&[7; 1000]).unwrap();
    // What is fetched is not granted anew before it is half of the window.
    awaited(&statistics, |seen| row(seen) == Some((1, window - 1008)));
    assert_eq!(stream.reply(&mut []), Outcome::Completed(0));
    awaited(&statistics, |seen| row(seen) == Some((0, 0)));
}
