//! Calls between a client and a running server.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use prixfixe_ipc::{
    Address, Call, Client, ClientOptions, Connector, Outcome, Refusal, Reply, Request,
    RunningServer, Server, ServerConfig, workload,
};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

/// A server that answers the bytes of a call with others, as [`workload`] has them.
fn serve(name: &str) -> (Address, RunningServer) {
    let address =
        Address::abstract_name(format!("prixfixe-{name}-{}", std::process::id())).unwrap();
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let running = server.spawn(answer).unwrap();
    (address, running)
}

fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    match request.message_type() {
        0 => reply.write(request.payload()),
        1 => Err(Refusal::Busy),
        2 => panic!("as asked"),
        3 => {
            let length = request.payload().len();
            workload::fill(
                reply.extend(length)?,
                1,
                workload::digest(request.payload()),
            );
            Ok(())
        }
        _ => Err(Refusal::UnknownType),
    }
}

#[test]
fn bytes_come_back_as_they_were_sent() {
    let (address, _server) = serve("bytes");
    let mut client = Client::connect(&address).unwrap();
    for length in [0, 1, 7, 8, 63, 64, 65, 1000, 4096, 65_536] {
        let mut payload = vec![0; length];
        workload::fill(&mut payload, 5, length as u64);
        assert_eq!(client.call(&payload), Outcome::Completed(&payload[..]));
    }
}

#[test]
fn refusals_and_panics_are_answers() {
    let (address, _server) = serve("refusals");
    let mut client = Client::connect(&address).unwrap();
    let mut ask = |message_type| {
        let call = Call::new(b"x").message_type(message_type);
        client.call(call).map(<[u8]>::len)
    };
    assert_eq!(ask(1), Outcome::Refused(Refusal::Busy));
    assert_eq!(ask(2), Outcome::Refused(Refusal::HandlerPanicked));
    assert_eq!(ask(9), Outcome::Refused(Refusal::UnknownType));
    assert_eq!(ask(0), Outcome::Completed(1));
}

#[test]
fn what_does_not_fit_is_refused() {
    let (address, _server) = serve("fit");
    let mut client = Client::connect(&address).unwrap();
    assert_eq!(
        client.call(&vec![0; 65_537]).map(<[u8]>::len),
        Outcome::Refused(Refusal::TooLarge)
    );
    let mut small = [0; 4];
    assert_eq!(
        client.call_into(b"hello", &mut small),
        Outcome::Refused(Refusal::TooLarge)
    );
    assert_eq!(client.call_into(b"four", &mut small), Outcome::Completed(4));
    assert_eq!(&small, b"four");
}

#[test]
fn a_pipeline_gives_each_call_its_own_reply() {
    let (address, _server) = serve("pipeline");
    let mut client = Client::connect(&address).unwrap();
    let mut pipeline = client.pipeline().unwrap();
    let mut expected = std::collections::HashMap::new();
    let (mut sent, mut received) = (0_u64, 0);
    let mut buffer = [0; 1024];
    while received < 10_000 {
        while sent < 10_000 {
            let mut payload = [0; 1024];
            let length = 8 + (sent % 1000) as usize;
            workload::fill(&mut payload[..length], 3, sent);
            let call = Call::new(&payload[..length]).message_type(3);
            let Ok(id) = pipeline.submit(call, 1024) else {
                break;
            };
            expected.insert(id, (length, workload::digest(&payload[..length])));
            sent += 1;
        }
        let (id, outcome) = pipeline.receive(&mut buffer).unwrap();
        let (length, digest) = expected.remove(&id).unwrap();
        assert_eq!(outcome, Outcome::Completed(length));
        let mut reply = vec![0; length];
        workload::fill(&mut reply, 1, digest);
        assert_eq!(buffer[..length], reply);
        received += 1;
    }
    assert_eq!(pipeline.receive(&mut buffer), None);
}

#[test]
fn many_clients_on_one_connector_are_served() {
    let (address, _server) = serve("many");
    let connector = Connector::new(address);
    std::thread::scope(|scope| {
        for number in 0..8_u64 {
            let connector = &connector;
            scope.spawn(move || {
                let mut client = connector.client().unwrap();
                for call in 0..1000 {
                    let mut payload = [0; 200];
                    workload::fill(&mut payload, number, call);
                    assert_eq!(client.call(&payload), Outcome::Completed(&payload[..]));
                }
                assert_eq!(client.statistics().woke_late, 0);
            });
        }
    });
}

#[test]
fn a_client_finds_the_next_server() {
    let (address, server) = serve("next");
    let mut client = Client::connect(&address).unwrap();
    assert_eq!(client.call(b"one").map(<[u8]>::len), Outcome::Completed(3));
    server.stop().unwrap();
    let successor = Server::bind(&address, ServerConfig::default()).unwrap();
    let _successor = successor.spawn(answer).unwrap();
    assert_eq!(client.call(b"two!").map(<[u8]>::len), Outcome::Completed(4));
    assert_eq!(client.statistics().reconnects, 1);
}

#[test]
fn a_call_without_a_server_ends_at_its_deadline() {
    let (address, server) = serve("none");
    let mut client = Client::connect(&address).unwrap();
    server.stop().unwrap();
    let call = Call::new(b"x").timeout(Duration::from_millis(120));
    let Outcome::Failed(failure) = client.call(call) else {
        panic!("nobody is there to answer");
    };
    assert_eq!(failure.executed, prixfixe_ipc::Executed::No);
}

#[test]
fn times_beyond_the_clock_are_as_good_as_none() {
    let mut config = ServerConfig::default();
    config.handshake_timeout = Duration::MAX;
    let address = Address::abstract_name(format!("prixfixe-ages-{}", std::process::id())).unwrap();
    let _server = Server::bind(&address, config)
        .unwrap()
        .spawn(answer)
        .unwrap();
    let mut options = ClientOptions::default();
    options.connect_timeout = Duration::MAX;
    let mut client = Connector::with_options(address, options).client().unwrap();
    let call = Call::new(b"x").timeout(Duration::MAX);
    assert_eq!(client.call(call).map(<[u8]>::len), Outcome::Completed(1));
}

#[test]
fn nobody_waits_for_a_server_that_is_silent_longer_than_his_own_call_may_take() {
    let (address, server) = serve("silent");
    let mut options = ClientOptions::default();
    options.connect_timeout = Duration::from_secs(3600);
    let connector = Connector::with_options(address, options);
    let mut client = connector.client().unwrap();
    server.stop().unwrap();
    let (family, kind) = (AddressFamily::UNIX, SocketType::SEQPACKET);
    let listener = rustix::net::socket(family, kind, None).unwrap();
    let name = format!("prixfixe-silent-{}", std::process::id());
    let place = SocketAddrUnix::new_abstract_name(name.as_bytes()).unwrap();
    rustix::net::bind(&listener, &place).unwrap();
    rustix::net::listen(&listener, 16).unwrap();

    // This one holds what the connector's clients share, for an hour.
    std::thread::spawn(move || connector.client().map(drop));
    rustix::net::accept(&listener)
        .map(std::mem::forget)
        .unwrap();
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let call = Call::new(b"x").timeout(Duration::from_millis(100));
        let _ = ended.send(client.call(call).map(<[u8]>::len));
    });
    let outcome = end.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(
        matches!(outcome, Outcome::Failed(failure) if failure.executed == prixfixe_ipc::Executed::No)
    );
}
