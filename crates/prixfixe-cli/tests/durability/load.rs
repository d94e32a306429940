//! Many clients that deliver at the same time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::WATCHDOG;
use crate::client::{Client, Fate};
use crate::message;

/// What became of each message, by its number.
pub(crate) type Fates = BTreeMap<u32, Fate>;

/// Client threads, each with one connection, until the messages or the server are at an end.
pub(crate) struct Load {
    clients: Vec<JoinHandle<Vec<(u32, Fate)>>>,
    acknowledgements: Receiver<()>,
}

impl Load {
    /// Delivers the messages from number `next` on up to `end`, without it.
    pub(crate) fn start(address: SocketAddr, next: &Arc<AtomicU32>, end: u32) -> Self {
        let (acknowledge, acknowledgements) = channel();
        let clients = (0..CLIENTS)
            .map(|_| {
                let (next, acknowledge) = (Arc::clone(next), acknowledge.clone());
                thread::spawn(move || deliver_all(address, &next, end, &acknowledge))
            })
            .collect();
        Self {
            clients,
            acknowledgements,
        }
    }

    /// Waits for so many 250s. False if the clients came to their end before.
    pub(crate) fn wait_for(&self, count: usize) -> bool {
        (0..count).all(|_| match self.acknowledgements.recv_timeout(WATCHDOG) {
            Ok(()) => true,
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("no message was accepted for minutes"),
        })
    }

    /// Waits for the clients to end.
    pub(crate) fn finish(self) -> Fates {
        let ended = self
            .clients
            .into_iter()
            .map(|client| client.join().expect("a client failed"));
        ended.flatten().collect()
    }
}

fn deliver_all(
    address: SocketAddr,
    next: &AtomicU32,
    end: u32,
    acknowledge: &Sender<()>,
) -> Vec<(u32, Fate)> {
    let mut fates = Vec::new();
    let Ok(mut client) = Client::connect(address) else {
        return fates;
    };
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return fates;
        }
        let fate = client.deliver(&message::bytes(number));
        let acknowledged = matches!(fate, Fate::Acknowledged(_));
        fates.push((number, fate));
        if !acknowledged {
            return fates;
        }
        // The test may have seen enough.
        let _ = acknowledge.send(());
    }
}

const CLIENTS: usize = 24;
