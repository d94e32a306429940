//! Typed calls between clients and a running server.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use prixfixe_ipc::typed::{self, AsyncService, Rkyv, Service};
use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, Cause, Client, Executed, Failure, Outcome, Refusal,
    Reply, Request, RunningServer, Server, ServerConfig,
};
use proptest::prelude::*;
use rkyv::vec::ArchivedVec;
use rkyv::{Archive, Serialize};

#[derive(Archive, Serialize, Clone, Debug, PartialEq)]
#[rkyv(derive(Debug), compare(PartialEq))]
struct Transfer {
    from: String,
    to: String,
    amount: u128,
    notes: Vec<String>,
}

#[derive(Archive, Serialize)]
#[rkyv(derive(Debug))]
struct Receipt {
    number: u64,
    text: String,
}

#[derive(Archive, Serialize, Debug, PartialEq)]
#[rkyv(derive(Debug), compare(PartialEq))]
enum Declined {
    NoSuchAccount(String),
    TooMuch { limit: u128 },
}

impl typed::Request for Transfer {
    type Reply = Result<Receipt, Declined>;
    type Codec = Rkyv;
    const TYPE: u32 = 1;
    const VERSION: u32 = 3;
}

/// Asks for a reply of so many octets.
#[derive(Archive, Serialize)]
struct Fill(u32);

impl typed::Request for Fill {
    type Reply = Vec<u8>;
    type Codec = Rkyv;
    const TYPE: u32 = 2;
    const VERSION: u32 = 1;
}

/// The same under its next version, of which the server knows nothing.
#[derive(Archive, Serialize)]
struct NextFill(u32);

impl typed::Request for NextFill {
    type Reply = Vec<u8>;
    type Codec = Rkyv;
    const TYPE: u32 = 2;
    const VERSION: u32 = 2;
}

/// A request that the server does not know.
#[derive(Archive, Serialize)]
struct Unknown;

impl typed::Request for Unknown {
    type Reply = ();
    type Codec = Rkyv;
    const TYPE: u32 = 99;
    const VERSION: u32 = 1;
}

fn transfer() -> Transfer {
    Transfer {
        from: "ada".to_owned(),
        to: "grace".to_owned(),
        amount: 1 << 100,
        notes: vec!["for lunch".to_owned(), "thank you".to_owned()],
    }
}

fn receipt(transfer: &ArchivedTransfer) -> Result<Receipt, Declined> {
    if transfer.to == "nobody" {
        return Err(Declined::NoSuchAccount(transfer.to.to_string()));
    }
    if transfer.amount > 1 << 110 {
        return Err(Declined::TooMuch { limit: 1 << 110 });
    }
    Ok(Receipt {
        number: transfer.notes.len() as u64,
        text: format!("{} to {}", transfer.from, transfer.to),
    })
}

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-typed-{name}-{}", std::process::id())).unwrap()
}

fn serve(name: &str) -> (Address, RunningServer) {
    let service = Service::new()
        .on::<Transfer>(|transfer, call| {
            assert_eq!(call.message_type(), 1);
            Ok(receipt(transfer))
        })
        .on::<Fill>(|fill, _| Ok(vec![7; fill.0.to_native() as usize]));
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    (address, server.spawn(service).unwrap())
}

#[test]
fn a_reply_is_of_the_type_that_answers_the_request() {
    let (address, _server) = serve("reply");
    let mut client = typed::Client::connect(&address).unwrap();
    let answer = client.call::<Transfer>(&transfer()).completed().unwrap();
    let receipt = answer.as_ref().unwrap();
    assert_eq!(
        (receipt.number.to_native(), &*receipt.text),
        (2, "ada to grace")
    );

    let unknown = Transfer {
        to: "nobody".to_owned(),
        ..transfer()
    };
    let answer = client.call(&unknown).completed().unwrap();
    let declined = answer.as_ref().unwrap_err();
    assert_eq!(*declined, Declined::NoSuchAccount("nobody".to_owned()));
}

#[test]
fn options_reach_the_handler() {
    let service = Service::new().on::<Fill>(|_, call| {
        assert_eq!(call.caller_id(), Some(77));
        assert_eq!(call.priority(), 9);
        assert_eq!(call.timeout(), Duration::from_secs(20));
        let process = call.client().credentials.pid.unwrap();
        assert_eq!(process.get().unsigned_abs(), std::process::id());
        Ok(Vec::new())
    });
    let address = address("options");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _server = server.spawn(service).unwrap();
    let mut client = typed::Client::connect(&address).unwrap();
    let call = typed::Call::new(&Fill(0))
        .caller_id(77)
        .priority(9)
        .timeout(Duration::from_secs(20))
        .idempotent();
    assert_eq!(
        client.call(call).map(ArchivedVec::len),
        Outcome::Completed(0)
    );
}

#[test]
fn other_types_and_other_versions_are_refused_with_a_reason() {
    let (address, _server) = serve("versions");
    let mut client = typed::Client::connect(&address).unwrap();
    let refused = |refusal| Outcome::Refused(refusal);
    assert_eq!(
        client.call(&Unknown).map(drop),
        refused(Refusal::UnknownType)
    );
    assert_eq!(
        client.call(&NextFill(1)).map(drop),
        refused(Refusal::OtherVersion)
    );
    let raw = Call::new(b"short").message_type(1);
    assert_eq!(
        client.bytes().call(raw).map(drop),
        refused(Refusal::Malformed)
    );
    assert_eq!(
        client.bytes().call(b"x").map(drop),
        refused(Refusal::UnknownType)
    );
    assert_eq!(
        client.call(&Fill(3)).map(ArchivedVec::len),
        Outcome::Completed(3)
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let (address, _server) = serve("fit");
    let mut client = typed::Client::connect(&address).unwrap();
    let refused = Outcome::Refused(Refusal::TooLarge);
    let huge = Transfer {
        from: "x".repeat(70_000),
        ..transfer()
    };
    assert_eq!(client.call(&huge).map(drop), refused);
    assert_eq!(client.call(&Fill(70_000)).map(drop), refused);
    assert_eq!(
        client.call(&Fill(65_000)).map(ArchivedVec::len),
        Outcome::Completed(65_000)
    );

    let mut raw = Client::connect(&address).unwrap();
    let mut small = typed::Buffer::for_replies_of(100);
    assert_eq!(raw.call_typed(&Fill(100), &mut small).map(drop), refused);
    let fits = raw.call_typed(&Fill(50), &mut small);
    assert_eq!(fits.map(ArchivedVec::len), Outcome::Completed(50));
}

#[test]
fn bytes_and_types_share_a_server() {
    let echo = |request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload());
    let service = Service::new()
        .on::<Fill>(|_, _| Ok(vec![1]))
        .otherwise(echo);
    let address = address("bytes");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _server = server.spawn(service).unwrap();
    let mut client = typed::Client::connect(&address).unwrap();
    assert_eq!(
        client.call(&Fill(0)).map(|fill| fill.to_vec()),
        Outcome::Completed(vec![1])
    );
    assert_eq!(
        client.bytes().call(b"as it is"),
        Outcome::Completed(&b"as it is"[..])
    );
}

#[test]
#[should_panic(expected = "requests of type 2 are answered already")]
fn a_type_has_one_handler() {
    let _ = Service::new()
        .on::<Fill>(|_, _| Ok(Vec::new()))
        .on::<NextFill>(|_, _| Ok(Vec::new()));
}

/// What a server answers that keeps no rules.
fn answers(name: &str, answer: Vec<u8>) -> (Address, RunningServer) {
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let handler = move |_: Request<'_>, reply: &mut Reply<'_>| reply.write(&answer);
    (address, server.spawn(handler).unwrap())
}

#[test]
fn a_reply_of_another_kind_is_a_failure_of_a_call_that_was_executed() {
    let bad = Outcome::Failed(Failure {
        cause: Cause::BadReply,
        executed: Executed::Maybe,
    });
    let header = |version: u8| {
        let mut octets = vec![0; 40];
        (octets[0], octets[4]) = (2, version);
        octets
    };
    for (name, answer) in [
        ("empty", Vec::new()),
        ("short", vec![2, 0, 0, 0]),
        ("version", header(2)),
        ("format", header(1)),
    ] {
        let (address, _server) = answers(name, answer);
        let mut client = typed::Client::connect(&address).unwrap();
        assert_eq!(client.call(&Fill(1)).map(drop), bad, "{name}");
    }
}

#[test]
fn many_tasks_and_handlers_that_wait_get_their_own_replies() {
    let service = AsyncService::new()
        .on::<Transfer>(async |transfer, call| {
            let who = call.client();
            tokio::task::yield_now().await;
            assert_eq!(who, call.client());
            Ok(receipt(transfer))
        })
        .on::<Fill>(async |fill, _| Ok(vec![7; fill.0.to_native() as usize]));
    let address = address("async");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _server = server.spawn_async(service).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let client = typed::AsyncClient::from(client);
        let tasks: Vec<_> = (0..16_u32)
            .map(|task| {
                let client = client.clone();
                tokio::spawn(async move {
                    let mut buffer = typed::Buffer::for_replies_of(1024);
                    for number in 0..200 {
                        let transfer = Transfer {
                            to: format!("{task}-{number}"),
                            ..transfer()
                        };
                        let answer = client.call(&transfer, &mut buffer).await;
                        let answer = answer.completed().unwrap().as_ref().unwrap();
                        assert_eq!(answer.text, format!("ada to {task}-{number}"));
                        let fill = client.call(&Fill(number), &mut buffer).await;
                        assert_eq!(
                            fill.map(ArchivedVec::len),
                            Outcome::Completed(number as usize)
                        );
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut buffer = typed::Buffer::new();
        let unknown = client.call(&Unknown, &mut buffer).await.map(drop);
        assert_eq!(unknown, Outcome::Refused(Refusal::UnknownType));
    });
}

#[test]
fn bytes_and_types_share_an_asynchronous_server() {
    let service = AsyncService::new()
        .on::<Fill>(async |_, _| Ok(vec![1]))
        .otherwise(
            async |request: prixfixe_ipc::OwnedRequest, mut reply: prixfixe_ipc::OwnedReply| {
                reply.write(request.payload())
            },
        );
    let address = address("async-bytes");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _server = server.spawn_async(service).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = AsyncConnector::new(address).client().await.unwrap();
        let client = typed::AsyncClient::from(client);
        let mut buffer = typed::Buffer::new();
        let fill = client.call(&Fill(0), &mut buffer).await;
        assert_eq!(fill.map(|fill| fill.to_vec()), Outcome::Completed(vec![1]));
        let echo = client.bytes().call(b"as it is").await.completed().unwrap();
        assert_eq!(*echo, *b"as it is");
    });
}

proptest! {
    #[test]
    fn a_server_answers_whatever_octets_a_typed_request_has(
        octets in proptest::collection::vec(any::<u8>(), 0..300),
        honest_header in any::<bool>(),
    ) {
        let mut payload = octets;
        if honest_header && payload.len() >= 16 {
            let format = <Rkyv as typed::Codec<Transfer>>::FORMAT;
            for (place, word) in payload.chunks_exact_mut(4).zip([1, 3, format, 0]) {
                place.copy_from_slice(&word.to_le_bytes());
            }
        }
        ask(&payload);
    }
}

/// Asks a server that is there for all cases.
fn ask(payload: &[u8]) {
    use std::cell::RefCell;
    thread_local! {
        static SCENE: RefCell<(typed::Client, RunningServer)> = {
            let (address, server) = serve("hostile");
            RefCell::new((typed::Client::connect(&address).unwrap(), server))
        };
    }
    SCENE.with_borrow_mut(|(client, _)| {
        match client
            .bytes()
            .call(Call::new(payload).message_type(1))
            .map(drop)
        {
            Outcome::Completed(())
            | Outcome::Refused(Refusal::Malformed | Refusal::OtherVersion) => {}
            other => panic!("{other:?}"),
        }
        let answer = client.call(&transfer()).completed().unwrap();
        assert_eq!(answer.as_ref().unwrap().number, 2);
    });
}
