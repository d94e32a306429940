//! Descriptors that come with a message.

use std::array;
use std::iter::Flatten;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage};

/// The most descriptors that one message of the protocol carries.
pub(crate) const MAX_DESCRIPTORS: usize = 5;

/// Where the descriptors of a message go. What is not taken out is closed.
#[derive(Debug, Default)]
pub(crate) struct Received {
    descriptors: [Option<OwnedFd>; MAX_DESCRIPTORS],
    room: Room,
}

/// How many descriptors are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Room {
    None,
    One,
    #[default]
    Most,
}

impl Received {
    /// Room for [`MAX_DESCRIPTORS`].
    #[cfg(any(test, feature = "raw-peer"))]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// No room: the kernel closes what a peer sends before this process has it.
    pub(crate) fn refusing() -> Self {
        Self {
            room: Room::None,
            ..Self::default()
        }
    }

    /// Room for one. For a server, whose clients send no more with a message.
    pub(crate) fn one() -> Self {
        Self {
            room: Room::One,
            ..Self::default()
        }
    }

    /// The descriptors that came and have not been taken.
    pub(crate) fn len(&self) -> usize {
        self.descriptors.iter().flatten().count()
    }

    /// The descriptor at `place`, counted from 0 in the order of the message.
    pub(crate) fn take(&mut self, place: usize) -> Option<OwnedFd> {
        self.descriptors.get_mut(place)?.take()
    }

    /// Closes what is there.
    pub(crate) fn clear(&mut self) {
        self.descriptors = Default::default();
    }

    /// Takes in what `receive` gets, and tells whether there was more than fits.
    pub(super) fn fill<T, E>(
        &mut self,
        receive: impl FnOnce(&mut RecvAncillaryBuffer<'_>) -> Result<T, E>,
    ) -> Result<(T, bool), E> {
        self.clear();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let (most, octets) = match self.room {
            Room::None => return Ok((receive(&mut RecvAncillaryBuffer::default())?, false)),
            Room::One => (1, rustix::cmsg_space!(ScmRights(1))),
            Room::Most => (MAX_DESCRIPTORS, space.len()),
        };
        let mut control = RecvAncillaryBuffer::new(&mut space[..octets]);
        let received = receive(&mut control)?;
        let mut surplus = false;
        let mut free = self.descriptors.iter_mut().take(most);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(arrived) = message {
                for descriptor in arrived {
                    // The space may hold one more than was asked for: it is padded for alignment.
                    match free.next() {
                        Some(place) => *place = Some(descriptor),
                        None => surplus = true,
                    }
                }
            }
        }
        Ok((received, surplus))
    }
}

/// What has not been taken, in the order of the message.
impl IntoIterator for Received {
    type Item = OwnedFd;
    type IntoIter = Flatten<array::IntoIter<Option<OwnedFd>, MAX_DESCRIPTORS>>;

    fn into_iter(self) -> Self::IntoIter {
        self.descriptors.into_iter().flatten()
    }
}
