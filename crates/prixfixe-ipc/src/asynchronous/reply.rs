//! A reply where it lies.

use std::ops::Deref;

use bytes::BytesMut;

use super::state::Shared;
use super::wakes::Wakes;

/// The reply to a call, in memory of the client's own. As long as it lives, its call counts as in
/// flight.
pub struct AsyncReply<'c> {
    pub(super) shared: &'c Shared,
    pub(super) place: u16,
    pub(super) buffer: BytesMut,
    pub(super) length: usize,
    pub(super) message_type: u32,
}

impl AsyncReply<'_> {
    /// What kind of answer the handler says that it is; 0 unless it did.
    pub fn message_type(&self) -> u32 {
        self.message_type
    }
}

impl Deref for AsyncReply<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl AsRef<[u8]> for AsyncReply<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for AsyncReply<'_> {
    fn drop(&mut self) {
        if self.shared.is_forked() {
            return;
        }
        let buffer = std::mem::take(&mut self.buffer);
        let mut wakes = Wakes::default();
        let mut state = self.shared.lock();
        state.places().give_back(self.place, self.length, buffer);
        state.made_room(&mut wakes);
        drop(state);
        wakes.wake();
    }
}

impl std::fmt::Debug for AsyncReply<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AsyncReply")
            .field("length", &self.length)
            .field("message_type", &self.message_type)
            .finish_non_exhaustive()
    }
}
