//! Streams at a server that drains.

use std::num::NonZeroUsize;

use prixfixe_ipc::{
    Address, AsyncClient, Call, Cause, Connector, Executed, Outcome, OwnedReply, OwnedRequest,
    RunningServer, ServerConfig,
};

use super::asynchronous::on_a_runtime;
use super::stage::{LONG, Stage, address, bind, by, call_aside, failure};

/// A server whose streams are answered item by item, and at their end with its name.
fn serve_streams(address: &Address, name: &'static str, max_running: usize) -> RunningServer {
    let mut config = ServerConfig::default();
    config.max_running = NonZeroUsize::new(max_running).unwrap();
    let handler = move |mut request: OwnedRequest, mut reply: OwnedReply| async move {
        let mut item = Vec::new();
        while request.next_item(&mut item).await? {
            reply.send_item(&item).await?;
        }
        reply.write(name.as_bytes())
    };
    bind(address, &config).spawn_async(handler).unwrap()
}

#[test]
fn a_stream_goes_on_to_its_end_at_a_server_that_drains() {
    let address = address("stream");
    let first = serve_streams(&address, "first", 2);
    let connector = Connector::new(address.clone());
    let (mut client, mut other) = (connector.client().unwrap(), connector.client().unwrap());
    let call = Call::new(b"x").timeout(LONG);
    let mut stream = client.stream(call).unwrap();
    let mut item = Vec::new();
    stream.send(b"before").unwrap();
    assert!(stream.receive(&mut item).unwrap());
    first.stopper().drain(LONG);
    let second = serve_streams(&address, "second", 2);
    for number in 0..100_u64 {
        stream.send(&number.to_le_bytes()).unwrap();
        assert!(stream.receive(&mut item).unwrap());
        assert_eq!(item, number.to_le_bytes());
    }
    let mut name = [0; 64];
    let new = other.stream(call).unwrap();
    assert_eq!(new.reply(&mut name), Outcome::Completed(6));
    assert_eq!(stream.reply(&mut name), Outcome::Completed(5));
    assert_eq!(&name[..5], b"first");
    first.drain(LONG).unwrap();
    second.stop().unwrap();
}

#[test]
fn a_stream_that_was_not_taken_says_so() {
    let address = address("untaken");
    let first = Stage::new(&address, "first", 1);
    let connector = Connector::new(address);
    let running = call_aside(&connector, LONG);
    first.await_begun(1);
    let mut client = connector.client().unwrap();
    let stream = client.stream(Call::new(b"x").timeout(LONG)).unwrap();
    first.drain(LONG);
    let ended = failure(&stream.reply(&mut [0; 64]));
    assert_eq!(ended, (Cause::ShuttingDown, Executed::No));
    assert_eq!(first.begun(), 1);
    first.gate.add_permits(1);
    assert_eq!(running.join().unwrap(), by("first"));
}

#[test]
fn a_stream_of_an_asynchronous_client_goes_on_while_its_calls_go_to_the_successor() {
    let address = address("async-stream");
    on_a_runtime(async {
        let first = serve_streams(&address, "first", 4);
        let client = AsyncClient::connect(&address).await.unwrap();
        let call = || Call::new(b"x").timeout(LONG);
        let mut stream = client.stream(call()).await.unwrap();
        let mut item = Vec::new();
        stream.send(b"before").await.unwrap();
        assert!(stream.receive(&mut item).await.unwrap());
        first.stopper().drain(LONG);
        let second = tokio::task::block_in_place(|| serve_streams(&address, "second", 4));
        for number in 0..20_u64 {
            stream.send(&number.to_le_bytes()).await.unwrap();
            assert!(stream.receive(&mut item).await.unwrap());
            assert_eq!(item, number.to_le_bytes());
            let other = client.stream(call()).await.unwrap();
            assert_eq!(other.reply(&mut [0; 64]).await, Outcome::Completed(6));
        }
        let mut name = [0; 64];
        assert_eq!(stream.reply(&mut name).await, Outcome::Completed(5));
        assert_eq!(&name[..5], b"first");
        tokio::task::block_in_place(|| first.drain(LONG).unwrap());
        second.stop().unwrap();
    });
}
