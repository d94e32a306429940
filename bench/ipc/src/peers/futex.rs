//! The floor of sleeping: every message is a FUTEX_WAKE, every wait a FUTEX_WAIT, nobody spins.

use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Link, Peer, PeerError, Supports};
use crate::bare::{LanePair, Listener, Shape, SharedMemory, join};
use crate::content::Answerer;
use crate::roles::{Desk, serve_in_thread};
use crate::setting::Setting;

pub(crate) enum Futex {}

pub(crate) struct FutexLink {
    lanes: LanePair,
    position: u32,
}

impl Peer for Futex {
    const SUPPORTS: Supports =
        Supports::blocking("bare futexes, both sides always asleep, a server thread per client");
    type Link = FutexLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let shape = shape(setting);
        let (memory, descriptor) = SharedMemory::create(shape.memory_bytes())?;
        let memory = Arc::new(memory);
        let listener = Listener::bind(&setting.socket())?;
        desk.open()?;
        loop {
            let client = listener.admit(|_| Ok(vec![descriptor.as_fd()]))?;
            let lanes = shape.lanes(&memory, client);
            let (answerer, payload) = (desk.answerer(), setting.payload);
            serve_in_thread(move || serve_client(&lanes, answerer, payload))?;
        }
    }

    async fn connect(setting: &Setting, client: u64) -> Result<FutexLink, PeerError> {
        let shape = shape(setting);
        let [descriptor] = join(&setting.socket(), client)?;
        let memory = SharedMemory::map(&descriptor, shape.memory_bytes())?;
        let client = usize::try_from(client).map_err(std::io::Error::other)?;
        Ok(FutexLink {
            lanes: shape.lanes(&Arc::new(memory), client),
            position: 0,
        })
    }
}

impl Link for FutexLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.lanes.requests.put(self.position, request);
        self.lanes.requests.publish(self.position.wrapping_add(1));
        Ok(self.lanes.requests.wake()?)
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        while !self.lanes.replies.has(self.position) {
            self.lanes.replies.sleep(self.position)?;
        }
        self.lanes.replies.take(self.position, reply);
        self.position = self.position.wrapping_add(1);
        Ok(())
    }
}

fn serve_client(lanes: &LanePair, mut answerer: Answerer, payload: usize) -> Result<(), PeerError> {
    let mut request = vec![0; payload];
    let mut position = 0;
    loop {
        while !lanes.requests.has(position) {
            lanes.requests.sleep(position)?;
        }
        lanes.requests.take(position, &mut request);
        lanes.replies.put(position, answerer.answer(&request));
        position = position.wrapping_add(1);
        lanes.replies.publish(position);
        lanes.replies.wake()?;
    }
}

fn shape(setting: &Setting) -> Shape {
    Shape::new(setting.clients, 1, setting.payload)
}
