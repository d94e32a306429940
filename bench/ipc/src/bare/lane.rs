//! One direction of one client: slots for messages, and how many were ever published. There is no
//! position of the reader: a slot is free again when the reply to what it held has come.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering, fence};

use rustix::io::Errno;
use rustix::thread::futex;

use super::SharedMemory;

/// What both sides agree on before they share anything.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Shape {
    clients: usize,
    slots: u32,
    slot_bytes: usize,
}

/// The direction to the server, and the one back.
#[derive(Debug)]
pub(crate) struct LanePair {
    pub(crate) requests: Lane,
    pub(crate) replies: Lane,
}

/// Messages from one writer to one reader.
#[derive(Debug)]
pub(crate) struct Lane {
    memory: Arc<SharedMemory>,
    shape: Shape,
    start: usize,
}

impl Shape {
    pub(crate) fn new(clients: u32, in_flight: u32, message_bytes: usize) -> Self {
        Self {
            clients: clients as usize,
            // A power of two, so that positions may wrap around and need no division.
            slots: in_flight.next_power_of_two(),
            slot_bytes: message_bytes.next_multiple_of(LINES_BYTES),
        }
    }

    /// Of the lanes of all clients, and of the server's doorbell in front of them.
    pub(crate) fn memory_bytes(self) -> usize {
        DOORBELL_BYTES + self.clients * 2 * self.lane_bytes()
    }

    /// The lanes of client `client` in `memory`, which has [`Self::memory_bytes`].
    pub(crate) fn lanes(self, memory: &Arc<SharedMemory>, client: usize) -> LanePair {
        assert!(client < self.clients, "no such client");
        let lane = |index: usize| Lane {
            memory: Arc::clone(memory),
            shape: self,
            start: DOORBELL_BYTES + index * self.lane_bytes(),
        };
        LanePair {
            requests: lane(2 * client),
            replies: lane(2 * client + 1),
        }
    }

    fn lane_bytes(self) -> usize {
        2 * LINES_BYTES + self.slots as usize * self.slot_bytes
    }
}

impl LanePair {
    /// How many messages either direction holds at most.
    pub(crate) fn slots(&self) -> u32 {
        self.requests.shape.slots
    }
}

impl Lane {
    /// Writes message number `position` without telling the reader.
    pub(crate) fn put(&self, position: u32, message: &[u8]) {
        self.memory.put(self.slot(position), message);
    }

    /// Hands over all messages before `position`.
    pub(crate) fn publish(&self, position: u32) {
        // Release: who sees the position sees the bytes.
        self.published().store(position, Ordering::Release);
    }

    /// Whether message number `position` is there to be taken.
    pub(crate) fn has(&self, position: u32) -> bool {
        // Acquire: pairs with `publish`. Equal means empty; the reader is never ahead.
        self.published().load(Ordering::Acquire) != position
    }

    /// Copies message number `position` out; [`Self::has`] has said that it is there.
    pub(crate) fn take(&self, position: u32, into: &mut [u8]) {
        self.memory.take(self.slot(position), into);
    }

    /// Sleeps until there may be a message number `position`.
    pub(crate) fn sleep(&self, position: u32) -> io::Result<()> {
        wait(self.published(), position)
    }

    /// Says that it sleeps, looks once more, and sleeps.
    pub(crate) fn sleep_announced(&self, position: u32) -> io::Result<()> {
        self.asleep().store(1, Ordering::Relaxed);
        // Store, then load, against the writer's store, then load: only this fence orders them.
        fence(Ordering::SeqCst);
        if !self.has(position) {
            self.sleep(position)?;
        }
        self.asleep().store(0, Ordering::Relaxed);
        Ok(())
    }

    /// Wakes the reader, asleep or not.
    pub(crate) fn wake(&self) -> io::Result<()> {
        wake_one(self.published())
    }

    /// Wakes the reader if it has said that it sleeps.
    pub(crate) fn wake_announced(&self) -> io::Result<()> {
        wake_if_asleep(self.asleep(), || self.wake())
    }

    /// Changed by every message, so it is also what the reader sleeps on.
    fn published(&self) -> &AtomicU32 {
        self.memory.word(self.start)
    }

    /// On lines of its own: the reader writes it, and a waiting writer polls the other one.
    fn asleep(&self) -> &AtomicU32 {
        self.memory.word(self.start + LINES_BYTES)
    }

    fn slot(&self, position: u32) -> usize {
        let slot = (position & (self.shape.slots - 1)) as usize;
        self.start + 2 * LINES_BYTES + slot * self.shape.slot_bytes
    }
}

/// Sleeps at the doorbell of `memory`, unless there is something to do after all.
pub(crate) fn sleep_at_doorbell(
    memory: &SharedMemory,
    is_empty: impl FnOnce() -> bool,
) -> io::Result<()> {
    let (bell, asleep) = doorbell(memory);
    // Read before the last look: whatever comes after it changes the bell.
    let rung = bell.load(Ordering::Relaxed);
    asleep.store(1, Ordering::Relaxed);
    // The same pair of store and load as in `Lane::sleep_announced`.
    fence(Ordering::SeqCst);
    if is_empty() {
        wait(bell, rung)?;
    }
    asleep.store(0, Ordering::Relaxed);
    Ok(())
}

/// Wakes the server of `memory` if it has said that it sleeps. To be called after publishing.
pub(crate) fn ring_doorbell(memory: &SharedMemory) -> io::Result<()> {
    let (bell, asleep) = doorbell(memory);
    wake_if_asleep(asleep, || {
        // Relaxed: only that it changes matters; the kernel orders the rest.
        bell.fetch_add(1, Ordering::Relaxed);
        wake_one(bell)
    })
}

/// What the server sleeps on, and the word that says that it does: the first lines of the memory.
fn doorbell(memory: &SharedMemory) -> (&AtomicU32, &AtomicU32) {
    (memory.word(0), memory.word(LINES_BYTES))
}

/// Sleeps while `word` is `value`.
fn wait(word: &AtomicU32, value: u32) -> io::Result<()> {
    match futex::wait(word, futex::Flags::empty(), value, None) {
        Ok(()) | Err(Errno::AGAIN | Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn wake_one(word: &AtomicU32) -> io::Result<()> {
    futex::wake(word, futex::Flags::empty(), 1)?;
    Ok(())
}

/// To be called after publishing. Whoever takes the announcement away wakes, so one wake is enough.
fn wake_if_asleep(asleep: &AtomicU32, wake: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // The other half of the pair in `sleep_announced`.
    fence(Ordering::SeqCst);
    // Relaxed: the fence orders, and the sleeper looks again whatever it reads.
    if asleep.load(Ordering::Relaxed) == 1 && asleep.swap(0, Ordering::Relaxed) == 1 {
        wake()?;
    }
    Ok(())
}

/// Two cache lines: processors fetch them in pairs.
const LINES_BYTES: usize = 128;
const DOORBELL_BYTES: usize = 2 * LINES_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(in_flight: u32) -> LanePair {
        let shape = Shape::new(2, in_flight, 100);
        let (memory, _) = SharedMemory::create(shape.memory_bytes()).unwrap();
        shape.lanes(&Arc::new(memory), 1)
    }

    fn message(position: u32) -> [u8; 100] {
        [position.to_le_bytes()[0]; 100]
    }

    #[test]
    fn messages_come_in_order_also_where_positions_wrap() {
        let lane = lanes(3).requests;
        let start = u32::MAX - 5;
        lane.publish(start);
        for position in (0..12).map(|step| start.wrapping_add(step)) {
            assert!(!lane.has(position));
            lane.put(position, &message(position));
            lane.publish(position.wrapping_add(1));
            assert!(lane.has(position));
            let mut seen = [0; 100];
            lane.take(position, &mut seen);
            assert_eq!(seen, message(position));
        }
    }

    #[test]
    fn the_two_directions_and_the_clients_are_apart() {
        let shape = Shape::new(3, 4, 1000);
        let (memory, _) = SharedMemory::create(shape.memory_bytes()).unwrap();
        let memory = Arc::new(memory);
        let all: Vec<Lane> = (0..3)
            .map(|client| shape.lanes(&memory, client))
            .flat_map(|pair| [pair.requests, pair.replies])
            .collect();
        for (number, lane) in (0..).zip(&all) {
            for position in 0..4 {
                lane.put(position, &[number; 1000]);
            }
        }
        for (number, lane) in (0..).zip(&all) {
            let mut seen = [0; 1000];
            lane.take(3, &mut seen);
            assert_eq!(seen, [number; 1000]);
            assert!(!lane.has(0));
        }
    }

    #[test]
    fn a_reader_that_sleeps_is_woken_by_what_is_published() {
        let pair = lanes(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !pair.requests.has(0) {
                    pair.requests.sleep_announced(0).unwrap();
                }
            });
            pair.requests.publish(1);
            pair.requests.wake_announced().unwrap();
        });
    }
}
