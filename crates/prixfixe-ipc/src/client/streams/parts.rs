//! Where the parts of items and of long replies go.

/// Appends a part to `item`, of up to `max_item` octets in all. False when it would be longer.
pub(crate) fn append(item: &mut Vec<u8>, max_item: usize, part: &[u8]) -> bool {
    let fits = item.len() + part.len() <= max_item;
    if fits {
        item.extend_from_slice(part);
    }
    fits
}

/// Puts a part into `reply`, of which `length` bytes are taken. False when it does not fit.
pub(crate) fn place(part: &[u8], reply: &mut [u8], length: &mut usize) -> bool {
    let end = *length + part.len();
    let Some(room) = reply.get_mut(*length..end) else {
        return false;
    };
    room.copy_from_slice(part);
    *length = end;
    true
}

/// Where parts of a long reply go that come while their caller looks.
pub(crate) struct Direct<'d> {
    pub(crate) call: u64,
    pub(crate) reply: &'d mut [u8],
    /// Bytes of `reply` that are taken.
    pub(crate) length: &'d mut usize,
}

impl<'d> Direct<'d> {
    /// The same for a while.
    pub(crate) fn lend(&mut self) -> Direct<'_> {
        Direct {
            call: self.call,
            reply: self.reply,
            length: self.length,
        }
    }

    /// The next `length` bytes of the reply, if it has so many.
    pub(super) fn room(self, length: usize) -> Option<&'d mut [u8]> {
        let end = *self.length + length;
        let room = self.reply.get_mut(*self.length..end)?;
        *self.length = end;
        Some(room)
    }
}
