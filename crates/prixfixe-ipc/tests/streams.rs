//! Streams: items in both directions, credit, early ends by either side, and what is left of one that
//! was cut.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use prixfixe_ipc::{
    Address, AsyncClient, Call, Cause, ChannelSizes, Client, Executed, Outcome, OwnedReply,
    OwnedRequest, Refusal, Reply, Request, RunningServer, Server, ServerConfig, StreamError,
    workload,
};

const WATCHDOG: Duration = Duration::from_secs(60);

/// What the handler does with a stream.
mod kind {
    /// Sends every item back, and in the end their number.
    pub(super) const ECHO: u32 = 1;
    /// Takes all items and answers with their number and digest.
    pub(super) const TAKE: u32 = 2;
    /// Sends as many items as the request says, each as long as its number modulo some.
    pub(super) const GIVE: u32 = 3;
    /// Never looks at anything, and never ends.
    pub(super) const STALL: u32 = 4;
    /// Takes three items and ends.
    pub(super) const THREE: u32 = 5;
    /// Answers at once, without a stream.
    pub(super) const UNARY: u32 = 6;
    /// Drops the request after three items, and answers when the client has sent another call.
    pub(super) const REFUSE: u32 = 7;
    /// Sends until it cannot, and tells how that came.
    pub(super) const FLOOD: u32 = 8;
}

async fn serve_stream(mut request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let mut item = Vec::new();
    match request.message_type() {
        kind::ECHO => {
            let mut count = 0_u64;
            while request.next_item(&mut item).await? {
                reply.send_item(&item).await?;
                count += 1;
            }
            reply.write(&count.to_le_bytes())
        }
        kind::TAKE => {
            let (mut count, mut digest) = (0_u64, 0_u64);
            while request.next_item(&mut item).await? {
                count += 1;
                digest = digest.rotate_left(1) ^ workload::digest(&item);
            }
            reply.write(&count.to_le_bytes())?;
            reply.write(&digest.to_le_bytes())
        }
        kind::GIVE => {
            let count = u64::from_le_bytes(request.payload().try_into().unwrap());
            for number in 0..count {
                reply.send_item(&item_number(number)).await?;
            }
            reply.write(b"given")
        }
        kind::STALL => std::future::pending().await,
        kind::THREE => {
            for _ in 0..3 {
                assert!(request.next_item(&mut item).await?);
            }
            reply.write(b"enough")
        }
        kind::UNARY => reply.write(request.payload()),
        kind::REFUSE => {
            for _ in 0..3 {
                assert!(request.next_item(&mut item).await?);
            }
            drop(request);
            let flood = async { while reply.send_item(b"go on").await.is_ok() {} };
            flood.await;
            Err(Refusal::HandlerFailed)
        }
        kind::FLOOD => loop {
            if let Err(error) = reply.send_item(&[7; 1000]).await {
                assert_eq!(error, StreamError::Stopped);
                return Err(Refusal::HandlerFailed);
            }
        },
        _ => Err(Refusal::UnknownType),
    }
}

fn item_number(number: u64) -> Vec<u8> {
    let mut item = vec![0; usize::try_from(number * 7919 % 100_003).unwrap()];
    workload::fill(&mut item, 5, number);
    item
}

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-streams-{name}-{}", std::process::id())).unwrap()
}

fn serve(name: &str) -> (Address, RunningServer) {
    let address = address(name);
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    (address, server.spawn_async(serve_stream).unwrap())
}

fn of(kind: u32, payload: &[u8]) -> Call<'_> {
    Call::new(payload).message_type(kind)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tokio::time::timeout(WATCHDOG, future)
            .await
            .expect("the test hangs")
    })
}

#[test]
fn items_of_all_lengths_come_back_in_order() {
    let (address, _server) = serve("echo");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(of(kind::ECHO, b"")).unwrap();
    let mut item = Vec::new();
    for number in 0..200 {
        let sent = item_number(number);
        stream.send(&sent).unwrap();
        assert!(stream.receive(&mut item).unwrap());
        assert_eq!(item, sent);
    }
    stream.end().unwrap();
    assert!(!stream.receive(&mut item).unwrap());
    assert_eq!((stream.sent(), stream.received()), (200, 200));
    let mut count = [0; 8];
    assert_eq!(stream.reply(&mut count), Outcome::Completed(8));
    assert_eq!(u64::from_le_bytes(count), 200);
    // The channel is as good as before.
    assert_eq!(
        client.call(of(kind::UNARY, b"still here")),
        Outcome::Completed(&b"still here"[..])
    );
    assert_eq!(client.statistics().woke_late, 0);
}

#[test]
fn many_items_one_way_are_whole_and_in_order() {
    let (address, _server) = serve("oneway");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(of(kind::TAKE, b"")).unwrap();
    let mut digest = 0_u64;
    for number in 0..500 {
        let item = item_number(number);
        digest = digest.rotate_left(1) ^ workload::digest(&item);
        stream.send(&item).unwrap();
    }
    let mut reply = [0; 16];
    assert_eq!(stream.reply(&mut reply), Outcome::Completed(16));
    assert_eq!(reply[..8], 500_u64.to_le_bytes());
    assert_eq!(reply[8..], digest.to_le_bytes());

    let mut stream = client
        .stream(of(kind::GIVE, &500_u64.to_le_bytes()))
        .unwrap();
    let mut item = Vec::new();
    for number in 0..500 {
        assert!(stream.receive(&mut item).unwrap());
        assert_eq!(item, item_number(number), "item {number}");
    }
    assert!(!stream.receive(&mut item).unwrap());
    assert_eq!(stream.reply(&mut reply), Outcome::Completed(5));
    assert_eq!(client.statistics().woke_late, 0);
}

#[test]
fn the_smallest_rings_carry_streams_too() {
    let address = address("smallest");
    let mut config = ServerConfig::default();
    config.max_sizes = ChannelSizes::new(4096, 1024, 8).unwrap();
    let server = Server::bind(&address, config).unwrap();
    let _server = server.spawn_async(serve_stream).unwrap();
    let mut options = prixfixe_ipc::ClientOptions::default();
    options.sizes = ChannelSizes::new(4096, 1024, 8).unwrap();
    let connector = prixfixe_ipc::Connector::with_options(address, options);
    let mut client = connector.client().unwrap();
    let mut stream = client.stream(of(kind::ECHO, b"")).unwrap();
    let mut item = Vec::new();
    for number in 0..50 {
        let sent = item_number(number);
        stream.send(&sent).unwrap();
        assert!(stream.receive(&mut item).unwrap());
        assert_eq!(item, sent);
    }
    assert_eq!(stream.reply(&mut [0; 8]), Outcome::Completed(8));
}

#[test]
fn a_stream_that_is_dropped_ends_its_handler_and_frees_the_channel() {
    let (address, _server) = serve("dropped");
    let mut client = Client::connect(&address).unwrap();
    for _ in 0..100 {
        let mut stream = client.stream(of(kind::FLOOD, b"")).unwrap();
        let mut item = Vec::new();
        assert!(stream.receive(&mut item).unwrap());
        drop(stream);
    }
    assert_eq!(
        client.call(of(kind::UNARY, b"x")),
        Outcome::Completed(&b"x"[..])
    );
}

#[test]
fn the_server_may_end_a_stream_before_its_items_do() {
    let (address, _server) = serve("early");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(of(kind::THREE, b"")).unwrap();
    let mut sent = 0;
    let error = loop {
        match stream.send(&[1; 5000]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, StreamError::Stopped);
    assert!(sent >= 3);
    let mut reply = [0; 16];
    assert_eq!(stream.reply(&mut reply), Outcome::Completed(6));
    assert_eq!(&reply[..6], b"enough");
}

#[test]
fn a_handler_that_drops_the_request_stops_the_sender_and_may_go_on_sending() {
    let (address, _server) = serve("stop");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(of(kind::REFUSE, b"")).unwrap();
    let mut item = Vec::new();
    let error = loop {
        match stream.send(&[1; 5000]) {
            Ok(()) => {
                while stream.try_receive(&mut item).unwrap() == Some(true) {
                    assert_eq!(item, b"go on");
                }
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error, StreamError::Stopped);
    assert!(stream.receive(&mut item).unwrap());
    assert_eq!(item, b"go on");
}

#[test]
fn handlers_that_answer_at_once_take_no_streams() {
    let address = address("none");
    let server = Server::bind(&address, ServerConfig::default()).unwrap();
    let _server = server
        .spawn(|request: Request<'_>, reply: &mut Reply<'_>| reply.write(request.payload()))
        .unwrap();
    let mut client = Client::connect(&address).unwrap();
    let stream = client.stream(b"a stream").unwrap();
    assert_eq!(
        stream.reply(&mut [0; 8]),
        Outcome::Refused(Refusal::NoStreams)
    );
    assert_eq!(client.call(b"a call"), Outcome::Completed(&b"a call"[..]));
}

#[test]
fn a_stream_that_does_not_move_fails_in_its_time() {
    let (address, _server) = serve("late");
    let mut client = Client::connect(&address).unwrap();
    let call = of(kind::STALL, b"").timeout(Duration::from_millis(50));
    let mut stream = client.stream(call).unwrap();
    let error = loop {
        if let Err(error) = stream.send(&[1; 5000]) {
            break error;
        }
    };
    assert_eq!(error, StreamError::Deadline);
    let Outcome::Failed(failure) = stream.reply(&mut []) else {
        panic!("it has no reply");
    };
    assert_eq!(
        (failure.cause, failure.executed),
        (Cause::Deadline, Executed::Maybe)
    );
}

#[test]
fn a_stream_that_is_cut_has_all_that_came_before() {
    let (address, server) = serve("cut");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(of(kind::FLOOD, b"")).unwrap();
    let mut item = Vec::new();
    for _ in 0..10 {
        assert!(stream.receive(&mut item).unwrap());
    }
    server.stop().unwrap();
    let mut more = 0;
    let error = loop {
        match stream.receive(&mut item) {
            Ok(came) => more += u64::from(came),
            Err(error) => break error,
        }
    };
    assert_eq!(error, StreamError::HungUp);
    assert_eq!(stream.received(), 10 + more);
    assert!(more > 0, "a window of items was on its way");
    let Outcome::Failed(failure) = stream.reply(&mut []) else {
        panic!("there is no server");
    };
    assert_eq!(
        (failure.cause, failure.executed),
        (Cause::HungUp, Executed::Maybe)
    );
}

#[test]
fn tasks_send_and_receive_at_the_same_time_and_nobody_waits_for_ever() {
    let (address, _server) = serve("both");
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut stream = client.stream(of(kind::ECHO, b"")).await.unwrap();
        let (mut sender, mut receiver) = stream.split();
        let send = async {
            for number in 0..1000 {
                sender.send(&item_number(number)).await?;
            }
            sender.end().await
        };
        let receive = async {
            let mut item = Vec::new();
            for number in 0..1000 {
                assert!(receiver.receive(&mut item).await?);
                assert_eq!(item, item_number(number), "item {number}");
            }
            assert!(!receiver.receive(&mut item).await?);
            Ok::<_, StreamError>(())
        };
        tokio::try_join!(send, receive).unwrap();
        let mut count = [0; 8];
        assert_eq!(stream.reply(&mut count).await, Outcome::Completed(8));
        assert_eq!(u64::from_le_bytes(count), 1000);
        assert_eq!(client.statistics().woke_late, 0);
    });
}

#[test]
fn stalled_streams_hold_up_neither_calls_nor_other_streams() {
    let (address, _server) = serve("stalled");
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut stalled = Vec::new();
        for _ in 0..8 {
            let call = of(kind::STALL, b"").timeout(Duration::from_millis(20));
            let mut stream = client.stream(call).await.unwrap();
            while stream.send(&[1; 5000]).await.is_ok() {}
            // Nobody reads this one here.
            stalled.push(stream);
            let flood = client.stream(of(kind::FLOOD, b"")).await.unwrap();
            stalled.push(flood);
        }
        let mut echo = client.stream(of(kind::ECHO, b"")).await.unwrap();
        let mut item = Vec::new();
        for number in 0..100 {
            let sent = item_number(number);
            echo.send(&sent).await.unwrap();
            assert!(echo.receive(&mut item).await.unwrap());
            assert_eq!(item, sent);
            let reply = client
                .call(of(kind::UNARY, &sent[..sent.len().min(60_000)]))
                .await;
            assert_eq!(
                &*reply.completed().unwrap(),
                &sent[..sent.len().min(60_000)]
            );
        }
    });
}

#[test]
fn more_streams_than_handlers_are_refused_and_hold_up_nobody() {
    let address = address("many");
    let mut config = ServerConfig::default();
    config.max_running = std::num::NonZeroUsize::new(2).unwrap();
    let server = Server::bind(&address, config).unwrap();
    let _server = server.spawn_async(serve_stream).unwrap();
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut first = client.stream(of(kind::ECHO, b"")).await.unwrap();
        let mut second = client.stream(of(kind::ECHO, b"")).await.unwrap();
        let third = client.stream(of(kind::ECHO, b"")).await.unwrap();
        assert_eq!(
            third.reply(&mut [0; 8]).await,
            Outcome::Refused(Refusal::Busy)
        );
        let mut item = Vec::new();
        for stream in [&mut first, &mut second] {
            stream.send(b"an item").await.unwrap();
            assert!(stream.receive(&mut item).await.unwrap());
            assert_eq!(item, b"an item");
        }
    });
}

#[test]
fn what_came_of_a_stream_can_be_fetched_after_its_server_has_gone() {
    let (address, server) = serve("gone");
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut stream = client.stream(of(kind::FLOOD, b"")).await.unwrap();
        let mut item = Vec::new();
        for _ in 0..10 {
            assert!(stream.receive(&mut item).await.unwrap());
        }
        tokio::task::spawn_blocking(move || server.stop().unwrap())
            .await
            .unwrap();
        let error = loop {
            match stream.receive(&mut item).await {
                Ok(came) => assert!(came),
                Err(error) => break error,
            }
        };
        assert_eq!(error, StreamError::HungUp);
        assert!(stream.received() > 10, "{}", stream.received());
    });
}
