//! Delays, limits and slowness: never quicker than they say.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::{Duration, Instant};

use prixfixe_load::fault_proxy::{Dribble, Faults, Flow, Loss, Share};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::scene::{Peer, Scene};

const fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// How long it takes until what the one says is heard by the other.
async fn takes(from: &mut Peer, to: &mut Peer, text: &str) -> Duration {
    let start = Instant::now();
    from.say(text).await;
    to.hear(text).await;
    start.elapsed()
}

#[tokio::test]
async fn latency_is_of_its_direction() {
    let scene = Scene::new(Faults {
        to_client: Flow {
            latency: milliseconds(80),
            ..Flow::default()
        },
        ..Faults::default()
    })
    .await;
    let (mut client, mut server) = scene.pair().await;
    assert!(takes(&mut server, &mut client, "220 mx\r\n").await >= milliseconds(80));
    assert!(takes(&mut server, &mut client, "250 ok\r\n").await >= milliseconds(80));
    // The other direction has none, and does not wait for this one.
    server.say("slow").await;
    client.say("quick").await;
    server.hear("quick").await;
    client.hear("slow").await;
}

#[tokio::test]
async fn latency_delays_a_stream_and_does_not_slow_it_down() {
    let scene = Scene::new(Faults::default().with_flow(Flow {
        latency: milliseconds(100),
        ..Flow::default()
    }))
    .await;
    let (mut client, mut server) = scene.pair().await;
    let start = Instant::now();
    for _ in 0..10 {
        client.say("0123456789").await;
        tokio::time::sleep(milliseconds(10)).await;
    }
    // All ten are under way at once; each waiting for the one before would take a second, and the
    // first would then be heard before the last is sent.
    server.hear(&"0123456789".repeat(10)).await;
    assert!(start.elapsed() >= milliseconds(190));
}

#[tokio::test]
async fn jitter_keeps_the_order() {
    let scene = Scene::new(Faults::default().with_flow(Flow {
        jitter: milliseconds(20),
        ..Flow::default()
    }))
    .await;
    let (mut client, mut server) = scene.pair().await;
    let mut said = String::new();
    for number in 0..50 {
        let word = format!("{number} ");
        client.say(&word).await;
        said.push_str(&word);
        tokio::task::yield_now().await;
    }
    server.hear(&said).await;
}

#[tokio::test]
async fn bandwidth_is_a_limit_and_its_sender_feels_it() {
    const OCTETS: usize = 60_000;
    let scene = Scene::new(Faults {
        to_server: Flow {
            bandwidth: NonZeroU64::new(200_000),
            ..Flow::default()
        },
        ..Faults::default()
    })
    .await;
    let (mut client, mut server) = scene.pair().await;
    let took = takes(&mut client, &mut server, &"x".repeat(OCTETS)).await;
    // All but the first slice of 20 ms has to wait.
    assert!(took >= milliseconds(280), "{took:?}");

    // Far more than all buffers between them: a proxy that swallowed it would have no bound.
    let flood = vec![b'x'; 64 << 20];
    let sent = timeout(milliseconds(300), client.0.write_all(&flood)).await;
    assert!(sent.is_err());
}

#[tokio::test]
async fn what_dribbles_comes_a_few_octets_at_a_time() {
    let scene = Scene::new(Faults {
        to_server: Flow {
            dribble: Some(Dribble {
                octets: NonZeroU32::new(2).unwrap(),
                every: milliseconds(30),
            }),
            ..Flow::default()
        },
        ..Faults::default()
    })
    .await;
    let (mut client, mut server) = scene.pair().await;
    let start = Instant::now();
    client.say("EHLO x\r\n").await;
    server.hear("EH").await;
    server.hear("LO x\r\n").await;
    assert!(start.elapsed() >= milliseconds(90));
}

#[tokio::test]
async fn loss_shows_as_the_delay_of_a_repetition() {
    let scene = Scene::new(Faults {
        to_client: Flow {
            loss: Some(Loss {
                share: Share::new(0.5).unwrap(),
                repeated_after: milliseconds(60),
            }),
            ..Flow::default()
        },
        seed: 1,
        ..Faults::default()
    })
    .await;
    let (mut client, mut server) = scene.pair().await;
    let mut delayed = 0;
    for _ in 0..20 {
        if takes(&mut server, &mut client, "250 ok\r\n").await >= milliseconds(60) {
            delayed += 1;
        }
    }
    // The seed says how many are lost; a slow machine may only add to them.
    assert!(delayed >= 5, "{delayed}");
}
