//! By what number the poller knows what a server waits for.

/// What a poller's event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Listener,
    Stop,
    Link(usize),
    Doorbell(usize),
}

impl Token {
    pub(super) fn to_number(self) -> u64 {
        match self {
            Self::Listener => 0,
            Self::Stop => 1,
            Self::Link(index) => (index as u64) << 2 | 2,
            Self::Doorbell(index) => (index as u64) << 2 | 3,
        }
    }

    pub(super) fn from_number(number: u64) -> Option<Self> {
        let index = usize::try_from(number >> 2).ok()?;
        Some(match number & 3 {
            2 => Self::Link(index),
            3 => Self::Doorbell(index),
            0 if index == 0 => Self::Listener,
            1 if index == 0 => Self::Stop,
            _ => return None,
        })
    }
}
