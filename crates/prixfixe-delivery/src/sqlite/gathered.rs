//! The memory that a message is gathered in on its way into the store.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use memmap2::MmapMut;

use super::error::StoreError;

/// Bytes of a message that are on their way to the writer, at most [`PIECE_BYTES`].
///
/// A few are in a vector. More are in memory that is mapped for them alone: what an allocator is
/// given back lies between things that are still in use, and so a wave of large messages left the
/// process nearly as large as it had made it.
pub(crate) struct Gathered {
    bytes: Bytes,
    pieces: Arc<Pieces>,
}

enum Bytes {
    Few(Vec<u8>),
    /// The first so many bytes of a piece.
    Many(MmapMut, usize),
}

/// The pieces of memory of one store that wait for a message: mapping one and touching its pages
/// for the first time costs more than to fill it.
#[derive(Default)]
pub(crate) struct Pieces {
    spare: Mutex<Vec<MmapMut>>,
}

impl Gathered {
    /// No bytes, in no memory.
    pub(crate) fn new(pieces: &Arc<Pieces>) -> Self {
        Self {
            bytes: Bytes::Few(Vec::new()),
            pieces: Arc::clone(pieces),
        }
    }

    /// How many bytes more it takes.
    pub(crate) fn room(&self) -> usize {
        PIECE_BYTES - self.len()
    }

    /// Adds all of `more`, for which there has to be [`room`](Self::room).
    pub(crate) fn extend(&mut self, more: &[u8]) -> Result<(), StoreError> {
        match &mut self.bytes {
            Bytes::Few(few) if few.len() + more.len() <= FEW_BYTES => {
                let needed = few.len() + more.len();
                if needed > few.capacity() {
                    let doubled = needed.max(few.capacity() * 2).min(FEW_BYTES);
                    few.reserve_exact(doubled - few.len());
                }
                few.extend_from_slice(more);
            }
            Bytes::Few(few) => {
                let mut piece = self.pieces.take()?;
                let end = few.len() + more.len();
                piece[..few.len()].copy_from_slice(few);
                piece[few.len()..end].copy_from_slice(more);
                self.bytes = Bytes::Many(piece, end);
            }
            Bytes::Many(piece, len) => {
                let end = *len + more.len();
                piece[*len..end].copy_from_slice(more);
                *len = end;
            }
        }
        Ok(())
    }

    /// Leaves nothing and returns what there was.
    pub(crate) fn take(&mut self) -> Self {
        let nothing = Self::new(&self.pieces);
        std::mem::replace(self, nothing)
    }
}

impl Deref for Gathered {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Few(few) => few,
            Bytes::Many(piece, len) => &piece[..*len],
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        let nothing = Bytes::Few(Vec::new());
        if let Bytes::Many(piece, _) = std::mem::replace(&mut self.bytes, nothing) {
            self.pieces.give_back(piece);
        }
    }
}

impl Pieces {
    fn take(&self) -> Result<MmapMut, StoreError> {
        let spare = self.spare().pop();
        spare.map_or_else(
            || MmapMut::map_anon(PIECE_BYTES).map_err(|error| StoreError::NoMemory(error.into())),
            Ok,
        )
    }

    fn give_back(&self, piece: MmapMut) {
        let mut spare = self.spare();
        if spare.len() < SPARE_PIECES {
            spare.push(piece);
            return;
        }
        // It is unmapped while others can have theirs.
        drop(spare);
        drop(piece);
    }

    fn spare(&self) -> MutexGuard<'_, Vec<MmapMut>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a message that are kept in memory, and of each chunk beyond: above nearly all mail,
/// and little enough for a thousand clients; a batch has room for four.
pub(crate) const PIECE_BYTES: usize = 256 * 1024;
/// Bytes that a vector holds: above most mail, and so few that a thousand of them, scattered over
/// the heap, are no burden.
const FEW_BYTES: usize = 32 * 1024;
/// Pieces that are kept, 4 MiB: a batch and those that are filled meanwhile.
const SPARE_PIECES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn spares(pieces: &Pieces) -> usize {
        pieces.spare().len()
    }

    #[test]
    fn what_was_put_in_comes_out_in_either_kind_of_memory() {
        let pieces = Arc::new(Pieces::default());
        for step in [1_usize, 999, 4096, FEW_BYTES, FEW_BYTES + 1, PIECE_BYTES] {
            let mut gathered = Gathered::new(&pieces);
            let mut expected = Vec::new();
            while gathered.room() > 0 {
                let count = step.min(gathered.room());
                let more: Vec<u8> = (expected.len()..expected.len() + count)
                    .map(|at| (at * 31 / 8).to_le_bytes()[0])
                    .collect();
                gathered.extend(&more).unwrap();
                expected.extend_from_slice(&more);
            }
            assert_eq!(expected.len(), PIECE_BYTES);
            assert!(*gathered == *expected, "steps of {step}");
        }
    }

    #[test]
    fn a_piece_that_was_used_before_shows_nothing_of_it() {
        let pieces = Arc::new(Pieces::default());
        let mut first = Gathered::new(&pieces);
        first.extend(&vec![b'x'; PIECE_BYTES]).unwrap();
        drop(first);
        assert_eq!(spares(&pieces), 1);

        let mut second = Gathered::new(&pieces);
        let content = vec![b'y'; FEW_BYTES + 1];
        second.extend(&content).unwrap();
        assert_eq!(spares(&pieces), 0, "the piece is used again");
        assert!(*second == *content);
    }

    #[test]
    fn what_is_taken_leaves_an_empty_one_that_can_be_filled() {
        let pieces = Arc::new(Pieces::default());
        let mut gathered = Gathered::new(&pieces);
        gathered.extend(&vec![b'x'; FEW_BYTES * 2]).unwrap();
        let taken = gathered.take();
        assert_eq!((taken.len(), gathered.len()), (FEW_BYTES * 2, 0));
        gathered.extend(b"more").unwrap();
        assert_eq!(&*gathered, b"more");
    }

    #[test]
    fn only_so_many_pieces_are_kept() {
        let pieces = Arc::new(Pieces::default());
        let many: Vec<_> = (0..SPARE_PIECES * 2)
            .map(|_| {
                let mut gathered = Gathered::new(&pieces);
                gathered.extend(&vec![0; FEW_BYTES + 1]).unwrap();
                gathered
            })
            .collect();
        drop(many);
        assert_eq!(spares(&pieces), SPARE_PIECES);
    }
}
