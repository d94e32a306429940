//! What goes wrong around streams and must stay whole: items that break off, calls that take the slot
//! of an ended stream, handlers that give their halves away, rings so full that either side waits.
#![cfg(feature = "tokio")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::mpsc;
use std::time::Duration;

use prixfixe_ipc::{
    Address, AsyncClient, AsyncConnector, Call, CallError, Cause, ChannelSizes, Client,
    ClientOptions, Connector, Executed, Outcome, OwnedReply, OwnedRequest, Refusal, RunningServer,
    Server, ServerConfig, StreamError,
};

const WATCHDOG: Duration = Duration::from_secs(120);
/// Long enough that waiting for it shows.
const LONG: Duration = Duration::from_secs(100);
const SHORT: Duration = Duration::from_millis(50);

fn address(name: &str) -> Address {
    Address::abstract_name(format!("prixfixe-faults-{name}-{}", std::process::id())).unwrap()
}

fn serve_with<F, A>(name: &str, config: ServerConfig, handler: F) -> (Address, RunningServer)
where
    F: FnMut(OwnedRequest, OwnedReply) -> A + Send + 'static,
    A: Future<Output = Result<(), Refusal>> + 'static,
{
    let address = address(name);
    let server = Server::bind(&address, config).unwrap();
    (address, server.spawn_async(handler).unwrap())
}

fn serve<F, A>(name: &str, handler: F) -> (Address, RunningServer)
where
    F: FnMut(OwnedRequest, OwnedReply) -> A + Send + 'static,
    A: Future<Output = Result<(), Refusal>> + 'static,
{
    serve_with(name, ServerConfig::default(), handler)
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

/// Answers a call with its payload; of a stream, sends the payload as an item before.
async fn echo(request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    if request.opens_stream() {
        reply.send_item(request.payload()).await?;
    }
    reply.write(request.payload())
}

#[test]
fn calls_do_not_take_the_slot_of_a_stream_whose_items_are_still_to_be_fetched() {
    let (address, _server) = serve("slots", echo);
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut first = client.stream(b"first").await.unwrap();
        for number in 0_u64..100 {
            // The reply to the stream comes with one of these.
            let sent = number.to_le_bytes();
            let call = Call::new(&sent).timeout(LONG);
            assert_eq!(*client.call(call).await.completed().unwrap(), sent);
        }
        let mut second = client.stream(b"second").await.unwrap();
        let mut item = Vec::new();
        for (stream, sent) in [(&mut second, &b"second"[..]), (&mut first, b"first")] {
            assert!(stream.receive(&mut item).await.unwrap());
            assert_eq!(item, sent);
            assert!(!stream.receive(&mut item).await.unwrap());
        }
        assert_eq!(second.reply(&mut [0; 8]).await, Outcome::Completed(6));
        assert_eq!(first.reply(&mut [0; 8]).await, Outcome::Completed(5));
    });
}

#[test]
fn more_streams_than_a_channel_may_have_are_refused_and_hold_up_no_calls() {
    let (address, _server) = serve("most", |request: OwnedRequest, mut reply| async move {
        if request.opens_stream() {
            return std::future::pending().await;
        }
        reply.write(request.payload())
    });
    let mut options = ClientOptions::default();
    // Four streams by its ring, which leaves four calls.
    options.sizes = ChannelSizes::new(4096, 256, 16).unwrap();
    block_on(async {
        let client = AsyncConnector::with_options(address, options)
            .client()
            .await
            .unwrap();
        let mut open = Vec::new();
        let refused = loop {
            match client.stream(Call::new(b"stream").timeout(LONG)).await {
                Ok(stream) => open.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(open.len(), 8);
        assert_eq!(refused, CallError::Refused(Refusal::Busy));
        for _ in 0..20 {
            let call = Call::new(b"call").timeout(LONG);
            assert_eq!(&*client.call(call).await.completed().unwrap(), b"call");
        }
    });
}

/// Sends as many items as the request says, each as long as it says.
async fn give(request: OwnedRequest, mut reply: OwnedReply) -> Result<(), Refusal> {
    let (count, length) = request.payload().split_first_chunk().unwrap();
    let item = vec![7; length.len()];
    for _ in 0..u32::from_le_bytes(*count) {
        reply.send_item(&item).await?;
    }
    Ok(())
}

fn count_and_length(count: u32, length: usize) -> Vec<u8> {
    let mut payload = count.to_le_bytes().to_vec();
    payload.resize(4 + length, 0);
    payload
}

/// Of a stream of tiny items the ring is full long before the window: room, not credit, is what the
/// server waits for, and it has to be told of it.
const TINY: u32 = 100_000;
/// The server is rung for again after 50 ms without an answer. With a wake that is lost in each ring
/// there would be some 40 of these; a busy machine has a few.
const MOST_RUNG_AGAIN: u64 = 10;

#[test]
fn a_server_that_waits_for_room_in_the_ring_is_told_of_it_by_tasks() {
    let (address, _server) = serve("room-async", give);
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut stream = client.stream(&count_and_length(TINY, 1)[..]).await.unwrap();
        let mut item = Vec::new();
        while stream.receive(&mut item).await.unwrap() {
            assert_eq!(item, [7]);
        }
        assert_eq!(stream.received(), u64::from(TINY));
        let statistics = client.statistics();
        assert_eq!(statistics.woke_late, 0);
        assert!(
            statistics.rang_again <= MOST_RUNG_AGAIN,
            "{}",
            statistics.rang_again
        );
    });
}

#[test]
fn a_server_that_waits_for_room_in_the_ring_is_told_of_it_by_who_never_waits() {
    let (address, _server) = serve("room-try", give);
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(&count_and_length(TINY, 1)[..]).unwrap();
    let mut item = Vec::new();
    let started = std::time::Instant::now();
    loop {
        assert!(started.elapsed() < WATCHDOG, "the test hangs");
        match stream.try_receive(&mut item).unwrap() {
            Some(true) => assert_eq!(item, [7]),
            Some(false) => break,
            None => std::thread::yield_now(),
        }
    }
    assert_eq!(stream.received(), u64::from(TINY));
}

#[test]
fn a_sender_that_waits_for_room_is_told_of_it_beside_a_stream_the_other_way() {
    let (address, _server) = serve(
        "room-writer",
        |mut request: OwnedRequest, reply| async move {
            if !request.payload().is_empty() {
                return give(request, reply).await;
            }
            let mut item = Vec::new();
            while request.next_item(&mut item).await? {}
            Ok(())
        },
    );
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut giving = client.stream(&count_and_length(TINY, 1)[..]).await.unwrap();
        let mut taking = client.stream(b"").await.unwrap();
        let receive = async {
            let mut item = Vec::new();
            while giving.receive(&mut item).await.unwrap() {}
        };
        let send = async {
            for _ in 0..TINY {
                taking.send(b"x").await.unwrap();
            }
        };
        tokio::join!(receive, send);
        assert_eq!(taking.reply(&mut []).await, Outcome::Completed(0));
        let rang_again = client.statistics().rang_again;
        assert!(rang_again <= MOST_RUNG_AGAIN, "{rang_again}");
    });
}

/// Takes nothing until it is let go, and then tells what came: a word for each item, and how it ended.
fn take_when_let(
    name: &str,
) -> (
    Address,
    RunningServer,
    tokio::sync::mpsc::UnboundedSender<()>,
    mpsc::Receiver<String>,
) {
    let (tell, told) = mpsc::channel();
    let (let_go, gate) = tokio::sync::mpsc::unbounded_channel::<()>();
    let gate = std::sync::Arc::new(tokio::sync::Mutex::new(gate));
    let (address, server) = serve(name, move |mut request: OwnedRequest, _reply| {
        let (tell, gate) = (tell.clone(), std::sync::Arc::clone(&gate));
        async move {
            gate.lock().await.recv().await;
            let mut item = Vec::new();
            let ended = loop {
                match request.next_item(&mut item).await {
                    Ok(true) => tell.send(format!("{} octets", item.len())).unwrap(),
                    Ok(false) => break "the end".to_owned(),
                    Err(error) => break error.to_string(),
                }
            };
            tell.send(ended).unwrap();
            Err(Refusal::HandlerFailed)
        }
    });
    (address, server, let_go, told)
}

/// More than what may lie anywhere.
const TOO_LONG_FOR_NOW: usize = 1 << 20;

#[test]
fn an_item_that_broke_off_is_never_taken_for_a_whole_one() {
    let (address, _server, let_go, told) = take_when_let("broke-off");
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(Call::new(b"").timeout(SHORT)).unwrap();
    stream.send(b"whole").unwrap();
    let long = vec![1; TOO_LONG_FOR_NOW];
    assert_eq!(stream.send(&long), Err(StreamError::Deadline));
    assert_eq!(
        stream.send(b"the rest?"),
        Err(StreamError::Stopped),
        "it would be the end of the item before"
    );
    assert_eq!(stream.sent(), 1);
    stream.end().unwrap();
    let_go.send(()).unwrap();
    assert_eq!(told.recv_timeout(WATCHDOG).unwrap(), "5 octets");
    assert_eq!(
        told.recv_timeout(WATCHDOG).unwrap(),
        StreamError::Stopped.to_string(),
        "not the end"
    );
}

#[test]
fn a_send_that_was_dropped_in_the_middle_cuts_its_stream() {
    let (address, _server, let_go, told) = take_when_let("dropped-send");
    block_on(async {
        let client = AsyncClient::connect(&address).await.unwrap();
        let mut stream = client.stream(b"").await.unwrap();
        let long = vec![1; TOO_LONG_FOR_NOW];
        tokio::select! {
            _ = stream.send(&long) => panic!("there is no room for it"),
            () = tokio::time::sleep(SHORT) => {}
        }
        assert_eq!(stream.send(b"next").await, Err(StreamError::Stopped));
        let_go.send(()).unwrap();
        let reply = stream.reply(&mut []).await;
        assert_eq!(reply, Outcome::Refused(Refusal::HandlerFailed));
        assert_eq!(
            told.recv_timeout(WATCHDOG).unwrap(),
            StreamError::Stopped.to_string()
        );
    });
}

#[test]
fn what_a_receiver_has_of_an_item_at_its_deadline_is_completed_later() {
    let (let_go, gate) = tokio::sync::mpsc::unbounded_channel::<()>();
    let gate = std::sync::Arc::new(tokio::sync::Mutex::new(gate));
    let (address, _server) = serve("half-received", move |_request, mut reply: OwnedReply| {
        let gate = std::sync::Arc::clone(&gate);
        async move {
            let long = vec![1; TOO_LONG_FOR_NOW];
            let send = std::pin::pin!(reply.send_item(&long));
            let mut send = Some(send);
            // A first part, and no more until it is let go.
            std::future::poll_fn(|context| {
                let _ = send.as_mut().unwrap().as_mut().poll(context);
                std::task::Poll::Ready(())
            })
            .await;
            gate.lock().await.recv().await;
            send.take().unwrap().await?;
            Ok(())
        }
    });
    let mut client = Client::connect(&address).unwrap();
    let mut stream = client.stream(Call::new(b"").timeout(SHORT)).unwrap();
    let mut item = Vec::new();
    assert_eq!(stream.receive(&mut item), Err(StreamError::Deadline));
    assert!(!item.is_empty());
    let_go.send(()).unwrap();
    let received = loop {
        match stream.receive(&mut item) {
            // The machine is busy.
            Err(StreamError::Deadline) => {}
            other => break other,
        }
    };
    assert_eq!(received, Ok(true));
    assert_eq!(item.len(), TOO_LONG_FOR_NOW);
    assert_eq!(stream.received(), 1);
}

#[test]
fn nothing_is_received_behind_an_item_that_is_too_long() {
    let (address, _server) = serve("too-long", give);
    let mut options = ClientOptions::default();
    options.max_message = 40_000;
    let mut client = Connector::with_options(address.clone(), options.clone())
        .client()
        .unwrap();
    let request = count_and_length(3, 50_000);
    let mut stream = client.stream(&request[..]).unwrap();
    for _ in 0..4 {
        // In a buffer of its own each time: what is left of the item is no item.
        let received = stream.receive(&mut Vec::new());
        assert_eq!(received, Err(StreamError::TooLarge));
    }
    assert_eq!(stream.received(), 0);
    drop(stream);
    block_on(async {
        let connector = AsyncConnector::with_options(address, options);
        let client = connector.client().await.unwrap();
        let mut stream = client.stream(&request[..]).await.unwrap();
        for _ in 0..4 {
            let received = stream.receive(&mut Vec::new()).await;
            assert_eq!(received, Err(StreamError::TooLarge));
        }
    });
}

#[test]
fn halves_that_a_handler_gave_away_learn_of_the_end() {
    let (give_request, requests) = mpsc::channel();
    let (address, server) = serve("given-away", move |request: OwnedRequest, _reply| {
        let answers = request.payload() == b"answer";
        give_request.send(request).unwrap();
        async move {
            if answers {
                return Ok(());
            }
            std::future::pending().await
        }
    });
    let mut client = Client::connect(&address).unwrap();
    let stream = client.stream(b"answer").unwrap();
    let mut request: OwnedRequest = requests.recv_timeout(WATCHDOG).unwrap();
    assert_eq!(stream.reply(&mut []), Outcome::Completed(0));
    let next = block_on(async { request.next_item(&mut Vec::new()).await });
    assert_eq!(next, Err(StreamError::Stopped));

    let _open = client.stream(b"stay open").unwrap();
    let mut request = requests.recv_timeout(WATCHDOG).unwrap();
    let waiting =
        std::thread::spawn(move || block_on(async { request.next_item(&mut Vec::new()).await }));
    server.stop().unwrap();
    assert_eq!(waiting.join().unwrap(), Err(StreamError::HungUp));
}

#[test]
fn a_handler_learns_that_its_client_has_gone() {
    let (tell, told) = mpsc::channel();
    let (address, _server) = serve(
        "gone",
        move |mut request: OwnedRequest, mut reply: OwnedReply| {
            let tell = tell.clone();
            async move {
                let mut item = Vec::new();
                let ended = loop {
                    let step = if request.payload() == b"send" {
                        reply.send_item(&[1; 1000]).await.map(|()| true)
                    } else {
                        request.next_item(&mut item).await
                    };
                    if step != Ok(true) {
                        break step;
                    }
                };
                tell.send(ended).unwrap();
                Ok(())
            }
        },
    );
    for request in [&b"send"[..], b"receive"] {
        let mut client = Client::connect(&address).unwrap();
        let mut stream = client.stream(request).unwrap();
        stream.send(b"an item").unwrap();
        // Without a word: the process is gone before its streams are given up.
        std::mem::forget(stream);
        drop(client);
        assert_eq!(
            told.recv_timeout(WATCHDOG).unwrap(),
            Err(StreamError::HungUp)
        );
    }
}

#[test]
fn windows_of_any_size_are_none_too_large() {
    let address = address("windows");
    let mut config = ServerConfig::default();
    config.stream_window = usize::MAX;
    config.max_held_per_client = usize::MAX;
    config.max_running = NonZeroUsize::new(4).unwrap();
    let server = Server::bind(&address, config).unwrap();
    let _server = server.spawn_async(echo).unwrap();
    let mut options = ClientOptions::default();
    options.stream_window = usize::MAX;
    let connector = Connector::with_options(address, options);
    let mut client = connector.client().unwrap();
    let mut stream = client.stream(b"item").unwrap();
    let mut item = Vec::new();
    assert!(stream.receive(&mut item).unwrap());
    assert_eq!(stream.reply(&mut [0; 8]), Outcome::Completed(4));
}

#[test]
fn a_forked_child_is_told_that_the_stream_is_not_its_own() {
    use std::os::unix::process::CommandExt as _;
    let (address, _server) = serve("forked", |_request, _reply| std::future::pending());
    let client = Box::leak(Box::new(Client::connect(&address).unwrap()));
    let mut stream = client.stream(b"").unwrap();
    let mut child = std::process::Command::new("true");
    // The closure owns the stream, and the child has a copy of it.
    let in_child = move || {
        let refused = stream.send(b"item") == Err(StreamError::HungUp)
            && stream.end() == Err(StreamError::HungUp)
            && stream.receive(&mut Vec::new()) == Err(StreamError::HungUp)
            && stream.try_receive(&mut Vec::new()) == Err(StreamError::HungUp);
        if refused {
            Ok(())
        } else {
            Err(std::io::ErrorKind::AlreadyExists.into())
        }
    };
    // SAFETY: the closure loads a word and allocates nothing.
    unsafe { child.pre_exec(in_child) };
    assert!(child.status().unwrap().success());
}

#[test]
fn a_stream_that_the_server_had_not_taken_was_not_executed() {
    let mut config = ServerConfig::default();
    config.max_running = NonZeroUsize::new(1).unwrap();
    let (address, server) = serve_with("not-taken", config, |_request, _reply| {
        std::future::pending()
    });
    let mut first = Client::connect(&address).unwrap();
    let mut second = Client::connect(&address).unwrap();
    let mut taken = first.stream(b"taken").unwrap();
    // Its handler has dropped the request, so it runs.
    while taken.send(b"item") != Err(StreamError::Stopped) {}
    let waiting = second.stream(b"waits for the slot").unwrap();
    server.stop().unwrap();
    for (stream, executed) in [(taken, Executed::Maybe), (waiting, Executed::No)] {
        let Outcome::Failed(failure) = stream.reply(&mut []) else {
            panic!("there is no server");
        };
        assert_eq!((failure.cause, failure.executed), (Cause::HungUp, executed));
    }
}
