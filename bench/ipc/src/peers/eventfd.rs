//! The floor of waking through descriptors: an eventfd each way, both sides asleep in epoll, bytes
//! through shared memory.

use std::future::{Future, ready};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::buffer::spare_capacity;
use rustix::event::{EventfdFlags, epoll, eventfd};

use super::{Link, Peer, PeerError, Supports};
use crate::bare::{LanePair, Listener, Shape, SharedMemory, join};
use crate::roles::Desk;
use crate::setting::Setting;

pub(crate) enum Eventfd {}

pub(crate) struct EventfdLink {
    lanes: LanePair,
    position: u32,
    bells: Bells,
    sleep: Sleep,
}

/// What wakes the server for one client, and that client.
struct Bells {
    request: OwnedFd,
    reply: OwnedFd,
}

/// An epoll with the bells that wake this process.
struct Sleep {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Peer for Eventfd {
    const SUPPORTS: Supports =
        Supports::blocking("bare eventfds, both sides asleep in epoll, one server thread");
    type Link = EventfdLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let shape = shape(setting);
        let (memory, descriptor) = SharedMemory::create(shape.memory_bytes())?;
        let memory = Arc::new(memory);
        let clients = 0..setting.clients as usize;
        let bells: Vec<Bells> = clients
            .clone()
            .map(|_| Bells::new())
            .collect::<Result<_, _>>()?;
        let mut sleep = Sleep::new()?;
        for (client, bells) in bells.iter().enumerate() {
            sleep.watch(&bells.request, client as u64)?;
        }
        let listener = Listener::bind(&setting.socket())?;
        desk.open()?;
        for _ in clients.clone() {
            listener.admit(|client| {
                let bells = bells.get(client).ok_or(io::ErrorKind::InvalidInput)?;
                let bells = [bells.request.as_fd(), bells.reply.as_fd()];
                Ok([descriptor.as_fd()].into_iter().chain(bells).collect())
            })?;
        }
        let lanes: Vec<LanePair> = clients.map(|client| shape.lanes(&memory, client)).collect();
        let mut positions = vec![0_u32; lanes.len()];
        let mut answerer = desk.answerer();
        let mut request = vec![0; setting.payload];
        loop {
            for event in sleep.wait()? {
                let client = usize::try_from(event.data.u64()).map_err(io::Error::other)?;
                let (bells, lanes, position) =
                    (&bells[client], &lanes[client], &mut positions[client]);
                silence(&bells.request)?;
                if lanes.requests.has(*position) {
                    lanes.requests.take(*position, &mut request);
                    lanes.replies.put(*position, answerer.answer(&request));
                    *position = position.wrapping_add(1);
                    lanes.replies.publish(*position);
                    ring(&bells.reply)?;
                }
            }
        }
    }

    async fn connect(setting: &Setting, client: u64) -> Result<EventfdLink, PeerError> {
        let shape = shape(setting);
        let [descriptor, request, reply] = join(&setting.socket(), client)?;
        let memory = SharedMemory::map(&descriptor, shape.memory_bytes())?;
        let mut sleep = Sleep::new()?;
        sleep.watch(&reply, 0)?;
        let client = usize::try_from(client).map_err(io::Error::other)?;
        Ok(EventfdLink {
            lanes: shape.lanes(&Arc::new(memory), client),
            position: 0,
            bells: Bells { request, reply },
            sleep,
        })
    }
}

/// The list of events stays in the thread that made it, so these work before the future exists.
impl Link for EventfdLink {
    fn send(&mut self, request: &[u8]) -> impl Future<Output = Result<(), PeerError>> + Send {
        ready(self.send_now(request))
    }

    fn receive(&mut self, reply: &mut [u8]) -> impl Future<Output = Result<(), PeerError>> + Send {
        ready(self.receive_now(reply))
    }
}

impl EventfdLink {
    fn send_now(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.lanes.requests.put(self.position, request);
        self.lanes.requests.publish(self.position.wrapping_add(1));
        Ok(ring(&self.bells.request)?)
    }

    fn receive_now(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        // Whose bell it was is known: only one is watched.
        let _ = self.sleep.wait()?;
        silence(&self.bells.reply)?;
        // The bell is rung after the reply is published, once for each.
        if !self.lanes.replies.has(self.position) {
            return Err(PeerError::NothingInFlight);
        }
        self.lanes.replies.take(self.position, reply);
        self.position = self.position.wrapping_add(1);
        Ok(())
    }
}

impl Bells {
    fn new() -> io::Result<Self> {
        let bell = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        Ok(Self {
            request: bell()?,
            reply: bell()?,
        })
    }
}

impl Sleep {
    fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_AT_ONCE),
        })
    }

    fn watch(&mut self, bell: &OwnedFd, number: u64) -> io::Result<()> {
        let data = epoll::EventData::new_u64(number);
        Ok(epoll::add(&self.epoll, bell, data, epoll::EventFlags::IN)?)
    }

    /// Sleeps until a bell rings.
    fn wait(&mut self) -> io::Result<impl Iterator<Item = epoll::Event>> {
        self.events.clear();
        while self.events.is_empty() {
            match epoll::wait(&self.epoll, spare_capacity(&mut self.events), None) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.events.iter().copied())
    }
}

fn ring(bell: &OwnedFd) -> io::Result<()> {
    rustix::io::write(bell, &1_u64.to_ne_bytes())?;
    Ok(())
}

fn silence(bell: &OwnedFd) -> io::Result<()> {
    rustix::io::read(bell, &mut [0; 8])?;
    Ok(())
}

fn shape(setting: &Setting) -> Shape {
    Shape::new(setting.clients, 1, setting.payload)
}

/// What one call of epoll hands over; more wait for the next.
const EVENTS_AT_ONCE: usize = 128;
