//! Items of a stream that have come and were not fetched, or are to go and were not sent.

use std::collections::TryReserveError;

use crate::memory::WORD;
use crate::record::item_cost;

/// Parts of items, first in, first out, in one piece of memory that is made when it is first needed and
/// holds a window's worth. Whoever fills it keeps count of the credit, in [`item_cost`]s, and does not
/// put in more than the window.
#[derive(Debug, Default)]
pub(crate) struct ItemQueue {
    bytes: Vec<u8>,
    /// What is before was taken.
    start: usize,
    /// What is behind is free.
    end: usize,
    window: usize,
}

/// A part of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part<'q> {
    pub(crate) bytes: &'q [u8],
    pub(crate) ends_item: bool,
}

impl ItemQueue {
    /// For parts that cost `window` octets together.
    pub(crate) fn new(window: usize) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The longest part that there is room for now.
    pub(crate) fn room(&self) -> usize {
        let used = self.end - self.start;
        self.window.saturating_sub(used + WORD)
    }

    /// Room for a part of `length` octets, to be filled at once. At most [`ItemQueue::room`].
    ///
    /// # Errors
    /// When there is no memory.
    pub(crate) fn push(
        &mut self,
        length: usize,
        ends_item: bool,
    ) -> Result<&mut [u8], TryReserveError> {
        let size = WORD + length;
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
        // Twice the window: what is left is moved to the front once for each window that went through.
        if self.end + size > 2 * self.window {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let begin = self.end;
        let end = begin + size;
        if end > self.bytes.len() {
            // By doubling, and never beyond what is needed at most.
            let grown = end.max(2 * self.bytes.len()).min(2 * self.window);
            self.bytes.try_reserve_exact(grown - self.bytes.len())?;
            self.bytes.resize(end, 0);
        }
        self.end = end;
        let (header, payload) = self.bytes[begin..end].split_at_mut(WORD);
        header.copy_from_slice(&((length as u64) << 1 | u64::from(ends_item)).to_ne_bytes());
        Ok(payload)
    }

    /// The first part.
    pub(crate) fn first(&self) -> Option<Part<'_>> {
        let (header, rest) = self.bytes[self.start..self.end].split_first_chunk()?;
        let word = u64::from_ne_bytes(*header);
        // It was a usize.
        let length = usize::try_from(word >> 1).ok()?;
        Some(Part {
            bytes: rest.get(..length)?,
            ends_item: word & 1 == 1,
        })
    }

    /// Takes the first part away, and returns what it cost.
    pub(crate) fn pop(&mut self) -> u64 {
        let cost = self.first().map_or(0, |part| item_cost(part.bytes.len()));
        // Below the end, which is a usize.
        self.start += usize::try_from(cost).unwrap_or(0);
        cost
    }

    /// Takes everything away, and gives the memory back.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn parts_come_out_as_they_went_in(
            window in 64_usize..2000,
            acts in prop::collection::vec((any::<bool>(), 0_usize..400, any::<bool>()), 0..300),
        ) {
            let mut queue = ItemQueue::new(window);
            let mut expected = std::collections::VecDeque::new();
            for (number, (push, length, ends_item)) in acts.into_iter().enumerate() {
                let length = length.min(window);
                if push && queue.room() >= length && queue.room() > 0 {
                    let fill = u8::try_from(number % 251).unwrap();
                    queue.push(length, ends_item).unwrap().fill(fill);
                    expected.push_back((vec![fill; length], ends_item));
                } else if let Some((bytes, ends_item)) = expected.pop_front() {
                    prop_assert_eq!(queue.first(), Some(Part { bytes: &bytes, ends_item }));
                    prop_assert_eq!(queue.pop(), item_cost(bytes.len()));
                }
                prop_assert!(queue.bytes.capacity() <= 2 * window);
                prop_assert_eq!(queue.is_empty(), expected.is_empty());
            }
        }
    }
}
