//! Going away in order: nobody new, nothing new, and what runs is finished.

use std::time::{Duration, Instant};

use super::control::send;
use super::execution::Execution;
use super::links::LinkState;
use super::round::Core;
use crate::fault_point::{Point, reach};
use crate::handshake::{ConnectRefusal, ServerMessage};

/// Connections that are told why before the address is closed: as many as the kernel lets wait.
const MOST_TOLD: usize = 1024;

impl<E: Execution> Core<E> {
    /// Begins to drain when somebody has asked for it.
    pub(super) fn drain_if_asked(&mut self) {
        if self.draining_until.is_none()
            && let Some(until) = self.stop.drain_until()
        {
            self.draining_until = Some(until);
            tracing::debug!(clients = self.links.len(), "draining");
            self.close_address();
            // Before the messages: who is woken by one reads the page.
            self.page.drain();
            self.advise();
            for (_, channel) in &mut self.channels {
                channel.drain();
            }
            self.tell_clients();
            self.drop_doomed();
            reach(Point::ServerDraining);
        }
    }

    /// Whether it was told to go, and has not begun to.
    pub(super) fn is_told(&self) -> bool {
        let to_drain = self.draining_until.is_none() && self.stop.drain_until().is_some();
        to_drain || self.stop.is_stopping()
    }

    /// How long the server may go on at most, once it drains.
    pub(super) fn drain_timeout(&self) -> Option<Duration> {
        let until = self.draining_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// Whether there is nothing left to wait for, after a round in which `served` calls were ended.
    pub(super) fn is_drained(&self, served: u32) -> bool {
        let Some(left) = self.drain_timeout() else {
            return false;
        };
        // The reply of a stream that has ended may have to wait for room.
        let streams = || {
            self.channels
                .iter()
                .any(|(_, channel)| channel.has_streams())
        };
        let idle = served == 0 && self.execution.running() == 0 && !self.has_work() && !streams();
        idle || left.is_zero()
    }

    /// Makes room for a successor. Who waits at an address of our own is told; at an inherited one he
    /// is the next server's to take.
    fn close_address(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        // The descriptor may be open elsewhere, too, and then closing it does not take it out.
        let _ = self.poller.remove(&listener);
        if listener.is_inherited() {
            return;
        }
        for _ in 0..MOST_TOLD {
            let Ok(Some(socket)) = listener.accept() else {
                return;
            };
            if let Ok(peer) = socket.peer() {
                self.refuse(&socket, peer, ConnectRefusal::ShuttingDown);
            }
        }
    }

    fn tell_clients(&mut self) {
        let links: Vec<usize> = self.links.iter().map(|(index, _)| index).collect();
        for index in links {
            let Some(link) = self.links.get(index) else {
                continue;
            };
            let told = match link.state {
                LinkState::Serving { .. } => send(&link.socket, ServerMessage::Draining, &[]),
                LinkState::Greeting { .. } => self.answer_no(index, ConnectRefusal::ShuttingDown),
                LinkState::Observing => Ok(()),
            };
            if let Err(reason) = told {
                self.doom(index, reason);
            }
        }
    }
}
