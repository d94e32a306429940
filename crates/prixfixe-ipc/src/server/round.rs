//! The server's loop: look for work, do a bounded part of it, and sleep when there is none.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::channels::{Channel, STREAM_RECORDS_PER_TURN, Waiting};
use super::config::ServerConfig;
use super::control::Token;
use super::domains::Domains;
use super::events::{DropReason, ServerEvent};
use super::execution::{Execution, Finished, Progress, Start, Started, Ticket};
use super::links::{Link, LinkState, LinkWake};
use super::page::ServerPageWriter;
use super::statistics::Turn;
use super::stream_desk::StreamDesk;
use super::unshown::Unshown;
use super::window::Window;
use super::{Stopper, execution::Answer};
use crate::fault_point::{Point, reach};
use crate::outcome::Refusal;
use crate::record::{Ending, Opening};
use crate::ring::Corrupt;
use crate::spin::{self, Luck};
use crate::statistics::places::Count;
use crate::sys::{Events, Listener, Poller, Trigger};

/// Calls of one channel that are served before the next channel has its turn.
const CALLS_PER_TURN: u32 = 32;
/// Channels up to which looking at each is cheaper than keeping hints.
const SWEEP_LIMIT: usize = 64;
/// Rounds after which every channel is looked at, whatever the hints say.
const SWEEP_EVERY: u64 = 16;
/// How long connections may wait for attention while calls keep the server busy.
const CONTROL_EVERY: Duration = Duration::from_millis(1);
/// Rounds between two looks at the clock, when they are short.
const ROUNDS_PER_CLOCK: u64 = 16;
/// Calls after which a round is not short.
const LONG_ROUND: u32 = 64;

/// A server at work.
pub(super) struct Core<E> {
    /// Until the server drains.
    pub(super) listener: Option<Listener>,
    /// When the server hangs up at the latest, once it drains.
    pub(super) draining_until: Option<Instant>,
    pub(super) config: ServerConfig,
    pub(super) stop: Stopper,
    pub(super) execution: E,
    pub(super) poller: Poller,
    pub(super) events: Events,
    pub(super) page: ServerPageWriter,
    pub(super) domains: Domains,
    pub(super) links: Slab<Link>,
    /// Those that have not said hello yet.
    pub(super) greeting: Vec<usize>,
    pub(super) channels: Slab<Channel>,
    pub(super) generation: u64,
    /// A descriptor to give up when there is no other, so that a client can be told why.
    pub(super) spare: Option<OwnedFd>,
    /// Channels to be looked at in this round.
    ready: Vec<usize>,
    /// Links that the poller has reported, and whether they hung up. With room for as many as it reports
    /// at once: a client that rings again over its socket is part of a call, which allocates nothing.
    pub(super) attending: Vec<(usize, bool)>,
    /// Channels that used up their turn in the last round.
    unfinished: Vec<usize>,
    /// Links to be dropped after this round.
    doomed: Vec<(usize, DropReason)>,
    /// As many calls run as may. Channels with open streams have their turns all the same: what these
    /// wait for may stand in the rings.
    full: bool,
    rounds: u64,
    last_control: Instant,
    luck: Luck,
    window: Window,
}

impl<E: Execution> Core<E> {
    pub(super) fn new(
        listener: Listener,
        config: ServerConfig,
        stop: Stopper,
        execution: impl FnOnce(&ServerPageWriter) -> E,
    ) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add(&listener, Token::Listener.to_number(), Trigger::Level)?;
        poller.add(stop.bell(), Token::Stop.to_number(), Trigger::Edge)?;
        let window = Window::new();
        let page = ServerPageWriter::new(window.crowd(), config.max_clients)?;
        let execution = execution(&page);
        Ok(Self {
            spare: Some(page.memory.try_clone()?),
            page,
            domains: Domains::new(config.trust_domains, config.max_channels),
            listener: Some(listener),
            draining_until: None,
            config,
            stop,
            execution,
            poller,
            events: Events::new(),
            links: Slab::new(),
            greeting: Vec::new(),
            channels: Slab::new(),
            generation: 0,
            ready: Vec::new(),
            unfinished: Vec::new(),
            attending: Vec::with_capacity(Events::MAX),
            doomed: Vec::new(),
            full: false,
            rounds: 0,
            last_control: Instant::now(),
            luck: Luck::default(),
            window,
        })
    }

    /// Serves until stopped.
    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.stop.is_stopping() {
            self.drain_if_asked();
            let served = self.round();
            self.drop_doomed();
            if self.is_drained(served) {
                break;
            }
            if served == 0 {
                self.wait()?;
            } else if served > LONG_ROUND || self.rounds.is_multiple_of(ROUNDS_PER_CLOCK) {
                let now = Instant::now();
                if now.duration_since(self.last_control) >= CONTROL_EVERY {
                    self.attend_connections(Some(Duration::ZERO))?;
                }
            }
        }
        Ok(())
    }

    /// Gives every channel that asks a turn. Returns how many calls were served.
    fn round(&mut self) -> u32 {
        self.rounds += 1;
        let mut served = self.answer_finished();
        self.find_ready();
        let mut ready = std::mem::take(&mut self.ready);
        for channel in ready.drain(..) {
            match self.turn(channel) {
                Ok(done) => {
                    served += done.records;
                    if done.may_have_more {
                        self.unfinished.push(channel);
                    }
                }
                Err(corrupt) => {
                    if let Some(channel) = self.channels.get(channel) {
                        self.doomed
                            .push((channel.link, DropReason::Corrupt(corrupt)));
                    }
                }
            }
        }
        self.ready = ready;
        self.count(served);
        served
    }

    /// Collects the channels that may have something to take.
    fn find_ready(&mut self) {
        let hinted = self.hints_wanted() && !self.rounds.is_multiple_of(SWEEP_EVERY);
        let full = self.is_full();
        let ready = &mut self.ready;
        if hinted {
            // Who had a whole turn may have more, and left no hint of it.
            ready.append(&mut self.unfinished);
            self.domains.take_hints(|channel| ready.push(channel));
            return;
        }
        self.unfinished.clear();
        for (index, channel) in &self.channels {
            if may_have_turn(full, channel) && channel.looks_ready() {
                ready.push(index);
            }
        }
    }

    /// Serves up to [`CALLS_PER_TURN`] calls of one channel, and moves as much of its streams.
    fn turn(&mut self, index: usize) -> Result<Done, Corrupt> {
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
        let mut turn = Turn::default();
        let mut unshown = Unshown::default();
        channel.begin_turn();
        while turn.taken < CALLS_PER_TURN {
            let Some(waiting) = channel.next()? else {
                break;
            };
            if self.draining_until.is_some() {
                turn.taken += 1;
                turn.refused += 1;
                turn.woken += u32::from(channel.pass_over(&waiting, wake.as_deref_mut()));
                continue;
            }
            let Some(room) = self.execution.room(waiting.payload.length) else {
                self.full = true;
                if !channel.has_streams() {
                    break;
                }
                // What its streams wait for may stand behind this request.
                turn.taken += 1;
                turn.refused += 1;
                channel.refuse(index, &waiting, Refusal::Busy);
                continue;
            };
            turn.taken += 1;
            let sampled_at = self.page.statistics.sample();
            if let Some(mut ticket) = channel.take(index, &waiting, room) {
                ticket.sampled_at = sampled_at;
                let stream = match open_stream(&self.execution, channel, &waiting, &mut ticket) {
                    Ok(stream) => stream,
                    Err(refusal) => {
                        turn.refused += 1;
                        channel.answer(ticket, &Answer::refusal(refusal));
                        continue;
                    }
                };
                let started = self.execution.start(Start {
                    header: &waiting.header,
                    client: link.identity,
                    limit: waiting.limit as usize,
                    ticket,
                    stream,
                });
                match started {
                    Started::Answered(answer) => {
                        turn.refused += u32::from(is_refusal(answer.ending));
                        channel.answer(ticket, &answer);
                        if let Some(at) = sampled_at {
                            self.page.statistics.timed(at.elapsed());
                        }
                    }
                    Started::Running => {
                        turn.started += 1;
                        channel.running += 1;
                        continue;
                    }
                }
            }
            if unshown.is_held_long() {
                turn.woken += u32::from(channel.show(wake.as_deref_mut()));
                unshown = Unshown::default();
            }
        }
        let sent = channel.send_streams()?;
        turn.woken += u32::from(channel.show(wake));
        let read = channel.stream_records();
        if turn.taken > 0 || read > 0 {
            channel.publish_head();
        }
        if turn.taken == 0 && read + sent > 0 {
            let woken = turn.woken > 0;
            self.page.statistics.streamed(channel.link, woken);
        }
        if turn.taken > 0 {
            self.window.note(&mut link.active_in);
            self.page.statistics.turn(channel.link, turn);
        }
        Ok(Done {
            records: turn.taken + read + sent,
            may_have_more: turn.taken == CALLS_PER_TURN
                || read >= STREAM_RECORDS_PER_TURN
                || sent >= STREAM_RECORDS_PER_TURN,
        })
    }

    /// Answers calls that ran and are over, and sends what streams have left.
    fn answer_finished(&mut self) -> u32 {
        let mut progressed = 0;
        while let Some(progress) = self.execution.next_progress() {
            progressed += 1;
            let ticket = match &progress {
                Progress::Finished(finished) => finished.ticket,
                Progress::Moved(ticket) => *ticket,
            };
            if matches!(progress, Progress::Finished(_)) {
                self.full = false;
            }
            let Some(channel) = self.channels.get_mut(ticket.channel) else {
                continue;
            };
            if channel.generation != ticket.generation {
                continue;
            }
            let link = channel.link;
            let refused = match progress {
                Progress::Finished(Finished { answer, .. }) => {
                    channel.answer(ticket, &answer);
                    channel.running = channel.running.saturating_sub(1);
                    if let Some(at) = ticket.sampled_at {
                        self.page.statistics.timed(at.elapsed());
                    }
                    Some(is_refusal(answer.ending))
                }
                Progress::Moved(_) => None,
            };
            if ticket.opens_stream {
                channel.look_at_streams();
                if let Err(corrupt) = channel.send_streams() {
                    self.doomed.push((link, DropReason::Corrupt(corrupt)));
                    continue;
                }
            }
            let wake = self.links.get_mut(link).and_then(link_wake);
            let woken = channel.show(wake);
            match refused {
                Some(refused) => self.page.statistics.finished(link, refused, woken),
                None => self.page.statistics.streamed(link, woken),
            }
        }
        progressed
    }

    /// Looks for a while, then sleeps until somebody rings.
    fn wait(&mut self) -> io::Result<()> {
        if self.luck.worth_a_try() {
            let mut looks = 0_u64;
            let found = spin::await_work(self.window.crowd(), || {
                looks += 1;
                self.may_have_work(looks)
            });
            let count = if found {
                Count::SpinsWon
            } else {
                Count::SpinsLost
            };
            self.page.statistics.count(count, 1);
            if found {
                self.luck.won();
                return Ok(());
            }
            self.luck.lost();
        }
        self.page.sleeper.announce();
        reach(Point::ServerSleepAnnounced);
        if self.has_work() || self.is_told() {
            self.page.sleeper.withdraw();
            return Ok(());
        }
        self.page.statistics.count(Count::Sleeps, 1);
        let timeout = self
            .greeting_timeout()
            .into_iter()
            .chain(self.drain_timeout());
        self.attend_connections(timeout.min())
    }

    /// Waits for connections or a ring, for `timeout` at most, and then says that it is awake.
    fn attend_connections(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let waited = self.poller.wait(&mut self.events, timeout);
        self.page.sleeper.withdraw();
        waited?;
        reach(Point::ServerWoken);
        self.last_control = Instant::now();
        self.control();
        self.drop_doomed();
        Ok(())
    }

    /// What a server that spins looks at: little, most of the time.
    fn may_have_work(&self, looks: u64) -> bool {
        if self.hints_wanted() && !looks.is_multiple_of(SWEEP_EVERY) {
            return self.execution.looks_ready() || (!self.is_full() && self.domains.any_hint());
        }
        self.has_work()
    }

    /// Whether anything at all is to be done, whatever the hints say.
    pub(super) fn has_work(&self) -> bool {
        let full = self.is_full();
        let ready = |channel: &Channel| may_have_turn(full, channel) && channel.looks_ready();
        self.execution.looks_ready() || self.channels.iter().any(|(_, channel)| ready(channel))
    }

    /// Whether calls that wait have to wait on: as many run as may, and they will have their turn.
    fn is_full(&self) -> bool {
        self.full && self.draining_until.is_none()
    }

    fn hints_wanted(&self) -> bool {
        self.channels.len() > SWEEP_LIMIT
    }

    /// Counts what was served, and now and then who was active.
    fn count(&mut self, served: u32) {
        if self.window.count(served) {
            self.advise();
        }
    }

    /// Tells the clients how to wait and whether to leave hints.
    pub(super) fn advise(&mut self) {
        let hints = self.hints_wanted();
        self.page.advise(self.window.crowd(), hints);
    }

    /// Marks a link to be dropped once nothing refers to it.
    pub(super) fn doom(&mut self, link: usize, reason: DropReason) {
        self.doomed.push((link, reason));
    }

    pub(super) fn drop_doomed(&mut self) {
        while let Some((link, reason)) = self.doomed.pop() {
            self.drop_link(link, reason);
        }
    }

    pub(super) fn tell(&self, event: &ServerEvent) {
        if let Some(listener) = &self.config.on_event {
            listener(event);
        }
    }
}

/// What was done in a turn.
#[derive(Clone, Copy, Default)]
struct Done {
    /// Calls that were taken, and records of streams that were read or written.
    records: u32,
    /// The turn was over before everything was done.
    may_have_more: bool,
}

/// Whether the requests of `channel` can be looked at while as many calls run as may.
fn may_have_turn(full: bool, channel: &Channel) -> bool {
    !full || channel.has_streams()
}

/// Makes the desk of the stream that a call asks for, if it does.
fn open_stream<E: Execution>(
    execution: &E,
    channel: &mut Channel,
    waiting: &Waiting,
    ticket: &mut Ticket,
) -> Result<Option<Arc<StreamDesk>>, Refusal> {
    if !matches!(waiting.opening, Opening::Stream { .. }) {
        return Ok(None);
    }
    if !channel.may_open_stream() {
        return Err(Refusal::Busy);
    }
    let desk = execution
        .stream_desk(channel.limits())
        .ok_or(Refusal::NoStreams)?;
    ticket.opens_stream = true;
    channel.open_stream(*ticket, waiting, Arc::clone(&desk));
    Ok(Some(desk))
}

const fn is_refusal(ending: Ending) -> bool {
    matches!(ending, Ending::Refused(_))
}

fn link_wake(link: &mut Link) -> Option<&mut LinkWake> {
    match &mut link.state {
        LinkState::Serving { wake, .. } => wake.as_mut(),
        LinkState::Greeting { .. } | LinkState::Observing => None,
    }
}
