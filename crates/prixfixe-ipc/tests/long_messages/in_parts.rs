//! Those that go in parts.

use std::num::NonZeroUsize;
use std::time::Duration;

use prixfixe_ipc::{
    AsyncClient, Call, Cause, Client, Executed, Outcome, OwnedReply, OwnedRequest, Refusal, Server,
    ServerConfig, workload,
};

use super::answers::{Standing, address, answer, answer_later, bind, expected, serve_both};
use super::{MIB, WATCHDOG};

/// Around every size at which something changes: a part, a record, a window, a ring.
const LENGTHS: [usize; 14] = [
    0,
    1,
    32 << 10,
    (32 << 10) + 1,
    (64 << 10) - 1,
    64 << 10,
    (64 << 10) + 1,
    (128 << 10) - 8,
    128 << 10,
    256 << 10,
    (256 << 10) + 13,
    MIB,
    3 * MIB + 5,
    16 * MIB,
];

fn request(length: usize) -> Vec<u8> {
    let mut payload = vec![0; length];
    workload::fill(&mut payload, 2, length as u64);
    payload
}

fn asking(payload: &[u8], length: usize) -> Call<'_> {
    Call::new(payload).message_type(u32::try_from(length).unwrap())
}

#[test]
fn requests_and_replies_of_all_lengths_are_whole() {
    for (address, _server) in serve_both("whole") {
        let mut client = Client::connect(&address).unwrap();
        let mut reply = vec![0; 16 * MIB];
        for sent in LENGTHS {
            let payload = request(sent);
            for asked in [0, 10, 100_000, sent] {
                let outcome = client.call_into(asking(&payload, asked), &mut reply);
                assert_eq!(outcome, Outcome::Completed(asked), "{sent} for {asked}");
                assert!(
                    reply[..asked] == expected(&payload, asked),
                    "{sent} for {asked}"
                );
            }
        }
        // Short calls go on as before.
        let payload = request(100);
        let outcome = client.call(asking(&payload, 200));
        assert_eq!(outcome, Outcome::Completed(&expected(&payload, 200)[..]));
        assert_eq!(client.statistics().woke_late, 0);
    }
}

#[test]
fn tasks_exchange_long_messages_beside_short_ones() {
    let (address, server) = bind("tasks");
    let _server = server.spawn_async(answer_later).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..6_usize {
            let client = client.clone();
            tasks.spawn(async move {
                let mut reply = vec![0; 4 * MIB];
                for round in 0..20_usize {
                    let sent = (task * 977_123 + round * 131_071) % (2 * MIB);
                    let asked = (task * 577_121 + round * 431_077) % (2 * MIB);
                    let payload = request(sent);
                    let outcome = client.call_into(asking(&payload, asked), &mut reply).await;
                    assert_eq!(outcome, Outcome::Completed(asked));
                    assert!(reply[..asked] == expected(&payload, asked));
                    let mut short = [0; 50];
                    let outcome =
                        client.call_into(asking(&payload[..sent.min(90)], 50), &mut short);
                    assert_eq!(outcome.await, Outcome::Completed(50));
                    assert!(short[..] == expected(&payload[..sent.min(90)], 50));
                }
            });
        }
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                ended.unwrap();
            }
        };
        tokio::time::timeout(WATCHDOG, all)
            .await
            .expect("the test hangs");
        assert_eq!(client.statistics().woke_late, 0);
    });
}

#[test]
fn what_is_longer_than_the_server_takes_or_the_caller_has_room_for_is_refused() {
    let address = address("too-long");
    let mut config = ServerConfig::default();
    config.max_message = MIB;
    let server = Server::bind(&address, config).unwrap();
    let _server = server.spawn(answer).unwrap();
    let mut client = Client::connect(&address).unwrap();
    let mut reply = vec![0; 4 * MIB];
    for (sent, asked) in [(MIB + 1, 10), (10, MIB + 1), (3 * MIB, 3 * MIB)] {
        let payload = request(sent);
        let outcome = client.call_into(asking(&payload, asked), &mut reply);
        assert_eq!(
            outcome,
            Outcome::Refused(Refusal::TooLarge),
            "{sent} for {asked}"
        );
    }
    let payload = request(MIB);
    let outcome = client.call_into(asking(&payload, 300_000), &mut reply[..200_000]);
    assert_eq!(outcome, Outcome::Refused(Refusal::TooLarge));
    let outcome = client.call_into(asking(&payload, MIB), &mut reply);
    assert_eq!(outcome, Outcome::Completed(MIB));
}

#[test]
fn a_long_request_waits_for_a_handler_as_short_ones_do() {
    let address = address("waits");
    let mut config = ServerConfig::default();
    config.max_running = NonZeroUsize::new(1).unwrap();
    let server = Server::bind(&address, config).unwrap();
    let go = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let gate = std::sync::Arc::clone(&go);
    let _server = server
        .spawn_async(move |request: OwnedRequest, reply: OwnedReply| {
            let gate = std::sync::Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                answer_later(request, reply).await
            }
        })
        .unwrap();
    let callers: Vec<_> = (0..3)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut client = Client::connect(&address).unwrap();
                let payload = request(MIB + number);
                let mut reply = vec![0; MIB];
                let outcome = client.call_into(asking(&payload, MIB), &mut reply);
                assert_eq!(outcome, Outcome::Completed(MIB));
                assert!(reply == expected(&payload, MIB));
            })
        })
        .collect();
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(20));
        go.add_permits(1);
    }
    for caller in callers {
        caller.join().unwrap();
    }
}

#[test]
fn a_long_request_that_was_not_sent_whole_was_not_executed() {
    // A socket that answers nobody, and so has no server to read the parts, is not enough: the server
    // takes the call and then stands still in another's handler.
    let (server, mut client) = Standing::new("unsent");
    let payload = request(8 * MIB);
    let call = Call::new(&payload).timeout(Duration::from_millis(100));
    let outcome = client.call_into(call, &mut [0; 10]);
    let Outcome::Failed(failure) = outcome else {
        panic!("{outcome:?}");
    };
    let expected = (Cause::Deadline, Executed::No);
    assert_eq!((failure.cause, failure.executed), expected);
    let short = Call::new(b"short");
    assert_eq!(server.executed_in_the_end(&mut client, short), 0);
}
