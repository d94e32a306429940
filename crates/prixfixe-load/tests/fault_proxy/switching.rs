//! Faults that come and go while connections last.

use std::num::NonZeroU32;
use std::time::Duration;

use prixfixe_load::fault_proxy::{Break, Dribble, Faults, Flow, Point};

use crate::scene::{Scene, TURNS, WATCHDOG, play};

#[tokio::test]
async fn a_black_hole_that_is_lifted_hands_on_what_it_held() {
    let scene = Scene::new(Faults::default()).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..3], &mut client, &mut server).await;
    scene
        .proxy
        .set(Faults::default().with_cut(Break::BlackHole, Point::AtOnce));
    tokio::task::yield_now().await;
    client.say("MAIL FROM:<a@b>\r\n").await;
    server.say("250 unasked\r\n").await;
    server.hears_nothing().await;
    client.hears_nothing().await;
    scene.proxy.set(Faults::default());
    server.hear("MAIL FROM:<a@b>\r\n").await;
    client.hear("250 unasked\r\n").await;
}

#[tokio::test]
async fn a_hole_at_a_point_lets_the_rest_pass_once_it_is_lifted() {
    let scene = Scene::new(Faults::default().with_cut(Break::BlackHole, Point::Reply)).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..10], &mut client, &mut server).await;
    server.say("250 stored\r\n").await;
    client.hears_nothing().await;
    scene.proxy.set(Faults::default());
    client.hear("250 stored\r\n").await;
    play(&TURNS[11..], &mut client, &mut server).await;
}

#[tokio::test]
async fn a_hole_that_all_have_left_ends_its_connection() {
    let scene = Scene::new(Faults::default().with_cut(Break::BlackHole, Point::Ehlo)).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..3], &mut client, &mut server).await;
    client.say("unread").await;
    drop(client);
    server.hears_nothing().await;
    let place = server.0.local_addr().unwrap();
    tokio::io::AsyncWriteExt::shutdown(&mut server.0)
        .await
        .unwrap();
    // Its end reaches the server at last: nobody is left for whom the connection is kept.
    let (rest, _) = server.rest().await;
    assert_eq!(rest, "", "{place}");
}

#[tokio::test]
async fn a_reset_can_come_to_connections_that_exist() {
    let scene = Scene::new(Faults::default()).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..5], &mut client, &mut server).await;
    scene
        .proxy
        .set(Faults::default().with_cut(Break::Reset, Point::AtOnce));
    client.is_reset_after("").await;
    server.is_reset_after("").await;
}

#[tokio::test]
async fn a_stage_is_known_even_if_nobody_asked_for_it_at_the_start() {
    let scene = Scene::new(Faults::default()).await;
    let (mut client, mut server) = scene.pair().await;
    play(&TURNS[..9], &mut client, &mut server).await;
    scene
        .proxy
        .set(Faults::default().with_cut(Break::Reset, Point::BodyEnd));
    tokio::task::yield_now().await;
    client.say("Subject: x\r\n\r\n.\r\nnot this").await;
    server.is_reset_after("Subject: x\r\n\r\n.\r\n").await;
    client.is_reset_after("").await;
}

#[tokio::test]
async fn slowness_that_is_taken_away_is_not_waited_for() {
    let hour = Flow {
        dribble: Some(Dribble {
            octets: NonZeroU32::MIN,
            every: Duration::from_secs(3600),
        }),
        ..Flow::default()
    };
    let scene = Scene::new(Faults::default().with_flow(hour)).await;
    let (mut client, mut server) = scene.pair().await;
    client.say("EHLO x\r\n").await;
    server.hear("E").await;
    scene.proxy.set(Faults::default());
    server.hear("HLO x\r\n").await;
}

#[tokio::test]
async fn stopping_ends_every_connection() {
    let scene = Scene::new(Faults::default().with_cut(Break::BlackHole, Point::AtOnce)).await;
    let mut client = scene.client().await;
    client.hears_nothing().await;
    let Scene { proxy, .. } = scene;
    tokio::time::timeout(WATCHDOG, proxy.stop()).await.unwrap();
    // Closed or reset: either way it hears of it.
    assert_eq!(client.rest().await.0, "");
}
