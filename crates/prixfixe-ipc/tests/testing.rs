//! Servers that go wrong as a test says: what clients of every kind make of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use prixfixe_ipc::testing::{Away, Fault, TestServer};
use prixfixe_ipc::{
    AsyncClient, Call, Cause, Client, Corrupt, Executed, Outcome, OwnedReply, OwnedRequest, Pool,
    Refusal, Reply, Request, ServerConfig, typed,
};

/// Longer than anything takes that does not hang.
const LONG: Duration = Duration::from_secs(60);
/// A deadline that is to pass.
const SHORT: Duration = Duration::from_millis(150);

fn echo() -> TestServer {
    let handler = |request: Request<'_>, reply: &mut Reply<'_>| {
        reply.set_message_type(9);
        reply.write(request.payload())
    };
    TestServer::start(ServerConfig::default(), handler).unwrap()
}

/// How the call of one client has ended, whatever its kind.
type Ended = Outcome<Vec<u8>>;

/// How a client of some kind makes it.
type Make<'m> = &'m dyn Fn(&TestServer) -> Ended;

fn failed(cause: Cause, executed: Executed) -> Ended {
    Outcome::Failed(prixfixe_ipc::Failure { cause, executed })
}

fn done() -> Ended {
    Outcome::Completed(b"hello".to_vec())
}

fn call(timeout: Duration) -> Call<'static> {
    Call::new(b"hello").timeout(timeout)
}

/// Lets `fault` happen to a call of each kind of client, and checks how each ends, and how often the
/// handler had it.
fn with_each_client(fault: &Fault, timeout: Duration, expected: &Ended, executed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let blocking = |server: &TestServer| {
        let mut client = Client::connect(server.address()).unwrap();
        server.inject(fault.clone());
        client.call(call(timeout)).map(<[u8]>::to_vec)
    };
    let pooled = |server: &TestServer| {
        let pool = Pool::connect(server.address()).unwrap();
        server.inject(fault.clone());
        let mut reply = [0; 64];
        let ended = pool.call_into(call(timeout), &mut reply);
        ended.map(|length| reply[..length].to_vec())
    };
    let asynchronous = |server: &TestServer| {
        runtime.block_on(async {
            let client = AsyncClient::connect(server.address()).await.unwrap();
            server.inject(fault.clone());
            let ended = client.call(call(timeout)).await;
            ended.map(|reply| reply.to_vec())
        })
    };
    let kinds: [(&str, Make<'_>); 3] = [
        ("blocking", &blocking),
        ("pooled", &pooled),
        ("asynchronous", &asynchronous),
    ];
    for (kind, make) in kinds {
        let server = echo();
        let ended = make(&server);
        assert_eq!(&ended, expected, "{kind}, {fault:?}");
        assert_eq!(server.executed(), executed, "{kind}, {fault:?}");
        assert_eq!(server.pending(), 0, "{kind}, {fault:?}");
        // Nothing is left of it.
        server.come_back();
        let mut client = connect(&server);
        let next = client.call(call(LONG)).map(<[u8]>::to_vec);
        assert_eq!(next, done(), "{kind}, {fault:?}");
    }
}

/// A client, perhaps of a server that is on its way back.
fn connect(server: &TestServer) -> Client {
    loop {
        match Client::connect(server.address()) {
            Ok(client) => return client,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[test]
fn a_call_is_refused() {
    let refused = Outcome::Refused(Refusal::HandlerFailed);
    with_each_client(&Fault::refuse(Refusal::HandlerFailed), LONG, &refused, 0);
}

#[test]
fn a_call_is_answered_with_something_else() {
    let other = Outcome::Completed(b"else".to_vec());
    with_each_client(&Fault::answer(b"else"), LONG, &other, 0);
}

#[test]
fn a_call_is_delayed() {
    with_each_client(&Fault::delay(Duration::from_millis(20)), LONG, &done(), 1);
}

#[test]
fn a_call_is_never_answered() {
    let late = failed(Cause::Deadline, Executed::Maybe);
    with_each_client(&Fault::never_answer(), SHORT, &late, 0);
}

#[test]
fn a_server_hangs_up_before_it_takes_a_call_and_does_not_come_back() {
    let fault = Fault::hang_up_before(Away::UntilCalledBack);
    let lost = failed(Cause::Unreachable, Executed::No);
    with_each_client(&fault, SHORT, &lost, 0);
}

#[test]
fn a_server_hangs_up_before_it_takes_a_call_and_comes_back() {
    for away in [Away::NotAtAll, Away::For(Duration::from_millis(80))] {
        with_each_client(&Fault::hang_up_before(away), LONG, &done(), 1);
    }
}

#[test]
fn a_server_hangs_up_after_it_has_executed_a_call() {
    let fault = Fault::hang_up_after(Away::NotAtAll);
    let lost = failed(Cause::HungUp, Executed::Maybe);
    with_each_client(&fault, LONG, &lost, 1);
}

#[test]
fn a_reply_is_corrupt() {
    let corrupt = failed(Cause::Corrupt(Corrupt::Call), Executed::Maybe);
    with_each_client(&Fault::corrupt_reply(), LONG, &corrupt, 1);
}

#[test]
fn faults_meet_the_calls_that_they_are_meant_for() {
    let server = echo();
    let mut client = Client::connect(server.address()).unwrap();
    let mut ask = |message_type| {
        let call = Call::new(b"x").message_type(message_type).timeout(LONG);
        client.call(call).map(<[u8]>::len)
    };
    // The third of type 5, and every one of type 6.
    server.inject(Fault::refuse(Refusal::Busy).of_type(5).after(2));
    server.inject(Fault::refuse(Refusal::TooLarge).of_type(6).always());
    for _ in 0..2 {
        assert_eq!(ask(5), Outcome::Completed(1));
        assert_eq!(ask(6), Outcome::Refused(Refusal::TooLarge));
        assert_eq!(ask(7), Outcome::Completed(1));
    }
    assert_eq!(server.pending(), 1);
    assert_eq!(ask(5), Outcome::Refused(Refusal::Busy));
    assert_eq!(ask(5), Outcome::Completed(1));
    assert_eq!((server.pending(), server.calls()), (0, 8));
    assert_eq!(server.executed(), 5);
    server.clear();
    assert_eq!(ask(6), Outcome::Completed(1));
}

#[test]
fn a_long_call_meets_its_own_fault_though_others_come_between() {
    let server = echo();
    let mut client = Client::connect(server.address()).unwrap();
    let long = vec![7; 1 << 20];
    server.inject(Fault::refuse(Refusal::Busy).of_type(3));
    let mut reply = vec![0; 1 << 20];
    let call = Call::new(&long).message_type(3).timeout(LONG);
    assert_eq!(
        client.call_into(call, &mut reply),
        Outcome::Refused(Refusal::Busy)
    );
    let mut other = Client::connect(server.address()).unwrap();
    assert_eq!(
        other.call(b"x").map(<[u8]>::len),
        Outcome::Completed(1),
        "it was not meant for this one"
    );
    server.inject(Fault::hang_up_before(Away::NotAtAll).of_type(3));
    assert_eq!(
        client.call_into(call, &mut reply),
        Outcome::Completed(long.len())
    );
    assert_eq!(reply, long);
    assert_eq!((server.executed(), server.pending()), (2, 0));
}

#[test]
fn a_server_is_replaced_under_calls_and_none_is_lost_or_executed_twice() {
    let server = TestServer::start_async(
        ServerConfig::default(),
        |request: OwnedRequest, mut reply: OwnedReply| async move { reply.write(request.payload()) },
    )
    .unwrap();
    let pool = Pool::connect(server.address()).unwrap();
    std::thread::scope(|scope| {
        let callers = [(); 3].map(|()| {
            scope.spawn(|| {
                for _ in 0..300 {
                    let ended = pool.call_into(call(LONG), &mut [0; 8]);
                    assert_eq!(ended, Outcome::Completed(5));
                }
            })
        });
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(5));
            server.replace(LONG).unwrap();
        }
        for caller in callers {
            caller.join().unwrap();
        }
    });
    assert_eq!(server.executed(), 900);
}

#[test]
fn a_typed_call_that_gets_other_bytes_fails() {
    #[derive(rkyv::Archive, rkyv::Serialize)]
    struct Length(String);

    impl typed::Request for Length {
        type Reply = u64;
        type Codec = typed::Rkyv;
        const TYPE: u32 = 7;
        const VERSION: u32 = 1;
    }

    let service = typed::Service::new().on::<Length>(|length, _| Ok(length.0.len() as u64));
    let server = TestServer::start(ServerConfig::default(), service).unwrap();
    let mut client = typed::Client::connect(server.address()).unwrap();
    server.inject(Fault::answer([0xff; 40]));
    let ended = client.call(&Length("four".into())).completed();
    let ended = ended
        .map(|length| length.to_native())
        .map_err(|error| error.to_string());
    assert!(ended.unwrap_err().contains("not one to this request"));
    let length = client.call(&Length("four".into())).completed().unwrap();
    assert_eq!(length.to_native(), 4);
}

#[test]
fn servers_of_two_tests_do_not_meet() {
    let (one, other) = (echo(), echo());
    assert_ne!(one.address(), other.address());
    one.hang_up(Away::UntilCalledBack);
    let mut client = Client::connect(other.address()).unwrap();
    assert_eq!(client.call(b"x").map(<[u8]>::len), Outcome::Completed(1));
    drop(other);
    let ended = client.call(call(SHORT)).map(<[u8]>::to_vec);
    assert_eq!(ended, failed(Cause::Unreachable, Executed::No));
}
