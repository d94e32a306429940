//! A server and its bystanders, and this process as the peer that attacks.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prixfixe_ipc::raw_peer::{RawChannel, RawPeer, RawRecord, RawRole, RawSocket};
use prixfixe_ipc::{Address, ChannelSizes};

use super::processes::{Process, Watchdog};
use super::{bystanders, server_process};

pub(crate) struct Stage {
    pub(crate) address: Address,
    pub(crate) server: Process,
    bystanders: Option<Process>,
    /// Lines of the server's that were dealt with.
    heard: Cell<usize>,
    _watchdog: Watchdog,
}

/// How long an answer of the server's may take: far beyond anything but a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

impl Stage {
    pub(crate) fn new(name: &'static str) -> Self {
        Self::with(name, &[])
    }

    pub(crate) fn with(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let mut stage = Self::without_bystanders(name, settings);
        stage.let_bystanders_in();
        stage
    }

    pub(crate) fn without_bystanders(name: &'static str, settings: &[(&str, &str)]) -> Self {
        let watchdog = Watchdog::new(name);
        let address = address(name);
        let text = address.to_string();
        let mut all = vec![(server_process::ADDRESS, text.as_str())];
        all.extend(settings);
        let server = Process::start(server_process::ROLE, &all);
        server.await_line(0, |line| (line == "serving").then_some(()));
        Self {
            address,
            server,
            bystanders: None,
            heard: Cell::new(0),
            _watchdog: watchdog,
        }
    }

    pub(crate) fn let_bystanders_in(&mut self) {
        let text = self.address.to_string();
        let bystanders = Process::start(bystanders::ROLE, &[(server_process::ADDRESS, &text)]);
        bystanders.await_line(0, |line| (line == "calling").then_some(()));
        self.bystanders = Some(bystanders);
    }

    /// Waits until each bystander has completed more calls.
    pub(crate) fn bystanders_are_served(&mut self) {
        self.server.assert_alive();
        let bystanders = self.bystanders.as_mut().unwrap();
        let said = bystanders.lines_said();
        bystanders.tell("serve");
        bystanders.await_line(said, |line| match line {
            "served" => Some(()),
            other => panic!("{other}"),
        });
    }

    /// Lets bystanders rest no more, so that the server has something to do all the time.
    pub(crate) fn hurry_bystanders(&mut self) {
        self.bystanders.as_mut().unwrap().tell("hurry");
    }

    /// Calls that bystanders have completed.
    pub(crate) fn count(&mut self) -> u64 {
        let bystanders = self.bystanders.as_mut().unwrap();
        let said = bystanders.lines_said();
        bystanders.tell("count");
        bystanders
            .await_line(said, |line| line.strip_prefix("count ")?.parse().ok())
            .1
    }

    pub(crate) fn bystanders_id(&self) -> u32 {
        self.bystanders.as_ref().unwrap().id()
    }

    /// A peer that has shaken hands.
    pub(crate) fn peer(&self) -> RawPeer {
        RawPeer::connect(&self.address, RawRole::Blocking).unwrap()
    }

    pub(crate) fn asynchronous_peer(&self) -> RawPeer {
        RawPeer::connect(&self.address, RawRole::Asynchronous).unwrap()
    }

    /// A peer with a small channel.
    pub(crate) fn peer_with_channel(&self) -> (RawPeer, RawChannel) {
        let peer = self.peer();
        let channel = peer.open(small()).unwrap();
        (peer, channel)
    }

    pub(crate) fn socket(&self) -> RawSocket {
        RawSocket::connect(&self.address).unwrap()
    }

    /// Waits for the server to tell that a connection of this process is gone, and why. One event is
    /// used up; those of others are passed over.
    pub(crate) fn next_gone(&self) -> String {
        let mine = format!("gone {} ", std::process::id());
        let (heard, reason) = self.server.await_line(self.heard.get(), |line| {
            line.strip_prefix(&mine).map(str::to_owned)
        });
        self.heard.set(heard);
        reason
    }

    /// Waits for a refusal of this process.
    pub(crate) fn next_refused(&self) -> String {
        let mine = format!("refused {} ", std::process::id());
        let (heard, reason) = self.server.await_line(self.heard.get(), |line| {
            line.strip_prefix(&mine).map(str::to_owned)
        });
        self.heard.set(heard);
        reason
    }

    /// The end: everybody was served and ends well.
    pub(crate) fn finish(mut self) {
        if self.bystanders.is_some() {
            self.bystanders_are_served();
        }
        if let Some(bystanders) = self.bystanders.take() {
            bystanders.finish();
        }
        self.server.finish();
    }
}

/// A channel whose ring is one page.
pub(crate) fn small() -> ChannelSizes {
    ChannelSizes::new(4096, 1024, 8).unwrap()
}

/// An address of its own for each stage.
pub(crate) fn address(name: &str) -> Address {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Address::abstract_name(format!(
        "prixfixe-hostile-{name}-{}-{number}",
        std::process::id()
    ))
    .unwrap()
}

/// Makes a call as one who keeps the rules, and waits for the reply: `number` calls and `tail` octets
/// came before. Returns the new tail.
pub(crate) fn honest_call(peer: &RawPeer, channel: &RawChannel, number: u64, tail: u64) -> u64 {
    let tail = channel.put(tail, &RawRecord::request(number, b"hello", 64));
    let before = channel.reply_line.read(0);
    channel.publish(tail);
    peer.doorbell.ring();
    await_that(|| channel.reply_line.read(0) != before);
    assert_eq!(channel.taken.read(0), number);
    tail
}

pub(crate) fn await_that(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

/// Numbers that look like chance and are the same in each run.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
