//! The first word of every record.

/// What a record is and how long: from the least significant bits up, 32 bits length, then one octet each of
/// kind and of three tags that belong to the layer above.
///
/// It stays a word until somebody asks: taken apart it would be moved about piece by piece.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame(u64);

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
    /// `length` counts the octets after this word, without padding.
    pub(crate) const fn new(length: u32, kind: Kind, tags: [u8; 3]) -> Self {
        let [l0, l1, l2, l3] = length.to_le_bytes();
        let [a, b, c] = tags;
        Self(u64::from_le_bytes([l0, l1, l2, l3, kind.0, a, b, c]))
    }

    pub(crate) const fn from_word(word: u64) -> Self {
        Self(word)
    }

    pub(crate) const fn to_word(self) -> u64 {
        self.0
    }

    /// Octets after this word, without padding.
    #[inline]
    pub(crate) const fn length(self) -> u32 {
        let [l0, l1, l2, l3, ..] = self.0.to_le_bytes();
        u32::from_le_bytes([l0, l1, l2, l3])
    }

    #[inline]
    pub(crate) const fn kind(self) -> Kind {
        let [_, _, _, _, kind, ..] = self.0.to_le_bytes();
        Kind(kind)
    }

    #[inline]
    pub(crate) const fn tags(self) -> [u8; 3] {
        let [.., a, b, c] = self.0.to_le_bytes();
        [a, b, c]
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Frame")
            .field("length", &self.length())
            .field("kind", &self.kind())
            .field("tags", &self.tags())
            .finish()
    }
}
