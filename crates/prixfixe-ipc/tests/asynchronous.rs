//! Asynchronous clients, of handlers that answer at once and of handlers that wait.
#![cfg(feature = "tokio")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, Cause, ChannelSizes, ClientOptions, Executed,
    Outcome, Refusal, Reply, Request, RunningServer, Server, ServerConfig, workload,
};
use tokio::runtime::{Builder, Runtime};

/// Longer than anything takes that does not hang.
const WATCHDOG: Duration = Duration::from_secs(60);

fn runtimes() -> [(&'static str, Runtime); 2] {
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let many = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    [("current_thread", one), ("multi_thread", many)]
}

/// Runs `test` on a runtime of each kind, each under a watchdog.
fn on_each_runtime<F: Future<Output = ()>>(test: impl Fn(String) -> F) {
    for (kind, runtime) in runtimes() {
        let name = format!("{kind}-{:?}", std::thread::current().id());
        let ended = runtime.block_on(async { tokio::time::timeout(WATCHDOG, test(name)).await });
        ended.expect("the test hangs");
    }
}

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-async-{name}-{}", std::process::id())).unwrap()
}

fn serve(name: &str) -> (Address, RunningServer) {
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let running = server.spawn(answer).unwrap();
    (address, running)
}

/// Answers with the payload that belongs to the digest of the request's.
fn answer(request: Request<'_>, reply: &mut Reply<'_>) -> Result<(), Refusal> {
    match request.message_type() {
        0 => reply.write(request.payload()),
        1 => Err(Refusal::Busy),
        2 => panic!("as asked"),
        3 => {
            let length = request.payload().len();
            let digest = workload::digest(request.payload());
            workload::fill(reply.extend(length)?, 1, digest);
            reply.set_message_type(33);
            Ok(())
        }
        _ => Err(Refusal::UnknownType),
    }
}

/// Makes a call with a payload of its own and sees that the reply belongs to it.
async fn ask(client: &AsyncClient, caller: u64, number: u64) {
    let mut payload = vec![0; 8 + (number * 37 % 3000) as usize];
    workload::fill(&mut payload, caller, number);
    let mut expected = vec![0; payload.len()];
    workload::fill(&mut expected, 1, workload::digest(&payload));
    let call = Call::new(&payload).message_type(3);
    if number.is_multiple_of(2) {
        let mut reply = vec![0; payload.len()];
        let outcome = client.call_into(call, &mut reply).await;
        assert_eq!(outcome, Outcome::Completed(expected.len()));
        assert_eq!(reply, expected);
    } else {
        let reply = client.call(call).await.completed().unwrap();
        assert_eq!((&*reply, reply.message_type()), (&expected[..], 33));
    }
}

#[test]
fn a_thousand_calls_at_once_get_their_own_replies_over_one_client() {
    on_each_runtime(|name| async move {
        let (address, _server) = serve(&name);
        let client = AsyncClient::connect(&address).await.unwrap();
        let calls: Vec<_> = (0..1000)
            .map(|number| {
                let client = client.clone();
                tokio::spawn(async move { ask(&client, 7, number).await })
            })
            .collect();
        for call in calls {
            call.await.unwrap();
        }
        assert_eq!(client.statistics().woke_late, 0);
    });
}

#[test]
fn many_clients_share_a_connector() {
    on_each_runtime(|name| async move {
        let (address, _server) = serve(&name);
        let connector = AsyncConnector::new(address);
        let mut tasks = Vec::new();
        for caller in 0..20 {
            let client = connector.client().await.unwrap();
            tasks.push(tokio::spawn(async move {
                for number in 0..200 {
                    ask(&client, caller, number).await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}
