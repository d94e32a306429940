//! Either side is killed or stopped in the middle of a stream: what came before is whole and counted, the
//! outcome says truly whether the handler ran, and the handler learns that its client has gone.

use std::time::Duration;

use prixfixe_ipc::fault_point::{FAULT_VARIABLE, Point};
use prixfixe_ipc::{
    Call, Cause, Client, Executed, Outcome, OwnedReply, OwnedRequest, Refusal, Server,
    ServerConfig, StreamError, workload,
};
use rustix::process::Signal;

use super::leaks::channels_of;
use super::process::{Process, Settled, Watchdog, say, wait_until};
use super::scene::Scene;

pub(crate) const SERVER: &str = "stream-server";
pub(crate) const CLIENT: &str = "stream-client";

/// What a handler does: gives items for ever, or takes them and writes down each.
const GIVE: u32 = 1;
const TAKE: u32 = 2;
const SHORT: Duration = Duration::from_millis(300);

/// Where the server ends, at which of the times, and whether the handler may have run.
const POINTS: [(Point, u32, Executed); 6] = [
    (Point::ServerRequestSeen, 1, Executed::No),
    (Point::ServerTaken, 1, Executed::Maybe),
    (Point::ServerReplyPublished, 1, Executed::Maybe),
    (Point::ServerReplyPublished, 2, Executed::Maybe),
    (Point::ServerReplyPublished, 20, Executed::Maybe),
    (Point::ServerReplyPublished, 200, Executed::Maybe),
];

fn item(number: u64) -> Vec<u8> {
    // From nothing to several parts.
    let mut item = vec![0; usize::try_from(number * 7919 % 100_003).unwrap()];
    workload::fill(&mut item, 9, number);
    item
}

/// Serves streams until it is killed.
pub(crate) fn serve(scene: &Scene) {
    let server = Server::bind(&scene.address(), ServerConfig::default()).unwrap();
    say("listening");
    let journal = scene.journal();
    server
        .serve_async(move |request: OwnedRequest, reply: OwnedReply| {
            let mut pen = journal.open();
            async move {
                pen.write("begun");
                if request.message_type() == GIVE {
                    return give(reply).await;
                }
                let ended = take(request, &mut |line| pen.write(line)).await;
                pen.write(&ended);
                Ok(())
            }
        })
        .unwrap();
}

async fn give(mut reply: OwnedReply) -> Result<(), Refusal> {
    for number in 0.. {
        reply.send_item(&item(number)).await?;
    }
    Ok(())
}

async fn take(mut request: OwnedRequest, write: &mut impl FnMut(&str)) -> String {
    let mut bytes = Vec::new();
    for number in 0.. {
        match request.next_item(&mut bytes).await {
            Ok(true) if bytes == item(number) => write(&format!("item {number}")),
            Ok(true) => return "torn".to_owned(),
            Ok(false) => return "the end".to_owned(),
            Err(error) => return format!("{error:?}"),
        }
    }
    String::new()
}

/// Sends items until it is killed.
pub(crate) fn send(scene: &Scene) {
    let mut client = Client::connect(&scene.address()).unwrap();
    let mut stream = client.stream(Call::new(b"").message_type(TAKE)).unwrap();
    for number in 0.. {
        stream.send(&item(number)).unwrap();
    }
}

fn server_with(scene: &Scene, fault: &str) -> Process {
    let server = scene.start(SERVER, &[(FAULT_VARIABLE, fault)]);
    server.expect("listening");
    server
}

#[test]
fn a_stream_that_its_server_leaves_has_whole_items_and_a_true_outcome() {
    let _watchdog = Watchdog::new("streams, server", Duration::from_secs(120));
    for (point, nth, executed) in POINTS {
        let scene = Scene::new();
        let server = server_with(&scene, &format!("{}:{nth}:kill", point.name()));
        let mut client = Client::connect(&scene.address()).unwrap();
        let mut stream = client.stream(Call::new(b"").message_type(GIVE)).unwrap();
        let mut bytes = Vec::new();
        let mut received = 0;
        let error = loop {
            match stream.receive(&mut bytes) {
                Ok(came) => {
                    assert!(came, "{point:?}");
                    assert_eq!(bytes, item(received), "{point:?}: item {received}");
                    received += 1;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error, StreamError::HungUp, "{point:?}");
        assert_eq!(stream.received(), received);
        assert_eq!(server.settled(), Settled::Dead);
        let Outcome::Failed(failure) = stream.reply(&mut []) else {
            panic!("{point:?}: there is no server");
        };
        assert_eq!(
            (failure.cause, failure.executed),
            (Cause::HungUp, executed),
            "{point:?}"
        );
        let begun = scene.journal().text().contains("begun");
        assert!(!begun || executed == Executed::Maybe, "{point:?}");
        println!("{:<26} {nth:>4} received {received}", point.name());
    }
}

#[test]
fn a_stream_whose_server_stops_for_a_while_goes_on_where_it_was() {
    let _watchdog = Watchdog::new("streams, stopped", Duration::from_secs(120));
    let scene = Scene::new();
    let point = Point::ServerReplyPublished.name();
    let server = server_with(&scene, &format!("{point}:20:stop"));
    let mut client = Client::connect(&scene.address()).unwrap();
    let call = Call::new(b"").message_type(GIVE).timeout(SHORT);
    let mut stream = client.stream(call).unwrap();
    let mut bytes = Vec::new();
    let mut received = 0;
    let mut was_late = false;
    while !was_late || received < 1000 {
        match stream.receive(&mut bytes) {
            Ok(came) => {
                assert!(came);
                assert_eq!(bytes, item(received));
                received += 1;
            }
            Err(error) => {
                assert_eq!(error, StreamError::Deadline);
                was_late = true;
                server.signal(Signal::CONT);
            }
        }
    }
    assert_eq!(stream.received(), received);
}

#[test]
fn a_handler_whose_client_is_killed_has_whole_items_and_is_told() {
    let _watchdog = Watchdog::new("streams, client", Duration::from_secs(120));
    let scene = Scene::new();
    let server = server_with(&scene, "");
    let before = channels_of(&server);
    for round in 1..=5_usize {
        let mut client = scene.start(CLIENT, &[]);
        let length = scene.journal().length();
        wait_until(|| scene.journal().length() > length + 400 * round as u64);
        if round % 2 == 0 {
            client.signal(Signal::STOP);
            std::thread::sleep(Duration::from_millis(20));
        }
        client.kill();
        wait_until(|| scene.journal().text().matches("HungUp").count() == round);
        wait_until(|| channels_of(&server) == before);
    }
    let text = scene.journal().text();
    assert!(
        !text.contains("torn") && !text.contains("the end"),
        "{text}"
    );
    // Each from the first on, without a gap.
    let mut next = 0;
    for line in text.lines() {
        match line.split_once(' ') {
            Some(("item", number)) => {
                assert_eq!(number.parse(), Ok(next));
                next += 1;
            }
            _ => next = 0,
        }
    }
}
