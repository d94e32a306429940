//! Where the server and the handler of a stream meet: the server brings items and fetches items, the
//! handler does the opposite, on whatever thread it runs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::item_queue::ItemQueue;
use crate::layout::ChannelSizes;
use crate::record::item_cost;
use crate::stream::StreamError;

/// One open stream, between its two sides.
pub(super) struct StreamDesk {
    state: Mutex<State>,
    /// How long a part of an item is, in octets.
    usual_part: usize,
    /// The longest item that the handler is given, in octets.
    max_item: usize,
    /// Calls the server, for a handler that goes on elsewhere.
    server: Waker,
}

struct State {
    incoming: Incoming,
    outgoing: Outgoing,
    /// The server lets the handler go on at this moment, and looks here afterwards in any case.
    attended: bool,
}

/// From the client to the handler.
struct Incoming {
    items: ItemQueue,
    /// The client has said that nothing will follow.
    ended: bool,
    /// The last part that came does not end its item.
    within_item: bool,
    /// Nothing will follow although the client has not said so.
    cut: Option<StreamError>,
    /// The handler fetches no more.
    unwanted: bool,
    /// What the handler has fetched, in what items cost.
    fetched: u64,
    reader: Option<Waker>,
}

/// From the handler to the client.
struct Outgoing {
    items: ItemQueue,
    /// Why the client gets no more.
    cut: Option<StreamError>,
    writer: Option<Waker>,
}

/// How much of a stream may lie anywhere, in octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamLimits {
    /// Of items that were sent and not fetched, each way.
    pub(super) window: usize,
    /// Of an item in a record of ours.
    pub(super) usual_part: usize,
    /// Of an item.
    pub(super) max_item: usize,
}

impl StreamLimits {
    /// Of a channel of these sizes.
    pub(super) fn new(sizes: ChannelSizes, window: usize, max_item: usize) -> Self {
        Self {
            window,
            usual_part: sizes.usual_part(),
            max_item,
        }
    }
}

/// What the handler has done with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    /// What it has fetched since the beginning, in what items cost.
    pub(super) cost: u64,
    /// It fetches no more.
    pub(super) unwanted: bool,
}

impl StreamDesk {
    /// For a stream within `limits`, whose handler calls the server by `server`.
    pub(super) fn new(limits: StreamLimits, server: Waker) -> Self {
        let StreamLimits {
            window,
            usual_part,
            max_item,
        } = limits;
        Self {
            state: Mutex::new(State {
                incoming: Incoming {
                    items: ItemQueue::new(window),
                    ended: false,
                    within_item: false,
                    cut: None,
                    unwanted: false,
                    fetched: 0,
                    reader: None,
                },
                outgoing: Outgoing {
                    items: ItemQueue::new(window),
                    cut: None,
                    writer: None,
                },
                attended: false,
            }),
            usual_part,
            max_item,
            server,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No change can be left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server's side.
impl StreamDesk {
    /// The server lets the handler go on, or has done so.
    pub(super) fn attend(&self, attended: bool) {
        self.state().attended = attended;
    }

    /// Brings a part of an item of `length` octets, which `copy` puts where it belongs. What nobody
    /// wants counts as fetched.
    pub(super) fn bring(
        &self,
        length: usize,
        ends_item: bool,
        ends_stream: bool,
        copy: impl FnOnce(&mut [u8]),
    ) {
        let mut state = self.state();
        let incoming = &mut state.incoming;
        if length > 0 || ends_item {
            incoming.within_item = !ends_item;
            if incoming.unwanted || incoming.cut.is_some() {
                incoming.fetched += item_cost(length);
            } else {
                match incoming.items.push(length, ends_item) {
                    Ok(room) => copy(room),
                    Err(_) => incoming.cut = Some(StreamError::NoMemory),
                }
            }
        }
        incoming.ended |= ends_stream;
        if ends_stream && incoming.within_item {
            // A sender that broke off in the middle of an item has not come to its end.
            incoming.cut.get_or_insert(StreamError::Stopped);
        }
        let reader = incoming.reader.take();
        drop(state);
        wake(reader);
    }

    /// The client wants no more items; with `given_up` it does not send the rest of its own either.
    pub(super) fn stop(&self, given_up: bool) {
        self.cut(given_up, StreamError::Stopped);
    }

    /// The client has gone, or the server stops.
    pub(super) fn hang_up(&self) {
        self.cut(true, StreamError::HungUp);
    }

    /// The handler has answered: what it has given away of the stream is of no more use. What it left to
    /// be sent stays.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.outgoing.cut.get_or_insert(StreamError::Stopped);
        state.incoming.cut.get_or_insert(StreamError::Stopped);
        state.incoming.items.clear();
        let (reader, writer) = (state.incoming.reader.take(), state.outgoing.writer.take());
        drop(state);
        wake(reader);
        wake(writer);
    }

    fn cut(&self, both_ways: bool, error: StreamError) {
        let mut state = self.state();
        state.outgoing.cut.get_or_insert(error);
        state.outgoing.items.clear();
        let writer = state.outgoing.writer.take();
        let mut reader = None;
        if both_ways && !state.incoming.ended {
            state.incoming.cut.get_or_insert(error);
            reader = state.incoming.reader.take();
        }
        drop(state);
        wake(writer);
        wake(reader);
    }

    /// What the handler has done with what came.
    pub(super) fn fetched(&self) -> Fetched {
        let incoming = &self.state().incoming;
        Fetched {
            cost: incoming.fetched,
            unwanted: incoming.unwanted && !incoming.ended,
        }
    }

    /// Shows `send` the first part that is to go, and takes it away if that returns true. False when
    /// there is none or it stays.
    pub(super) fn send_first(&self, send: impl FnOnce(&[u8], bool) -> bool) -> bool {
        let mut state = self.state();
        let outgoing = &mut state.outgoing;
        let sent = outgoing
            .items
            .first()
            .is_some_and(|part| send(part.bytes, part.ends_item));
        if !sent {
            return false;
        }
        outgoing.items.pop();
        let writer = outgoing.writer.take();
        drop(state);
        wake(writer);
        true
    }

    /// What the first part that is to go costs.
    pub(super) fn first_cost(&self) -> Option<u64> {
        let state = self.state();
        let first = state.outgoing.items.first();
        first.map(|part| item_cost(part.bytes.len()))
    }
}

/// The handler's side.
impl StreamDesk {
    /// Appends the next item to `item`, or as much of it as is there. True with the last part of it,
    /// false at the end of the stream.
    pub(super) fn poll_fetch(
        &self,
        item: &mut Vec<u8>,
        context: &mut Context<'_>,
    ) -> Poll<Result<bool, StreamError>> {
        let mut state = self.state();
        let incoming = &mut state.incoming;
        let mut fetched = false;
        let ended = loop {
            let Some(part) = incoming.items.first() else {
                break match incoming.cut {
                    Some(error) => Some(Err(error)),
                    None if incoming.ended => Some(Ok(false)),
                    None => None,
                };
            };
            if item.len() + part.bytes.len() > self.max_item {
                incoming.cut = Some(StreamError::TooLarge);
                break Some(Err(StreamError::TooLarge));
            }
            item.extend_from_slice(part.bytes);
            let ends_item = part.ends_item;
            incoming.fetched += incoming.items.pop();
            fetched = true;
            if ends_item {
                break Some(Ok(true));
            }
        };
        if ended.is_none() {
            incoming.reader = Some(context.waker().clone());
        }
        self.tell(state, fetched);
        ended.map_or(Poll::Pending, Poll::Ready)
    }

    /// Leaves as much of `item` to be sent as there is room for, from `*left_off` on. Ready when that
    /// is all of it.
    pub(super) fn poll_leave(
        &self,
        item: &[u8],
        left_off: &mut Option<usize>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), StreamError>> {
        let mut state = self.state();
        let outgoing = &mut state.outgoing;
        let mut left_something = false;
        let left = loop {
            if let Some(error) = outgoing.cut {
                break Some(Err(error));
            }
            let from = left_off.unwrap_or(0);
            let rest = item.get(from..).unwrap_or_default();
            let room = outgoing.items.room();
            if room == 0 {
                break None;
            }
            let length = rest.len().min(room).min(self.usual_part);
            let last = length == rest.len();
            match outgoing.items.push(length, last) {
                Ok(room) => room.copy_from_slice(&rest[..length]),
                Err(_) => break Some(Err(StreamError::NoMemory)),
            }
            left_something = true;
            *left_off = Some(from + length);
            if last {
                break Some(Ok(()));
            }
        };
        if left.is_none() {
            outgoing.writer = Some(context.waker().clone());
        }
        self.tell(state, left_something);
        left.map_or(Poll::Pending, Poll::Ready)
    }

    /// The handler fetches no more.
    pub(super) fn leave_reading(&self) {
        let mut state = self.state();
        state.incoming.unwanted = true;
        state.incoming.items.clear();
        self.tell(state, true);
    }

    /// Calls the server if there is news that it will not see by itself.
    fn tell(&self, state: MutexGuard<'_, State>, news: bool) {
        let call = news && !state.attended;
        drop(state);
        if call {
            self.server.wake_by_ref();
        }
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}
