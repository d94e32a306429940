//! The floor of everything that shares memory: a pair of rings per client, no validation, and a
//! server that sweeps them all.

use std::hint::spin_loop;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;

use super::{Link, Peer, PeerError, Supports};
use crate::bare::{self, LanePair, Listener, Shape, SharedMemory, join};
use crate::content::Answerer;
use crate::roles::Desk;
use crate::setting::{Layout, Setting, Wait};

pub(crate) enum Ring {}

pub(crate) struct RingLink {
    lanes: LanePair,
    memory: Arc<SharedMemory>,
    sent: u32,
    received: u32,
    wait: Wait,
    layout: Layout,
}

impl Peer for Ring {
    const SUPPORTS: Supports = Supports {
        tokio: false,
        ..Supports::everything("bare ring pair per client, swept by one server thread: the floor")
    };
    type Link = RingLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let shape = shape(setting);
        let (memory, descriptor) = SharedMemory::create(shape.memory_bytes())?;
        let memory = Arc::new(memory);
        let listener = Listener::bind(&setting.socket())?;
        desk.open()?;
        for _ in 0..setting.clients {
            listener.admit(|_| Ok(vec![descriptor.as_fd()]))?;
        }
        let mut sweep = Sweep {
            lanes: (0..setting.clients as usize)
                .map(|client| (shape.lanes(&memory, client), 0))
                .collect(),
            answerer: desk.answerer(),
            request: vec![0; setting.payload],
        };
        let mut idle_sweeps = 0;
        loop {
            if sweep.answer_all()? {
                idle_sweeps = 0;
                continue;
            }
            idle_sweeps += 1;
            match setting.wait {
                Wait::Spin => spin_loop(),
                Wait::Yield if idle_sweeps <= SERVER_YIELDS => thread::yield_now(),
                Wait::Yield | Wait::Park => {
                    bare::sleep_at_doorbell(&memory, || sweep.is_empty())?;
                    idle_sweeps = 0;
                }
            }
        }
    }

    async fn connect(setting: &Setting, client: u64) -> Result<RingLink, PeerError> {
        let shape = shape(setting);
        let [descriptor] = join(&setting.socket(), client)?;
        let memory = Arc::new(SharedMemory::map(&descriptor, shape.memory_bytes())?);
        let client = usize::try_from(client).map_err(io::Error::other)?;
        Ok(RingLink {
            lanes: shape.lanes(&memory, client),
            memory,
            sent: 0,
            received: 0,
            wait: setting.wait,
            layout: setting.layout,
        })
    }
}

impl Link for RingLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.lanes.requests.put(self.sent, request);
        self.sent = self.sent.wrapping_add(1);
        self.lanes.requests.publish(self.sent);
        if self.wait != Wait::Spin {
            bare::ring_doorbell(&self.memory)?;
        }
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        let mut polls = 0;
        while !self.lanes.replies.has(self.received) {
            polls += 1;
            match (self.layout, self.wait) {
                (Layout::Async, _) => tokio::task::yield_now().await,
                (Layout::Processes, Wait::Spin) => spin_loop(),
                (Layout::Processes, Wait::Yield) if polls <= CLIENT_YIELDS => thread::yield_now(),
                (Layout::Processes, _) => self.lanes.replies.sleep_announced(self.received)?,
            }
        }
        self.lanes.replies.take(self.received, reply);
        self.received = self.received.wrapping_add(1);
        Ok(())
    }
}

/// All rings, and how far each was answered.
struct Sweep {
    lanes: Vec<(LanePair, u32)>,
    answerer: Answerer,
    request: Vec<u8>,
}

impl Sweep {
    /// Answers what is there, of each client what its ring holds at most. False if nothing was.
    fn answer_all(&mut self) -> io::Result<bool> {
        let mut answered = false;
        for (lanes, position) in &mut self.lanes {
            let mut most = lanes.slots();
            while most > 0 && lanes.requests.has(*position) {
                lanes.requests.take(*position, &mut self.request);
                let reply = self.answerer.answer(&self.request);
                lanes.replies.put(*position, reply);
                *position = position.wrapping_add(1);
                lanes.replies.publish(*position);
                lanes.replies.wake_announced()?;
                most -= 1;
                answered = true;
            }
        }
        Ok(answered)
    }

    fn is_empty(&self) -> bool {
        let mut lanes = self.lanes.iter();
        lanes.all(|(lanes, position)| !lanes.requests.has(*position))
    }
}

fn shape(setting: &Setting) -> Shape {
    Shape::new(setting.clients, setting.in_flight, setting.payload)
}

/// Times a client gives its processor away before it sleeps: time for the server to come round.
const CLIENT_YIELDS: u32 = 5;
/// The same for the server, which any of its clients may need next.
const SERVER_YIELDS: u32 = 50;
