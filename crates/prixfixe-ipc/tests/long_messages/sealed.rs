//! Those whose memory the server is given.

use std::time::Duration;

use prixfixe_ipc::{
    AsyncClient, Call, Cause, Client, Connector, Executed, Outcome, Refusal, Reply, Request,
    SealedMessage, Server, ServerConfig, workload,
};

use super::answers::{Standing, address, answer, answer_later, bind, expected, serve_both};
use super::{MIB, WATCHDOG};

/// Around every size at which something changes: a record, what is lent at least, a page, the most.
const LENGTHS: [usize; 10] = [
    1,
    64 << 10,
    (64 << 10) + 1,
    (256 << 10) - 1,
    256 << 10,
    (256 << 10) + 1,
    MIB - 4096,
    MIB,
    3 * MIB + 5,
    16 * MIB,
];

fn message(length: usize) -> SealedMessage {
    let mut draft = SealedMessage::draft(length).unwrap();
    workload::fill(&mut draft, 2, length as u64);
    draft.seal().unwrap()
}

fn asking(message: &SealedMessage, length: usize) -> Call<'_> {
    Call::sealed(message).message_type(u32::try_from(length).unwrap())
}

#[test]
fn sealed_requests_of_all_lengths_arrive_whole_as_often_as_they_are_sent() {
    let servers = serve_both("sealed-whole");
    let mut reply = vec![0; 16 * MIB];
    for sent in LENGTHS {
        let message = message(sent);
        for (address, _) in &servers {
            let mut client = Client::connect(address).unwrap();
            // Once more is no other: it is not used up.
            for asked in [0, 100_000, sent.min(MIB)] {
                let outcome = client.call_into(asking(&message, asked), &mut reply);
                assert_eq!(outcome, Outcome::Completed(asked), "{sent} for {asked}");
                let expected = expected(&message, asked);
                assert!(reply[..asked] == expected, "{sent} for {asked}");
            }
            let outcome = client.call(asking(&message, 200));
            assert_eq!(outcome, Outcome::Completed(&expected(&message, 200)[..]));
            assert_eq!(client.statistics().woke_late, 0);
        }
    }
}

#[test]
fn the_memory_is_given_and_not_copied() {
    let (address, server) = bind("given");
    let _server = server
        .spawn(|request: Request<'_>, reply: &mut Reply<'_>| {
            let place = request.payload().as_ptr() as usize;
            let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
            let line = maps.lines().find(|line| {
                let (start, rest) = line.split_once('-').unwrap();
                let end = rest.split(' ').next().unwrap();
                let bound = |text| usize::from_str_radix(text, 16).unwrap();
                (bound(start)..bound(end)).contains(&place)
            });
            reply.write(line.unwrap().as_bytes())
        })
        .unwrap();
    let mut client = Client::connect(&address).unwrap();
    let sealed = message(MIB);
    let line = client.call(&sealed).completed().unwrap();
    assert!(String::from_utf8_lossy(line).contains("prixfixe-ipc-message"));
    // A shorter one is.
    let short = message(1000);
    let line = client.call(&short).completed().unwrap();
    assert!(!String::from_utf8_lossy(line).contains("prixfixe-ipc-message"));
}

#[test]
fn many_clients_and_tasks_lend_at_once() {
    let (address, server) = bind("many");
    let _server = server.spawn_async(answer_later).unwrap();
    let connector = Connector::new(address.clone());
    let message = message(MIB);
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (connector, message) = (&connector, &message);
            scope.spawn(move || {
                let mut client = connector.client().unwrap();
                let mut reply = vec![0; 300_000];
                for round in 0..30_usize {
                    let asked = (thread * 77_123 + round * 31_071) % 300_000;
                    let outcome = client.call_into(asking(message, asked), &mut reply);
                    assert_eq!(outcome, Outcome::Completed(asked));
                    assert!(reply[..asked] == expected(message, asked));
                }
            });
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let message = std::sync::Arc::new(message);
    runtime.block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..6_usize {
            let (client, message) = (client.clone(), std::sync::Arc::clone(&message));
            tasks.spawn(async move {
                let mut reply = vec![0; MIB];
                for round in 0..20_usize {
                    let asked = (task * 577_121 + round * 131_077) % MIB;
                    let outcome = client.call_into(asking(&message, asked), &mut reply).await;
                    assert_eq!(outcome, Outcome::Completed(asked));
                    assert!(reply[..asked] == expected(&message, asked));
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
    });
}

#[test]
fn what_is_longer_than_the_server_takes_is_refused_and_so_is_what_it_may_not_keep() {
    let address = address("sealed-too-long");
    let mut config = ServerConfig::default();
    config.max_message = 2 * MIB;
    config.max_held_per_client = MIB;
    let server = Server::bind(&address, config).unwrap();
    let _server = server.spawn(answer).unwrap();
    let mut client = Client::connect(&address).unwrap();
    let outcome = client.call(asking(&message(2 * MIB + 1), 10));
    assert_eq!(outcome, Outcome::Refused(Refusal::TooLarge));
    let outcome = client.call(asking(&message(MIB + 1), 10));
    assert_eq!(outcome, Outcome::Refused(Refusal::Busy));
    let sealed = message(MIB / 2);
    let outcome = client.call(asking(&sealed, 10));
    assert_eq!(outcome, Outcome::Completed(&expected(&sealed, 10)[..]));
}

#[test]
fn a_sealed_call_that_was_taken_back_was_not_executed() {
    let (server, mut client) = Standing::new("taken-back");
    for _ in 0..3 {
        let sealed = message(MIB);
        let outcome = client.call(Call::sealed(&sealed).timeout(Duration::from_millis(20)));
        let Outcome::Failed(failure) = outcome else {
            panic!("{outcome:?}");
        };
        let expected = (Cause::Deadline, Executed::No);
        assert_eq!((failure.cause, failure.executed), expected);
    }
    let sealed = message(MIB / 2);
    let half = Call::sealed(&sealed);
    assert_eq!(server.executed_in_the_end(&mut client, half), 0);
}

#[test]
fn a_server_that_drains_leaves_sealed_calls_to_its_successor() {
    let (address, server) = bind("drains");
    let first = server.spawn(answer).unwrap();
    let mut client = Client::connect(&address).unwrap();
    let sealed = message(MIB);
    let outcome = client
        .call(asking(&sealed, 10))
        .completed()
        .map(<[u8]>::to_vec);
    assert_eq!(outcome, Ok(expected(&sealed, 10)));
    first.drain(Duration::from_secs(5)).unwrap();
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _second = server.spawn(answer).unwrap();
    let outcome = client
        .call(asking(&sealed, 20))
        .completed()
        .map(<[u8]>::to_vec);
    assert_eq!(outcome, Ok(expected(&sealed, 20)));
}
