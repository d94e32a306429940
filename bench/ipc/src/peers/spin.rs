//! The mode check: two processes that spin on each other's cache line and copy a payload in and out.

use std::hint::spin_loop;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::{Link, Peer, PeerError, Supports};
use crate::bare::{LanePair, Listener, Shape, SharedMemory, join};
use crate::roles::Desk;
use crate::setting::Setting;

pub(crate) enum Spin {}

pub(crate) struct SpinLink {
    lanes: LanePair,
    position: u32,
}

impl Peer for Spin {
    const SUPPORTS: Supports = Supports {
        most_clients: 1,
        spins: true,
        makes_content: false,
        ..Supports::blocking("bare spinning on a shared page, same bytes again: the mode check")
    };
    type Link = SpinLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let shape = shape(setting);
        let (memory, descriptor) = SharedMemory::create(shape.memory_bytes())?;
        let lanes = shape.lanes(&Arc::new(memory), 0);
        let listener = Listener::bind(&setting.socket())?;
        desk.open()?;
        listener.admit(|_| Ok(vec![descriptor.as_fd()]))?;
        let mut answerer = desk.answerer();
        let mut request = vec![0; setting.payload];
        let mut position = 0;
        loop {
            while !lanes.requests.has(position) {
                spin_loop();
            }
            lanes.requests.take(position, &mut request);
            lanes.replies.put(position, answerer.answer(&request));
            position = position.wrapping_add(1);
            lanes.replies.publish(position);
        }
    }

    async fn connect(setting: &Setting, client: u64) -> Result<SpinLink, PeerError> {
        let shape = shape(setting);
        let [descriptor] = join(&setting.socket(), client)?;
        let memory = SharedMemory::map(&descriptor, shape.memory_bytes())?;
        Ok(SpinLink {
            lanes: shape.lanes(&Arc::new(memory), 0),
            position: 0,
        })
    }
}

impl Link for SpinLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.lanes.requests.put(self.position, request);
        self.lanes.requests.publish(self.position.wrapping_add(1));
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        while !self.lanes.replies.has(self.position) {
            spin_loop();
        }
        self.lanes.replies.take(self.position, reply);
        self.position = self.position.wrapping_add(1);
        Ok(())
    }
}

fn shape(setting: &Setting) -> Shape {
    Shape::new(1, 1, setting.payload)
}
