//! The server's loop: look for work, do a bounded part of it, and sleep when there is none.

mod turn;

use std::cell::Cell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use slab::Slab;

use super::Stopper;
use super::channels::{Channel, STREAM_RECORDS_PER_TURN};
use super::config::ServerConfig;
use super::domains::Domains;
use super::events::{DropReason, ServerEvent};
use super::execution::{Execution, Finished, Progress};
use super::lent::MAX_LENT;
use super::links::{Link, LinkState, LinkWake};
use super::page::ServerPageWriter;
use super::token::Token;
use super::window::Window;
use crate::fault_point::{Point, reach};
use crate::give_back::GiveBack;
use crate::record::Ending;
use crate::spin::{self, Crowd, Luck};
use crate::statistics::places::Count;
use crate::sys::{Events, Listener, Poller, Trigger};

/// Channels up to which looking at each is cheaper than keeping hints.
const SWEEP_LIMIT: usize = 64;
/// Channels whose next requests a server that spins asks for: more than spin with it.
const FETCHED_CHANNELS: usize = 8;
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
    /// Domains whose doorbells the poller has reported since the last round; with room as above.
    pub(super) rung: Vec<usize>,
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
    /// Memory of reply rings that nobody uses any more.
    idle_memory: GiveBack,
    /// Pieces of memory that may still be lent, by all clients together.
    pub(super) lent_left: Rc<Cell<usize>>,
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
            rung: Vec::with_capacity(Events::MAX),
            doomed: Vec::new(),
            full: false,
            rounds: 0,
            last_control: Instant::now(),
            luck: Luck::default(),
            window,
            idle_memory: GiveBack::default(),
            lent_left: Rc::new(Cell::new(MAX_LENT)),
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
                    self.give_back_memory();
                    self.execution.spares().give_back();
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
        for (turn, channel) in ready.iter().copied().enumerate() {
            if let Some(next) = ready
                .get(turn + 1)
                .and_then(|next| self.channels.get(*next))
            {
                next.prefetch_published();
            }
            match self.turn(channel) {
                Ok(done) => {
                    served += done.records;
                    if self.channels.get(channel).is_some_and(Channel::has_grown) {
                        self.idle_memory.note();
                    }
                    if done.lacks_memory {
                        self.fetch_lent(channel);
                    }
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
        ready.clear();
        self.ready = ready;
        // Where no call can be taken, rings that would lead to one do not.
        let in_vain = served == 0 && !self.full;
        for domain in self.rung.drain(..) {
            if in_vain {
                self.domains.note_vain_ring(domain, &self.poller);
            }
        }
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
            if is_ready(full, self.full, channel) {
                ready.push(index);
            }
        }
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
                    let refused = is_refusal(answer.ending);
                    channel.answer(&ticket, answer);
                    channel.running = channel.running.saturating_sub(1);
                    if let Some(at) = ticket.sampled_at {
                        self.page.statistics.timed(at.elapsed());
                    }
                    Some(refused)
                }
                Progress::Moved(_) => None,
            };
            if ticket.in_parts {
                channel.look_at_streams();
                let wake = self.links.get_mut(link).and_then(link_wake);
                match channel.send_streams(wake, self.execution.spares()) {
                    // Where hints are gone by, nobody else would name it.
                    Ok(sent) if sent >= STREAM_RECORDS_PER_TURN => {
                        self.unfinished.push(ticket.channel);
                    }
                    Ok(_) => {}
                    Err(corrupt) => {
                        self.doomed.push((link, DropReason::Corrupt(corrupt)));
                        continue;
                    }
                }
            }
            if let Some((before, now)) = channel.streaming_change() {
                self.page.statistics.streaming(link, before, now);
            }
            let wake = self.links.get_mut(link).and_then(link_wake);
            let woken = channel.show(wake);
            if channel.has_grown() {
                self.idle_memory.note();
            }
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
                let found = self.may_have_work(looks);
                if !found {
                    self.prefetch_requests();
                }
                found
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
        let memory_timeout = self.give_back_memory();
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
            .chain(self.drain_timeout())
            .chain(self.execution.spares().give_back())
            .chain(memory_timeout);
        self.attend_connections(timeout.min())
    }

    /// Gives back what nobody uses of the reply rings, when it is time to look. Returns in how long that
    /// will be, if there is anything to look for.
    fn give_back_memory(&mut self) -> Option<Duration> {
        let (channels, links) = (&mut self.channels, &self.links);
        self.idle_memory.look(channels.capacity(), |index| {
            let channel = channels.get_mut(index)?;
            // It takes a lock of the file, which a client can hold for as long as it likes, by writing to
            // the file from pages whose faults it answers itself.
            let trusted = links.get(channel.link)?.trusted;
            trusted.then(|| channel.give_back()).flatten()
        })
    }

    /// Waits for connections or a ring, for `timeout` at most, and then says that it is awake.
    fn attend_connections(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let unheard = self.domains.hear_again(&self.poller);
        let timeout = timeout.into_iter().chain(unheard).min();
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

    /// Asks for the places where requests will stand, for a server that spins on few channels.
    fn prefetch_requests(&self) {
        if self.window.crowd() == Crowd::Few && !self.hints_wanted() {
            for (_, channel) in self.channels.iter().take(FETCHED_CHANNELS) {
                channel.prefetch_expected();
            }
        }
    }

    /// Whether anything at all is to be done, whatever the hints say.
    pub(super) fn has_work(&self) -> bool {
        let full = self.is_full();
        self.execution.looks_ready()
            || self
                .channels
                .iter()
                .any(|(_, channel)| is_ready(full, self.full, channel))
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

    /// Gives `channel` a turn in the next round, whatever the hints say.
    pub(super) fn look_again_at(&mut self, channel: usize) {
        self.unfinished.push(channel);
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

/// Whether the requests of `channel` can be looked at while as many calls run as may.
#[inline]
fn may_have_turn(full: bool, channel: &Channel) -> bool {
    !full || channel.has_streams()
}

/// Whether there may be something to do for it. With `waits` its requests have to wait, and with `full` no
/// call can be started.
#[inline]
fn is_ready(waits: bool, full: bool, channel: &Channel) -> bool {
    may_have_turn(waits, channel) && channel.looks_ready() || !full && channel.has_gathered()
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
