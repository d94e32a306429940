//! The first word of every record.

/// What a record is and how long. In the word, from the least significant bits up: 32 bits length,
/// then one octet each of kind and of three tags that belong to the layer above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Octets after this word, without padding.
    pub(crate) length: u32,
    pub(crate) kind: Kind,
    pub(crate) tags: [u8; 3],
}

/// What a record is. Numbers not listed are kept, for the layer above to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind(pub(crate) u8);

impl Kind {
    /// Nothing follows: the next record stands at the first place of the ring.
    pub(crate) const SKIP: Self = Self(0);
    pub(crate) const REQUEST: Self = Self(1);
    pub(crate) const REPLY: Self = Self(2);
    /// An item of a stream, or a part of one.
    pub(crate) const ITEM: Self = Self(3);
    /// Leave to send more of a stream, and how far was read.
    pub(crate) const CREDIT: Self = Self(4);
    /// No more items of this stream are wanted.
    pub(crate) const STOP: Self = Self(5);

    /// Whether it belongs to a call that was opened, and neither opens nor ends one.
    pub(crate) const fn is_of_stream(self) -> bool {
        matches!(self, Self::ITEM | Self::CREDIT | Self::STOP)
    }
}

impl Frame {
    pub(crate) const fn to_word(self) -> u64 {
        let [a, b, c] = self.tags;
        (self.length as u64)
            | (self.kind.0 as u64) << 32
            | (a as u64) << 40
            | (b as u64) << 48
            | (c as u64) << 56
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        let [l0, l1, l2, l3, kind, a, b, c] = word.to_le_bytes();
        Self {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            kind: Kind(kind),
            tags: [a, b, c],
        }
    }
}
