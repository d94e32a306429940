//! Resets, black holes and half-closes, at every point.

use std::num::NonZeroU64;

use prixfixe_load::fault_proxy::{Break, Direction, Faults, Point, Share};

use crate::scene::{Peer, Scene, TURNS, play};

/// Each point, how many turns are whole before it, and what of the next one still passes.
fn points() -> Vec<(Point, usize, &'static str)> {
    let count = |octets| NonZeroU64::new(octets).unwrap();
    vec![
        (Point::Banner, 1, ""),
        (Point::Ehlo, 3, ""),
        (Point::Mail, 5, ""),
        (Point::Rcpt, 7, ""),
        (Point::DataStart, 9, ""),
        (Point::Body(count(4)), 9, "Subj"),
        (Point::BodyEnd, 10, ""),
        (Point::Reply, 10, ""),
        (Point::ToServer(count(15)), 3, "MA"),
        (Point::ToClient(count(10)), 2, "25"),
    ]
}

/// Who speaks, who listens: the next turn, whose first octets pass.
async fn next_turn<'a>(turn: usize, client: &'a mut Peer, server: &'a mut Peer) -> &'a mut Peer {
    let (who, text) = TURNS[turn];
    let (from, to) = match who {
        'C' => (client, server),
        _ => (server, client),
    };
    // A reset may be quicker.
    let _ = tokio::io::AsyncWriteExt::write_all(&mut from.0, text.as_bytes()).await;
    to
}

#[tokio::test]
async fn a_reset_reaches_both_sides_at_its_point_and_not_before() {
    for (point, whole, part) in points() {
        let scene = Scene::new(Faults::default().with_cut(Break::Reset, point)).await;
        let (mut client, mut server) = scene.pair().await;
        play(&TURNS[..whole], &mut client, &mut server).await;
        if !part.is_empty() || point == Point::Reply {
            let listener = next_turn(whole, &mut client, &mut server).await;
            listener.hear(part).await;
        }
        client.is_reset_after("").await;
        server.is_reset_after("").await;
        assert_eq!(scene.proxy.counts().cut, 1, "{point:?}");
    }
}

#[tokio::test]
async fn a_reset_at_once_needs_no_dialogue() {
    let scene = Scene::new(Faults::default().with_cut(Break::Reset, Point::AtOnce)).await;
    scene.client().await.is_reset_after("").await;
}

#[tokio::test]
async fn a_black_hole_swallows_what_lies_behind_its_point_and_tells_nobody() {
    for (point, whole, part) in points() {
        let scene = Scene::new(Faults::default().with_cut(Break::BlackHole, point)).await;
        let (mut client, mut server) = scene.pair().await;
        play(&TURNS[..whole], &mut client, &mut server).await;
        let listener = next_turn(whole, &mut client, &mut server).await;
        listener.hear(part).await;
        client.hears_nothing().await;
        server.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_black_hole_at_once_accepts_and_does_nothing_more() {
    let scene = Scene::new(Faults::default().with_cut(Break::BlackHole, Point::AtOnce)).await;
    let mut client = scene.client().await;
    client.say("EHLO early\r\n").await;
    client.hears_nothing().await;
    assert_eq!(scene.proxy.counts().to_server_octets, 0);
}

#[tokio::test]
async fn a_half_close_ends_one_direction_and_leaves_the_other() {
    let to_server = Faults::default().with_cut(Break::HalfClose(Direction::ToServer), Point::Mail);
    let scene = Scene::new(to_server).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..5], &mut client, &mut server).await;
    client.say("RCPT TO:<c@d>\r\n").await;
    server.is_closed_after("").await;
    server.say("421 bye\r\n").await;
    drop(server);
    client.is_closed_after("421 bye\r\n").await;

    let body = Point::Body(NonZeroU64::new(3).unwrap());
    let to_client = Faults::default().with_cut(Break::HalfClose(Direction::ToClient), body);
    let scene = Scene::new(to_client).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..9], &mut client, &mut server).await;
    client.say("one\r\n").await;
    server.hear("one\r\n").await;
    client.is_closed_after("").await;
    client.say("two\r\n").await;
    server.hear("two\r\n").await;
}

#[tokio::test]
async fn a_half_close_within_its_own_direction_passes_what_lies_before() {
    let body = Point::Body(NonZeroU64::new(3).unwrap());
    let faults = Faults::default().with_cut(Break::HalfClose(Direction::ToServer), body);
    let scene = Scene::new(faults).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..9], &mut client, &mut server).await;
    client.say("one\r\ntwo\r\n").await;
    server.is_closed_after("one").await;
    server.say("451 what was that\r\n").await;
    client.hear("451 what was that\r\n").await;
}

#[tokio::test]
async fn only_the_share_is_concerned_and_the_seed_says_who() {
    let faults = Faults {
        share: Share::new(0.5).unwrap(),
        seed: 3,
        ..Faults::default().with_cut(Break::Reset, Point::Banner)
    };
    let expected: Vec<bool> = (0..20).map(|number| faults.concern(number)).collect();
    assert!(expected.contains(&true) && expected.contains(&false));
    let scene = Scene::new(faults).await;
    for concerned in expected {
        let (mut client, mut server) = scene.pair().await;
        server.say("220 mx\r\n").await;
        client.hear("220 mx\r\n").await;
        if concerned {
            client.is_reset_after("").await;
        } else {
            client.say("QUIT\r\n").await;
            server.hear("QUIT\r\n").await;
        }
    }
}

#[tokio::test]
async fn without_faults_everything_passes_and_ends_and_resets_are_handed_on() {
    let scene = Scene::new(Faults::default()).await;
    let (mut client, mut server) = scene.pair().await;
    play(TURNS, &mut client, &mut server).await;
    drop(server);
    client.is_closed_after("").await;
    drop(client);

    let (client, mut server) = scene.pair().await;
    client.0.set_zero_linger().unwrap();
    drop(client);
    server.is_reset_after("").await;

    let counts = scene.proxy.counts();
    let said = |who| -> usize {
        let turns = TURNS.iter().filter(|(speaker, _)| *speaker == who);
        turns.map(|(_, text)| text.len()).sum()
    };
    assert_eq!(counts.connections, 2);
    assert_eq!(counts.to_server_octets, said('C') as u64);
    assert_eq!(counts.to_client_octets, said('S') as u64);
    assert_eq!(counts.cut, 0);
}

#[tokio::test]
async fn a_server_that_does_not_listen_resets_the_client_and_is_counted() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = closed.local_addr().unwrap().to_string();
    drop(closed);
    let any = "127.0.0.1:0".parse().unwrap();
    let proxy = prixfixe_load::fault_proxy::FaultProxy::start(any, upstream, Faults::default());
    let proxy = proxy.await.unwrap();
    let stream = tokio::net::TcpStream::connect(proxy.address()).await;
    Peer(stream.unwrap()).is_reset_after("").await;
    assert_eq!(proxy.counts().refused, 1);
    let address = proxy.address();
    proxy.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}
