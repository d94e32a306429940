//! Servers that say other things than they were asked, or too much unasked.

use std::time::{Duration, Instant};

use prixfixe_ipc::{Cause, ConnectError, Corrupt};

use super::fake_server::{Conversation, FakeServer, MAGIC, OPENED};
use super::processes::Watchdog;

const PING: u64 = 5;
const REFUSED: u64 = 0x103;
const DRAINING: u64 = 0x104;
const PONG: u64 = 0x105;
/// Far beyond everything that is waited for here.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_ping_that_is_answered_with_something_else_fails() {
    let _watchdog = Watchdog::new("false pongs");
    let answers: [[u64; 8]; 4] = [
        [OPENED, 0, 0, 4096, 1024, 8, 0, 0],
        [REFUSED, MAGIC, 2, 0, 0, 0, 0, 0],
        [PONG, 1, 1, 0, 0, 0, 0, 0],
        [0; 8],
    ];
    for answer in answers {
        let server = FakeServer::start(move |conversation| {
            conversation.welcome();
            assert_eq!(conversation.hear().unwrap()[0], PING);
            conversation.say(answer, &[]);
            while conversation.hear().is_some() {}
        });
        let pinged = server.connector(60_000).ping(LONG);
        let expected = Err(Cause::Corrupt(Corrupt::Control));
        assert_eq!(pinged, expected, "{answer:x?}");
    }
}

#[test]
fn pongs_that_nobody_waits_for_are_no_answer() {
    let _watchdog = Watchdog::new("other pongs");
    let server = FakeServer::start(|conversation| {
        conversation.welcome();
        let number = conversation.hear().unwrap()[1];
        conversation.say([PONG, number.wrapping_add(1), 0, 0, 0, 0, 0, 0], &[]);
        conversation.say([DRAINING, 0, 0, 0, 0, 0, 0, 0], &[]);
        while conversation.hear().is_some() {}
    });
    let pinged = server.connector(60_000).ping(Duration::from_millis(50));
    assert_eq!(pinged, Err(Cause::Deadline));
}

#[test]
fn a_flood_of_notices_holds_nobody_up_beyond_his_time() {
    let _watchdog = Watchdog::new("notices");
    let floods: [fn(&Conversation); 2] = [
        |conversation| conversation.say([DRAINING, 0, 0, 0, 0, 0, 0, 0], &[]),
        |conversation| conversation.say([PONG, 7, 0, 0, 0, 0, 0, 0], &[]),
    ];
    for flood in floods {
        let server = FakeServer::start(move |conversation| {
            conversation.welcome();
            conversation.hear().unwrap();
            // Far longer than the client waits.
            let until = Instant::now() + Duration::from_secs(2);
            while Instant::now() < until {
                flood(&conversation);
            }
        });
        let connected = server.connector(100).client();
        assert!(
            matches!(connected, Err(ConnectError::NoAnswer)),
            "{connected:?}"
        );
    }
}
