//! The turn of one channel: a bounded part of what its client asks for.

use std::sync::Arc;

use super::{Core, is_refusal, may_have_turn};
use crate::outcome::Refusal;
use crate::record::Opening;
use crate::ring::Corrupt;
use crate::server::channels::{Channel, STREAM_RECORDS_PER_TURN, Waiting};
use crate::server::events::ClientIdentity;
use crate::server::execution::{Answer, Execution, Start, Started, Ticket};
use crate::server::faults::Source;
use crate::server::links::LinkState;
use crate::server::spares::Spares;
use crate::server::statistics::Turn;
use crate::server::stream_desk::StreamDesk;
use crate::server::unshown::Unshown;

/// Calls of one channel that are served before the next channel has its turn.
const CALLS_PER_TURN: u32 = 32;

/// What was done in a turn.
#[derive(Clone, Copy, Default)]
pub(super) struct Done {
    /// Calls that were taken, and records of streams that were read or written.
    pub(super) records: u32,
    /// The turn was over before everything was done.
    pub(super) may_have_more: bool,
    /// A request is next whose memory has not been read from the socket.
    pub(super) lacks_memory: bool,
}

impl<E: Execution> Core<E> {
    /// Serves up to [`CALLS_PER_TURN`] calls of one channel, and moves as much of its streams.
    pub(super) fn turn(&mut self, index: usize) -> Result<Done, Corrupt> {
        let full = self.is_full();
        let Some(channel) = self.channels.get_mut(index) else {
            return Ok(Done::default());
        };
        if !may_have_turn(full, channel) {
            return Ok(Done::default());
        }
        let Some(link) = self.links.get_mut(channel.link) else {
            return Ok(Done::default());
        };
        let mut wake = match &mut link.state {
            LinkState::Serving { wake, .. } => wake.as_mut(),
            LinkState::Greeting { .. } | LinkState::Observing => None,
        };
        let faults = &self.config.faults;
        let mut turn = Turn::default();
        let mut unshown = Unshown::default();
        // What waited for room comes before calls that would take it.
        let mut sent = channel.begin_turn(wake.as_deref_mut(), self.execution.spares())?;
        while turn.taken < CALLS_PER_TURN {
            if channel.has_gathered() && !self.full {
                let link = link.identity;
                self.full = !start_gathered(&mut self.execution, channel, link, faults, &mut turn);
                continue;
            }
            // Used where it was returned: a call's header is not moved about.
            let next = channel.next(wake.as_deref_mut());
            let waiting = match &next {
                Ok(Some(waiting)) => waiting,
                // What was read just now may have made a long request whole.
                Ok(None) if channel.has_gathered() && !self.full => continue,
                Ok(None) => break,
                Err(corrupt) => return Err(*corrupt),
            };
            if self.draining_until.is_some() {
                turn.taken += 1;
                turn.refused += 1;
                turn.woken += u32::from(channel.pass_over(waiting, wake.as_deref_mut()));
                continue;
            }
            if waiting.opening != Opening::Unary {
                let budget = &mut link.budget;
                channel.prepare(budget.get_or_insert_with(|| self.config.budget(&self.lent_left)));
                if waiting.is_gathered_first() {
                    if !faults.admits(channel.generation, &waiting.header) {
                        break;
                    }
                    take_long(channel, index, waiting, self.execution.spares(), &mut turn);
                    continue;
                }
            }
            let Some(room) = self.execution.room(waiting.payload.length) else {
                self.full = true;
                if !channel.has_streams() {
                    break;
                }
                // What its streams wait for may stand behind this request.
                turn.taken += 1;
                turn.refused += 1;
                channel.refuse(index, waiting, Refusal::Busy);
                continue;
            };
            if !faults.admits(channel.generation, &waiting.header) {
                break;
            }
            turn.taken += 1;
            let sampled_at = self.page.statistics.sample();
            if let Some(ticket) = &mut channel.take(index, waiting, room) {
                ticket.sampled_at = sampled_at;
                let execution = &mut self.execution;
                let client = link.identity;
                if !start(
                    execution, channel, client, waiting, ticket, faults, &mut turn,
                ) {
                    continue;
                }
                if let Some(at) = sampled_at {
                    self.page.statistics.timed(at.elapsed());
                }
            }
            if unshown.is_held_long() {
                turn.woken += u32::from(channel.show(wake.as_deref_mut()));
                unshown = Unshown::default();
            }
        }
        sent += channel.send_streams(wake.as_deref_mut(), self.execution.spares())?;
        turn.woken += u32::from(channel.show(wake));
        let read = channel.stream_records();
        channel.publish_head();
        if let Some((before, now)) = channel.streaming_change() {
            let statistics = &mut self.page.statistics;
            statistics.streaming(channel.link, before, now);
        }
        if turn.taken > 0 {
            self.window.note(&mut link.active_in);
            self.page.statistics.turn(channel.link, turn);
        } else if read + sent > 0 {
            let woken = turn.woken > 0;
            self.page.statistics.streamed(channel.link, woken);
        }
        Ok(Done {
            lacks_memory: channel.take_lack_of_memory(),
            ..Done::of(turn.taken, read, sent)
        })
    }
}

impl Done {
    /// Calls that were taken, and records of streams that were read and sent.
    const fn of(taken: u32, read: u32, sent: u32) -> Self {
        Self {
            records: taken + read + sent,
            may_have_more: taken == CALLS_PER_TURN
                || read >= STREAM_RECORDS_PER_TURN
                || sent >= STREAM_RECORDS_PER_TURN,
            lacks_memory: false,
        }
    }
}

/// Starts a call that was taken. True when the handler has answered it already.
#[inline]
fn start<E: Execution>(
    execution: &mut E,
    channel: &mut Channel,
    client: ClientIdentity,
    waiting: &Waiting,
    ticket: &mut Ticket,
    faults: &Source,
    turn: &mut Turn,
) -> bool {
    let mut stream = None;
    if waiting.opening != Opening::Unary {
        match open_stream(execution, channel, waiting, ticket) {
            Ok(opened) => stream = opened,
            Err(refusal) => {
                turn.refused += 1;
                channel.answer(ticket, Answer::refusal(refusal));
                return false;
            }
        }
    }
    faults.begin(ticket);
    let started = execution.start(Start {
        header: &waiting.header,
        client,
        limit: waiting.limit,
        ticket,
        stream,
    });
    match started {
        Started::Answered(answer) => {
            turn.refused += u32::from(is_refusal(answer.ending));
            channel.answer(ticket, answer);
            true
        }
        Started::Running => {
            turn.started += 1;
            channel.running += 1;
            false
        }
    }
}

/// Takes a call whose request follows in parts.
#[inline(never)]
fn take_long(
    channel: &mut Channel,
    index: usize,
    waiting: &Waiting,
    spares: &mut Spares,
    turn: &mut Turn,
) {
    let Some(mut ticket) = channel.take(index, waiting, &mut []) else {
        turn.taken += 1;
        return;
    };
    ticket.in_parts = true;
    if let Err(refusal) = channel.open_long(ticket, waiting, spares) {
        turn.taken += 1;
        turn.refused += 1;
        channel.answer(&ticket, Answer::refusal(refusal));
    }
}

/// Starts a call whose request is whole now. False while as many calls run as may.
#[inline(never)]
fn start_gathered<E: Execution>(
    execution: &mut E,
    channel: &mut Channel,
    client: ClientIdentity,
    faults: &Source,
    turn: &mut Turn,
) -> bool {
    if !execution.has_place() {
        return false;
    }
    let Some((mut ticket, gathered)) = channel.next_gathered() else {
        return true;
    };
    faults.begin(&mut ticket);
    execution.place(gathered.request.into(), gathered.length);
    turn.taken += 1;
    let started = execution.start(Start {
        header: &gathered.header,
        client,
        limit: channel.long_limit(&gathered.header),
        ticket: &ticket,
        stream: None,
    });
    match started {
        Started::Answered(answer) => {
            turn.refused += u32::from(is_refusal(answer.ending));
            channel.answer(&ticket, answer);
        }
        Started::Running => {
            turn.started += 1;
            channel.running += 1;
        }
    }
    true
}

/// Opens the stream that a call asks for, if it does, and what a long reply needs. Returns the desk of
/// the stream.
#[inline(never)]
fn open_stream<E: Execution>(
    execution: &mut E,
    channel: &mut Channel,
    waiting: &Waiting,
    ticket: &mut Ticket,
) -> Result<Option<Arc<StreamDesk>>, Refusal> {
    match waiting.opening {
        Opening::Unary => return Ok(None),
        // Only its reply is long, or its request is and has come by the socket.
        Opening::Long { total, lent, .. } => {
            let memory = if lent {
                // Never absent: it was there before the call was taken. What its client may have kept is
                // counted anew now.
                let lent = channel.take_lent(waiting.header.call);
                Some(lent.ok_or(Refusal::Busy)??.memory)
            } else {
                None
            };
            ticket.in_parts = true;
            channel.open_long(*ticket, waiting, execution.spares())?;
            if let Some(memory) = memory {
                execution.place(memory, total as usize);
            }
            return Ok(None);
        }
        Opening::Stream { .. } => {}
    }
    if !channel.may_open_stream() {
        return Err(Refusal::Busy);
    }
    let desk = execution.stream_desk(channel.limits())?;
    ticket.in_parts = true;
    channel.open_stream(*ticket, waiting, Arc::clone(&desk))?;
    Ok(Some(desk))
}
