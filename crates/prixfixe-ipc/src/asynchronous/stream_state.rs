//! The streams of a client, behind its lock: what a task asks of one, tried at once, and else the task is
//! noted down to be woken. Nothing here waits.

use std::task::Waker;

use super::connection::Connection;
use super::live::Nudge;
use super::state::State;
use super::wakes::Wakes;
use crate::client::streams::{Fetched, PartSent};
use crate::outcome::{Cause, Executed, Outcome};
use crate::ring::Corrupt;

/// Which stream of a client, of all of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StreamKey {
    pub(super) generation: u64,
    pub(super) call: u64,
}

/// The stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// Its connection is over.
    HungUp,
    Corrupt(Corrupt),
}

/// What was tried, and whom to nudge once the lock is released.
pub(super) type Tried<T> = (Result<T, Cut>, Option<Nudge>);

impl State {
    /// Writes a part of `item`. Where that has to wait, `waker` is called when there may be room.
    pub(super) fn send_part(
        &mut self,
        key: StreamKey,
        item: &[u8],
        from: usize,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Tried<PartSent> {
        self.try_hard(
            key,
            Waiting::Writer(waker),
            wakes,
            |connection| match connection.channel.send_part(key.call, item, from)? {
                PartSent::Later => Ok(None),
                sent => Ok(Some(sent)),
            },
        )
        .unless(PartSent::Later)
    }

    /// Says that no more items follow. False where that has to wait.
    pub(super) fn end_items(
        &mut self,
        key: StreamKey,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Tried<bool> {
        self.try_hard(key, Waiting::Writer(waker), wakes, |connection| {
            Ok(connection.channel.end_items(key.call).then_some(true))
        })
        .unless(false)
    }

    /// Shows `take` the next part of an item, and passes it unless that returns false.
    pub(super) fn fetch(
        &mut self,
        key: StreamKey,
        take: &mut dyn FnMut(&[u8]) -> bool,
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Tried<Fetched> {
        if let Some(retired) = self.retired(key) {
            let fetched = retired.channel.streams().fetch(key.call, &mut *take);
            let over = fetched == Fetched::Nothing;
            return (if over { Err(Cut::HungUp) } else { Ok(fetched) }, None);
        }
        self.try_hard(
            key,
            Waiting::Reader(waker),
            wakes,
            |connection| match connection.channel.streams().fetch(key.call, &mut *take) {
                Fetched::Nothing => Ok(None),
                fetched => Ok(Some(fetched)),
            },
        )
        .unless(Fetched::Nothing)
    }

    /// The reply to a stream of which no item is wanted any more, put into `reply` behind the `length` bytes
    /// that came before.
    pub(super) fn stream_reply(
        &mut self,
        key: StreamKey,
        (reply, length): (&mut [u8], usize),
        waker: &Waker,
        wakes: &mut Wakes,
    ) -> Tried<Option<Outcome<usize>>> {
        let mut take = |connection: &mut Connection| {
            let channel = &mut connection.channel;
            channel.streams().skip(key.call);
            channel.take_stream_reply(key.call, reply, length)
        };
        if let Some(retired) = self.retired(key) {
            return (take(retired).map(Some).ok_or(Cut::HungUp), None);
        }
        self.try_hard(key, Waiting::Reader(waker), wakes, |connection| {
            Ok(take(connection).map(Some))
        })
        .unless(None)
    }

    /// Nobody wants anything of a stream any more. Returns what is to be dropped without a lock.
    pub(super) fn give_up_stream(
        &mut self,
        key: StreamKey,
    ) -> (Executed, Option<Nudge>, Option<Connection>) {
        if let Some(connection) = self.current(key) {
            let executed = connection.channel.give_up_stream(key.call);
            let nudge = connection.publish();
            return (executed, nudge, None);
        }
        let Some(retired) = self.retired(key) else {
            return (Executed::Maybe, None, None);
        };
        let executed = retired.channel.give_up_stream(key.call);
        // Its server is gone and will not end it.
        retired.channel.streams().release(key.call);
        (executed, None, self.take_fetched())
    }

    /// Tries; if that comes to nothing takes in what has come and tries again; and at last notes the task
    /// down and does the same once more, for what came in between would wake nobody.
    fn try_hard<T>(
        &mut self,
        key: StreamKey,
        waiting: Waiting<'_>,
        wakes: &mut Wakes,
        mut attempt: impl FnMut(&mut Connection) -> Result<Option<T>, Corrupt>,
    ) -> Tried<Option<T>> {
        let steps = [Step::Try, Step::TakeIn, Step::NoteDown];
        for step in steps {
            let Some(connection) = self.current(key) else {
                return (Err(Cut::HungUp), None);
            };
            if step == Step::NoteDown {
                waiting.note(connection, key.call);
                connection.live.watch(connection.member);
            }
            if step != Step::Try {
                if !connection.channel.looks_ready() {
                    continue;
                }
                if let Err(corrupt) = self.drain_ring(wakes) {
                    return (Err(Cut::Corrupt(corrupt)), None);
                }
            }
            let Some(connection) = self.current(key) else {
                return (Err(Cut::HungUp), None);
            };
            match attempt(connection) {
                Ok(Some(done)) => return (Ok(Some(done)), connection.publish()),
                Ok(None) => {}
                Err(corrupt) => return (Err(Cut::Corrupt(corrupt)), None),
            }
        }
        // What the server was to be told, and could not be before.
        let nudge = self.current(key).and_then(Connection::publish);
        (Ok(None), nudge)
    }

    fn current(&mut self, key: StreamKey) -> Option<&mut Connection> {
        if key.generation == self.generation() {
            self.connection()
        } else {
            None
        }
    }
}

impl Connection {
    /// Shows the server what was written of streams.
    fn publish(&mut self) -> Option<Nudge> {
        if self.channel.publish() {
            self.nudge(None)
        } else {
            None
        }
    }
}

/// What is done before an attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Try,
    TakeIn,
    NoteDown,
}

/// Which of a stream's tasks waits.
#[derive(Clone, Copy)]
enum Waiting<'w> {
    Reader(&'w Waker),
    Writer(&'w Waker),
}

impl Waiting<'_> {
    fn note(self, connection: &mut Connection, call: u64) {
        if let Some(wakers) = connection.channel.streams().wakers(call) {
            match self {
                Self::Reader(waker) => wakers.reader = Some(waker.clone()),
                Self::Writer(waker) => wakers.writer = Some(waker.clone()),
            }
        }
    }
}

/// Puts a word in place of nothing.
trait Unless<T> {
    fn unless(self, nothing: T) -> Tried<T>;
}

impl<T> Unless<T> for Tried<Option<T>> {
    fn unless(self, nothing: T) -> Tried<T> {
        let (tried, nudge) = self;
        (tried.map(|done| done.unwrap_or(nothing)), nudge)
    }
}

impl From<Cut> for Cause {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::HungUp => Self::HungUp,
            Cut::Corrupt(corrupt) => Self::Corrupt(corrupt),
        }
    }
}
