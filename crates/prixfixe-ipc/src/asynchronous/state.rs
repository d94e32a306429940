//! A client's calls and its channel, behind one lock. Nothing here waits or calls a waker, and nothing
//! but ringing again for a server that is silent, and lending it memory, makes a system call.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use super::connection::{Connection, Retired};
use super::live::{Live, Nudge};
use super::order::{NotSent, Opens, Order, Placed, Standing};
use super::places::{self, Ended, Found, Places};
use super::stream_state::StreamKey;
use super::wakes::Wakes;
use crate::client::channel::{Arrival, Reply};
use crate::layout::ChannelSizes;
use crate::outcome::{Cause, Executed, Outcome};
use crate::ring::Corrupt;
use crate::sys::ForkGuard;

/// What the tasks that use a client share with the driver of its link.
pub(super) struct Shared {
    guard: Arc<ForkGuard>,
    state: Mutex<State>,
}

/// The calls of a client.
pub(super) struct State {
    /// `None` after it was lost and before it is made again.
    connection: Option<Connection>,
    places: Places,
    /// Calls that wait for room to be sent.
    queued: usize,
    /// Whom to wake when there may be room: the first of them.
    first_queued: Option<Waker>,
    /// Tells this connection from those before.
    generation: u64,
    /// A connection that was lost, with what had come of its streams and was not fetched. The last
    /// one only.
    retired: Option<Retired>,
}

impl Shared {
    pub(super) fn new(guard: Arc<ForkGuard>, sizes: ChannelSizes) -> Self {
        Self {
            guard,
            state: Mutex::new(State {
                connection: None,
                places: Places::new(sizes),
                queued: 0,
                first_queued: None,
                generation: 0,
                retired: None,
            }),
        }
    }

    /// Whether this process is a fork of the one that the client belongs to. To be asked before
    /// [`Shared::lock`]: in a forked child the lock may be held by nobody for ever.
    pub(super) fn is_forked(&self) -> bool {
        !self.guard.is_owner()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No change below can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what is open because its link is over.
    pub(super) fn hang_up(&self, live: &Live) {
        let lost = self.lock().hang_up(live);
        drop(lost);
        self.tell_ended();
    }

    /// Wakes everybody whose call has ended.
    pub(super) fn tell_ended(&self) {
        let mut wakes = Wakes::default();
        // Bounded: each turn but the last takes a batch of wakers, of which there are as many as places.
        loop {
            self.lock().collect_ended(&mut wakes);
            let more = wakes.is_full();
            wakes.wake();
            if !more {
                return;
            }
        }
    }
}

impl State {
    pub(super) fn standing(&self) -> Standing {
        match &self.connection {
            Some(connection) if !connection.live.link.is_draining() => Standing::Connected,
            Some(connection) if self.places.open() > 0 || connection.channel.has_streams() => {
                Standing::Leaving
            }
            None | Some(_) => Standing::Unconnected,
        }
    }

    /// Puts a new connection in place of one that was lost, or that nobody has use for.
    pub(super) fn connect(&mut self, connection: Connection) -> Option<Connection> {
        self.generation += 1;
        self.connection.replace(connection)
    }

    /// Gives up what there is of connections.
    pub(super) fn disconnect(&mut self) -> [Option<Connection>; 2] {
        let retired = self.retired.take();
        [
            self.connection.take(),
            retired.map(|retired| retired.connection),
        ]
    }

    pub(super) fn places(&mut self) -> &mut Places {
        &mut self.places
    }

    /// Calls whose end is still to come.
    pub(super) fn open(&self) -> usize {
        self.places.open()
    }

    /// Rings once more for what is open.
    pub(super) fn ring_again(&mut self) -> bool {
        let ring = |connection: &mut Connection| {
            // What had no room before may have it now.
            connection.channel.publish();
            connection.live.ring_again(&connection.bell)
        };
        self.connection.as_mut().is_some_and(ring)
    }

    /// Whether somebody waits for something that the server is to write.
    pub(super) fn is_waiting(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| {
            let called = self.places.open() > 0 || self.first_queued.is_some();
            called || connection.channel.streams_are_waiting()
        })
    }

    pub(super) fn queue(&mut self) {
        self.queued += 1;
    }

    pub(super) fn leave_queue(&mut self) {
        self.queued -= 1;
    }

    /// The first in the queue waits no more. Returns what is to be dropped without a lock.
    pub(super) fn leave_front(&mut self) -> Option<Waker> {
        self.first_queued.take()
    }

    /// Sends a call and has `waker` called at its end. Returns where it was put and whom to nudge once the lock is released.
    pub(super) fn send(
        &mut self,
        order: Order<'_, '_>,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Result<(Placed, Option<Nudge>), NotSent> {
        let sent = self.try_send(order, waker, wakes);
        if sent.as_ref().err() != Some(&NotSent::Full) || !order.first_queued {
            return sent;
        }
        self.first_queued = Some(waker.clone());
        let Some(connection) = &self.connection else {
            return sent;
        };
        // What made room before the driver was told to look here is found now.
        connection.live.watch(connection.member);
        if !connection.channel.looks_ready() {
            return sent;
        }
        self.try_send(order, waker, wakes)
    }

    fn try_send(
        &mut self,
        order: Order<'_, '_>,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Result<(Placed, Option<Nudge>), NotSent> {
        let generation = self.generation;
        let connection = self.connection.as_ref().ok_or(NotSent::Lost)?;
        if connection.live.link.is_draining() {
            return Err(NotSent::Lost);
        }
        if self.queued > 0 && !order.first_queued {
            return Err(NotSent::Full);
        }
        let channel = &connection.channel;
        // The driver looks for replies that somebody waits for; others are passed over here.
        let unwatched = connection.left_in_ring || channel.unended() > channel.open();
        if unwatched && channel.looks_ready() {
            self.drain(None, wakes).map_err(NotSent::Corrupt)?;
        }
        let connection = self.connection.as_mut().ok_or(NotSent::Lost)?;
        let mut due = order.due;
        if connection.live.sleeps() {
            due.at(Instant::now());
        }
        let opened = match order.opens {
            Opens::Nothing => None,
            Opens::Stream => Some((connection.channel.open_stream(order.call)?, false)),
            Opens::Long { reply_limit } => {
                let opened = connection.open_long(order.call, reply_limit)?;
                Some((opened.number, opened.follows))
            }
        };
        if let Some((call, follows)) = opened {
            let placed = Placed {
                generation,
                place: 0,
                call,
                follows,
            };
            return Ok((placed, connection.nudge(due.at)));
        }
        if !self.places.any_free() {
            return Err(NotSent::Full);
        }
        let slot = connection.channel.send(order.call, order.reply_limit)?;
        let place = self
            .places
            .take_free(slot, due, waker)
            .ok_or(NotSent::Full)?;
        connection.place_of[usize::from(slot)] = place;
        let nudge = connection.nudge(due.at);
        let placed = Placed {
            generation,
            place,
            call: 0,
            follows: false,
        };
        Ok((placed, nudge))
    }

    /// Looks for the end of the call at `place`. A reply is copied to `buffer` if that is given, and
    /// stays in its place otherwise.
    pub(super) fn look(
        &mut self,
        place: u16,
        buffer: Option<&mut [u8]>,
        wakes: &mut Wakes,
    ) -> Result<Option<Ended>, Corrupt> {
        if let Found::Ended(mut ended) = self.places.look(place) {
            if let (Outcome::Completed(length), Some(buffer)) = (ended.outcome, buffer) {
                ended.outcome = places::copy(&self.places.buffer(place, length)[..length], buffer);
            }
            return Ok(Some(ended));
        }
        let ready = |connection: &Connection| connection.channel.looks_ready();
        if !self.connection.as_ref().is_some_and(ready) {
            return Ok(None);
        }
        let direct = buffer.map(|buffer| (place, buffer));
        if let Some(ended) = self.drain(direct, wakes)? {
            return Ok(Some(ended));
        }
        Ok(match self.places.look(place) {
            // Only where no buffer was given: a reply that was to be copied has been.
            Found::Ended(ended) => Some(ended),
            Found::Open => None,
        })
    }

    /// The driver has seen the ring change. False when there is more than `wakes` could take.
    pub(super) fn sweep(&mut self, wakes: &mut Wakes) -> Result<bool, Corrupt> {
        let Some(connection) = &mut self.connection else {
            return Ok(true);
        };
        if self.places.open() == 1
            && connection.channel.unended() == 1
            && self.first_queued.is_none()
        {
            // One call, hence one reply: who waits for it copies it once, to where it shall be.
            connection.left_in_ring = true;
            let place = self.places.open_places().next();
            wakes.push(place.and_then(|(place, _)| self.places.take_waker(place)));
            return Ok(true);
        }
        self.drain(None, wakes)?;
        Ok(!wakes.is_full())
    }

    /// The caller of the call at `place` has its outcome, or gives up.
    pub(super) fn release(&mut self, place: u16, wakes: &mut Wakes) -> Option<Waker> {
        if let Some(slot) = self.places.slot(place)
            && let Some(connection) = &mut self.connection
        {
            let _: Executed = connection.channel.give_up(slot);
        }
        let dropped = self.places.release(place);
        self.made_room(wakes);
        dropped
    }

    /// There may be room for another call now.
    pub(super) fn made_room(&mut self, wakes: &mut Wakes) {
        if !wakes.is_full() {
            wakes.push(self.first_queued.take());
        }
    }

    /// Gives the connection up, for `cause`, and ends what is open. The callers are still to be told.
    pub(super) fn lose(&mut self, cause: Cause) -> Option<Connection> {
        for index in self.places.indexes() {
            if let Some(slot) = self.places.slot(index) {
                self.end_open(index, slot, cause);
            }
        }
        let connection = self.connection.take()?;
        if !connection.channel.has_streams() {
            return Some(connection);
        }
        let mut retired = Retired {
            generation: self.generation,
            connection,
        };
        retired.connection.channel.streams().cut();
        if !retired.connection.channel.has_streams() {
            return Some(retired.connection);
        }
        self.retired.replace(retired).map(|old| old.connection)
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The connection of now, for streams.
    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// What is left of the connection that a stream belonged to.
    pub(super) fn retired(&mut self, key: StreamKey) -> Option<&mut Connection> {
        let retired = self.retired.as_mut()?;
        (retired.generation == key.generation).then_some(&mut retired.connection)
    }

    /// What was lost, once nothing is left to be fetched from it. To be dropped without a lock.
    pub(super) fn take_fetched(&mut self) -> Option<Connection> {
        let retired = self.retired.as_ref()?;
        if retired.connection.channel.has_streams() {
            return None;
        }
        self.retired.take().map(|retired| retired.connection)
    }

    /// Takes in what has come.
    pub(super) fn drain_ring(&mut self, wakes: &mut Wakes) -> Result<(), Corrupt> {
        self.drain(None, wakes).map(drop)
    }

    fn hang_up(&mut self, live: &Live) -> Option<Connection> {
        let connection = self.connection.as_ref()?;
        if !connection.live.is(live) {
            return None;
        }
        // What was written before counts.
        match self.drain_all() {
            Ok(()) => self.lose(Cause::HungUp),
            Err(corrupt) => self.lose(Cause::Corrupt(corrupt)),
        }
    }

    /// Gives up the call at `index`, whose caller is still to be told.
    pub(super) fn end_open(&mut self, index: u16, slot: u16, cause: Cause) {
        let executed = match &mut self.connection {
            Some(connection) => connection.channel.give_up(slot),
            None => Executed::Maybe,
        };
        let ended = Ended {
            outcome: Outcome::failed(cause, executed),
            message_type: 0,
        };
        self.places.end(index, ended);
    }

    fn collect_ended(&mut self, wakes: &mut Wakes) {
        for index in self.places.indexes() {
            if wakes.is_full() {
                return;
            }
            if matches!(self.places.look(index), Found::Ended(_)) {
                wakes.push(self.places.take_waker(index));
            }
        }
        let retired = self.retired.as_mut();
        let retired = retired.map(|retired| &mut retired.connection);
        for connection in self.connection.iter_mut().chain(retired) {
            connection.collect_due(wakes);
        }
        self.made_room(wakes);
    }

    /// Moves all replies to their places, and leaves the callers to be told.
    pub(super) fn drain_all(&mut self) -> Result<(), Corrupt> {
        while let Some(connection) = &mut self.connection {
            match connection.channel.next_arrival()? {
                Some(Arrival::Reply(reply)) => {
                    let place = connection.place_of[usize::from(reply.slot)];
                    self.finish(place, &reply);
                }
                // Who waits for it is told with those whose calls have ended.
                Some(Arrival::Stream) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// Moves replies to their places and items to their streams, until `wakes` is full; that to `direct` straight to its caller,
    /// and returns it.
    fn drain(
        &mut self,
        mut direct: Option<(u16, &mut [u8])>,
        wakes: &mut Wakes,
    ) -> Result<Option<Ended>, Corrupt> {
        let mut found = None;
        while let Some(connection) = &mut self.connection {
            connection.collect_due(wakes);
            if wakes.is_full() {
                break;
            }
            // Used where it was returned: it is not moved about.
            let arrival = connection.channel.next_arrival();
            let reply = match &arrival {
                Ok(Some(Arrival::Reply(reply))) => reply,
                Ok(Some(Arrival::Stream)) => continue,
                Ok(None) => {
                    connection.left_in_ring = false;
                    wakes.nudge(connection.nudge_for_room());
                    break;
                }
                Err(corrupt) => return Err(*corrupt),
            };
            let place = connection.place_of[usize::from(reply.slot)];
            match &mut direct {
                Some((direct, buffer)) if *direct == place => {
                    found = self.finish_into(reply, buffer);
                }
                _ => {
                    self.finish(place, reply);
                    wakes.push(self.places.take_waker(place));
                }
            }
        }
        self.made_room(wakes);
        Ok(found)
    }

    fn finish(&mut self, place: u16, reply: &Reply) {
        if let Some(connection) = &mut self.connection {
            let buffer = self.places.buffer(place, reply.length());
            let ended = Ended {
                outcome: connection.channel.finish(reply, buffer),
                message_type: reply.message_type,
            };
            self.places.end(place, ended);
        }
    }

    fn finish_into(&mut self, reply: &Reply, buffer: &mut [u8]) -> Option<Ended> {
        let connection = self.connection.as_mut()?;
        Some(Ended {
            outcome: connection.channel.finish(reply, buffer),
            message_type: reply.message_type,
        })
    }
}
