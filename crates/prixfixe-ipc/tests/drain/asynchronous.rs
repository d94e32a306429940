//! Asynchronous clients of a server that drains.

use std::time::Duration;

use prixfixe_ipc::{AsyncClient, AsyncConnector, Call, ChannelSizes, ClientOptions, Outcome};

use super::stage::{LONG, Stage, address, by, quick};

/// Runs `test` on a runtime of its own, under a watchdog.
pub(crate) fn on_a_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let ended = runtime.block_on(async { tokio::time::timeout(2 * LONG, test).await });
    assert!(ended.is_ok(), "the test hangs");
}

/// Makes a call in a task, and returns who answered.
fn call_in_a_task(
    client: &AsyncClient,
    call: Call<'static>,
) -> tokio::task::JoinHandle<Outcome<String>> {
    let client = client.clone();
    tokio::spawn(async move {
        let outcome = client.call(call).await;
        outcome.map(|reply| String::from_utf8(reply.to_vec()).unwrap())
    })
}

#[test]
fn calls_of_an_asynchronous_client_end_where_they_run_while_new_ones_go_to_the_successor() {
    let address = address("async");
    on_a_runtime(async {
        let slow = || Call::new(b"x").timeout(LONG);
        let first = Stage::new(&address, "first", 2);
        let client = AsyncClient::connect(&address).await.unwrap();
        let running = [(); 2].map(|()| call_in_a_task(&client, slow()));
        tokio::task::block_in_place(|| first.await_begun(2));
        // In the ring: the server has no room to run it.
        let waiting = call_in_a_task(&client, quick());
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.drain(LONG);
        let second = tokio::task::block_in_place(|| Stage::new(&address, "second", 2));
        assert_eq!(waiting.await.unwrap(), by("second"));
        for _ in 0..100 {
            let answered = call_in_a_task(&client, quick()).await.unwrap();
            assert_eq!(answered, by("second"));
        }
        assert!(running.iter().all(|call| !call.is_finished()));
        // The second goes as well, and the third has to wait for a way that is free.
        let at_second = call_in_a_task(&client, slow());
        tokio::task::block_in_place(|| second.await_begun(102));
        second.drain(LONG);
        let third = tokio::task::block_in_place(|| Stage::new(&address, "third", 2));
        let at_third = call_in_a_task(&client, quick());
        first.gate.add_permits(2);
        for call in running {
            assert_eq!(call.await.unwrap(), by("first"));
        }
        assert_eq!(at_third.await.unwrap(), by("third"));
        second.gate.add_permits(1);
        assert_eq!(at_second.await.unwrap(), by("second"));
        assert_eq!(first.begun(), 2);
        assert_eq!(third.begun(), 1);
        assert_eq!(client.statistics().woke_late, 0);
    });
}

#[test]
fn calls_that_wait_for_room_do_not_wait_for_a_server_that_drains() {
    let address = address("queue");
    on_a_runtime(async {
        let first = Stage::new(&address, "first", 8);
        let mut options = ClientOptions::default();
        options.sizes = ChannelSizes::new(4096, 1024, 1).unwrap();
        let connector = AsyncConnector::with_options(address.clone(), options);
        let client = connector.client().await.unwrap();
        let running = call_in_a_task(&client, Call::new(b"x").timeout(LONG));
        tokio::task::block_in_place(|| first.await_begun(1));
        let queued: Vec<_> = (0..5).map(|_| call_in_a_task(&client, quick())).collect();
        tokio::time::sleep(Duration::from_millis(20)).await;
        first.drain(LONG);
        let _second = tokio::task::block_in_place(|| Stage::new(&address, "second", 8));
        for call in queued {
            assert_eq!(call.await.unwrap(), by("second"));
        }
        assert!(!running.is_finished());
        first.gate.add_permits(1);
        assert_eq!(running.await.unwrap(), by("first"));
        assert_eq!(first.begun(), 1);
    });
}
