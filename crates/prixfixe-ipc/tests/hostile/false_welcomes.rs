//! What a client makes of something that answers and is no server: it does not connect.

use std::os::fd::OwnedFd;

use prixfixe_ipc::{ClientOptions, ConnectError, Connector, PeerPolicy};
use rustix::fs::{MemfdFlags, SealFlags};

use super::fake_server::{
    Conversation, FIXED, FakeServer, MAGIC, OPENED, SEGMENT, WELCOME, borrowed, eventfd,
    honest_descriptors, honest_welcome, sealed,
};
use super::processes::Watchdog;

fn refuses(name: &str, talk: impl FnOnce(Conversation) + Send + 'static) {
    let server = FakeServer::start(talk);
    let answer = server.connector(60_000).client();
    assert!(
        matches!(answer, Err(ConnectError::Protocol(_))),
        "{name}: {answer:?}"
    );
}

fn pipe() -> OwnedFd {
    rustix::pipe::pipe().unwrap().0
}

fn page() -> OwnedFd {
    sealed(4096, FIXED | SealFlags::FUTURE_WRITE)
}

fn of_huge_pages() -> Option<OwnedFd> {
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    let memory = rustix::fs::memfd_create("huge", flags).ok()?;
    rustix::fs::ftruncate(&memory, 2 << 20).ok()?;
    rustix::fs::fcntl_add_seals(&memory, FIXED | SealFlags::FUTURE_WRITE).ok()?;
    Some(memory)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn descriptors_that_are_not_what_was_announced_are_refused() {
    let _watchdog = Watchdog::new("client descriptors");
    let hints = || sealed(4096, FIXED);
    let all: Vec<(&str, Vec<OwnedFd>)> = vec![
        ("none", vec![]),
        ("one", vec![page()]),
        ("two", vec![page(), hints()]),
        ("one more", vec![page(), hints(), eventfd(), eventfd()]),
        (
            "two more",
            vec![page(), hints(), eventfd(), eventfd(), eventfd()],
        ),
        ("many more", (0..12).map(|_| eventfd()).collect()),
        (
            "a page that can be written",
            vec![hints(), hints(), eventfd()],
        ),
        (
            "a page that can shrink",
            vec![
                sealed(
                    4096,
                    SealFlags::GROW | SealFlags::SEAL | SealFlags::FUTURE_WRITE,
                ),
                hints(),
                eventfd(),
            ],
        ),
        (
            "a page without seals",
            vec![sealed(4096, SealFlags::empty()), hints(), eventfd()],
        ),
        (
            "a page that is half as long",
            vec![
                sealed(2048, FIXED | SealFlags::FUTURE_WRITE),
                hints(),
                eventfd(),
            ],
        ),
        (
            "a page of nothing",
            vec![
                sealed(0, FIXED | SealFlags::FUTURE_WRITE),
                hints(),
                eventfd(),
            ],
        ),
        (
            "a page of 1 TiB",
            vec![
                sealed(1 << 40, FIXED | SealFlags::FUTURE_WRITE),
                hints(),
                eventfd(),
            ],
        ),
        ("an eventfd as a page", vec![eventfd(), hints(), eventfd()]),
        ("a pipe as a page", vec![pipe(), hints(), eventfd()]),
        ("a file as a page", vec![file(), hints(), eventfd()]),
        (
            "hints that can shrink",
            vec![
                page(),
                sealed(4096, SealFlags::GROW | SealFlags::SEAL),
                eventfd(),
            ],
        ),
        (
            "hints that can grow",
            vec![
                page(),
                sealed(4096, SealFlags::SHRINK | SealFlags::SEAL),
                eventfd(),
            ],
        ),
        (
            "hints that nobody can write",
            vec![page(), file(), eventfd()],
        ),
        ("a pipe as hints", vec![page(), pipe(), eventfd()]),
        ("a pipe as a doorbell", vec![page(), hints(), pipe()]),
        ("a file as a doorbell", vec![page(), hints(), file()]),
        ("memory as a doorbell", vec![page(), hints(), page()]),
        ("the wrong order", vec![eventfd(), hints(), page()]),
    ];
    for (name, descriptors) in all {
        refuses(name, move |client| {
            client.hear();
            client.say(honest_welcome(), &borrowed(&descriptors));
            client.hear();
        });
    }
    if let Some(huge) = of_huge_pages() {
        refuses("huge pages", move |client| {
            client.hear();
            let mut welcome = honest_welcome();
            welcome[2] = 2 << 20;
            let mut descriptors = honest_descriptors();
            descriptors[0] = huge;
            client.say(welcome, &borrowed(&descriptors));
            client.hear();
        });
    }
}

fn file() -> OwnedFd {
    let file = tempfile::tempfile().unwrap();
    file.set_len(4096).unwrap();
    file.into()
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let _watchdog = Watchdog::new("client sizes");
    // As announced and as sent, for the page and for the hints.
    for (page, hints) in [
        (0, 4096),
        (8, 4096),
        (100, 4096),
        (136, 4096),
        (4088, 4096),
        (4096, 0),
        (4096, 4),
        (4096, 12),
        (4096, 4095),
        (1 << 40, 4096),
        (4096, 1 << 40),
        (u64::MAX, u64::MAX),
        ((256 << 20) + 4096, 4096),
    ] {
        refuses(&format!("{page} and {hints}"), move |client| {
            client.hear();
            // As large as can be where no file is that large.
            let size = |asked: u64| asked.min(1 << 40);
            let descriptors = [
                sealed(size(page), FIXED | SealFlags::FUTURE_WRITE),
                sealed(size(hints), FIXED),
                eventfd(),
            ];
            let mut welcome = honest_welcome();
            (welcome[2], welcome[3]) = (page, hints);
            client.say(welcome, &borrowed(&descriptors));
            // Where the welcome was good enough, the channel has a hint at the very end.
            if client.hear().is_some() {
                let opened = [
                    OPENED,
                    0,
                    (hints * 8).saturating_sub(1),
                    4096,
                    1024,
                    8,
                    0,
                    0,
                ];
                client.say(opened, &[std::os::fd::AsFd::as_fd(&sealed(SEGMENT, FIXED))]);
                client.hear();
            }
        });
    }
}

#[test]
fn messages_that_are_none_are_refused() {
    let _watchdog = Watchdog::new("client messages");
    let messages: Vec<(&str, Vec<u8>)> = vec![
        ("short", vec![0; 8]),
        ("zeros", vec![0; 64]),
        ("ones", vec![0xff; 64]),
        ("long", vec![0; 200]),
        (
            "an answer to another question",
            bytes([OPENED, 0, 0, 4096, 1024, 8, 0, 0]),
        ),
        (
            "another magic",
            bytes([WELCOME, !MAGIC, 4096, 4096, 4096, 1024, 8, 0]),
        ),
        (
            "limits that cannot be",
            bytes([WELCOME, MAGIC, 4096, 4096, 5, 1024, 8, 0]),
        ),
        (
            "a refusal of the future",
            bytes([0x103, MAGIC, 99, 0, 0, 0, 0, 0]),
        ),
    ];
    for (name, message) in messages {
        refuses(name, move |client| {
            client.hear();
            client.say_bytes(&message, &borrowed(&honest_descriptors()));
            client.hear();
        });
    }
}

fn bytes(words: [u64; 8]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn channels_that_are_not_what_was_asked_for_are_refused() {
    let _watchdog = Watchdog::new("client channels");
    let opened = [OPENED, 0, 0, 4096, 1024, 8, 0, 0];
    let segment = || vec![sealed(SEGMENT, FIXED)];
    let all: Vec<(&str, [u64; 8], Vec<OwnedFd>)> = vec![
        ("no segment", opened, vec![]),
        (
            "two segments",
            opened,
            vec![sealed(SEGMENT, FIXED), sealed(SEGMENT, FIXED)],
        ),
        (
            "a segment that can shrink",
            opened,
            vec![sealed(SEGMENT, SealFlags::GROW)],
        ),
        ("a short segment", opened, vec![sealed(4096, FIXED)]),
        (
            "a long segment",
            opened,
            vec![sealed(SEGMENT + 4096, FIXED)],
        ),
        ("an endless segment", opened, vec![sealed(1 << 40, FIXED)]),
        ("a doorbell", opened, vec![eventfd()]),
        (
            "a larger ring",
            [OPENED, 0, 0, 8192, 1024, 8, 0, 0],
            segment(),
        ),
        (
            "a larger payload",
            [OPENED, 0, 0, 4096, 1000, 8, 0, 0],
            segment(),
        ),
        (
            "more in flight",
            [OPENED, 0, 0, 4096, 1024, 9, 0, 0],
            segment(),
        ),
        (
            "a hint beyond the hints",
            [OPENED, 0, 4096 * 8, 4096, 1024, 8, 0, 0],
            segment(),
        ),
        (
            "the greatest hint",
            [OPENED, 0, u64::from(u32::MAX), 4096, 1024, 8, 0, 0],
            segment(),
        ),
        ("a welcome", honest_welcome(), honest_descriptors()),
    ];
    for (name, message, descriptors) in all {
        refuses(name, move |client| {
            let _kept = client.welcome();
            client.hear();
            client.say(message, &borrowed(&descriptors));
            client.hear();
        });
    }
}

#[test]
fn a_server_that_says_nothing_or_hangs_up_is_no_answer() {
    let _watchdog = Watchdog::new("client silence");
    let silent = FakeServer::start(|client| while client.hear().is_some() {});
    let answer = silent.connector(50).client();
    assert!(matches!(answer, Err(ConnectError::NoAnswer)), "{answer:?}");
    let hangs_up = FakeServer::start(drop);
    let answer = hangs_up.connector(60_000).client();
    assert!(matches!(answer, Err(ConnectError::NoAnswer)), "{answer:?}");
    let hangs_up_later = FakeServer::start(|client| {
        client.welcome();
    });
    let answer = hangs_up_later.connector(60_000).client();
    assert!(matches!(answer, Err(ConnectError::NoAnswer)), "{answer:?}");
}

#[test]
fn a_server_of_a_stranger_gets_not_even_a_greeting() {
    let _watchdog = Watchdog::new("client stranger");
    let server = FakeServer::start(|client| assert_eq!(client.hear(), None));
    let mut options = ClientOptions::default();
    options.trusted_servers = PeerPolicy::users([]);
    let answer = Connector::with_options(server.address.clone(), options).client();
    assert!(
        matches!(answer, Err(ConnectError::Stranger { .. })),
        "{answer:?}"
    );
}
