//! Room for a payload whose first octet has the alignment that any message read in place can ask for.

use std::collections::TryReserveError;

/// What payloads are aligned to, in octets: the alignment of the largest primitive types.
pub(crate) const ALIGNMENT: usize = 16;

/// Memory that is made once, and of which only the pages that some payload needed are ever touched.
#[derive(Debug, Default)]
pub(crate) struct AlignedBuffer {
    bytes: Vec<u8>,
    /// Where the payload begins.
    start: usize,
    /// The longest payload that there is room for.
    capacity: usize,
}

impl AlignedBuffer {
    /// Room for payloads of up to `capacity` octets.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self::within(Vec::with_capacity(capacity + ALIGNMENT), capacity)
    }

    /// As [`AlignedBuffer::with_capacity`], for a size that a peer has chosen.
    ///
    /// # Errors
    /// When there is no memory for that.
    pub(crate) fn try_with_capacity(capacity: usize) -> Result<Self, TryReserveError> {
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(capacity.saturating_add(ALIGNMENT))?;
        Ok(Self::within(bytes, capacity))
    }

    /// `bytes` is empty and has room for `capacity` octets and the alignment.
    fn within(bytes: Vec<u8>, capacity: usize) -> Self {
        // The memory does not move: it is never asked for more than it has room for.
        let start = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self {
            bytes,
            start,
            capacity,
        }
    }

    /// The longest payload that there is room for.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Room for a payload of `length` octets, which hold anything. A longer one than this was made for
    /// has new memory made for it.
    #[inline]
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        if length > self.capacity {
            *self = Self::with_capacity(length);
        }
        let end = self.start + length;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        &mut self.bytes[self.start..end]
    }

    /// The first `length` octets of the payload that was put there last.
    #[inline]
    pub(crate) fn payload(&self, length: usize) -> &[u8] {
        let end = (self.start + length).min(self.bytes.len());
        self.bytes.get(self.start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_all_lengths_are_aligned_and_stay_where_they_are() {
        let mut buffer = AlignedBuffer::with_capacity(1000);
        let place = buffer.room(1).as_ptr();
        for length in [0, 1, 15, 16, 17, 999, 1000] {
            let room = buffer.room(length);
            assert_eq!(room.len(), length);
            assert_eq!(room.as_ptr(), place);
            assert_eq!(room.as_ptr().align_offset(ALIGNMENT), 0);
            room.fill(7);
            assert_eq!(buffer.payload(length), vec![7; length]);
        }
        let room = buffer.room(100_000);
        assert_eq!(
            (room.len(), room.as_ptr().align_offset(ALIGNMENT)),
            (100_000, 0)
        );
    }

    #[test]
    fn a_buffer_that_was_not_made_yet_is_empty_and_can_be_used() {
        let mut buffer = AlignedBuffer::default();
        assert_eq!(buffer.payload(3), b"");
        assert_eq!(buffer.room(3).len(), 3);
    }
}
