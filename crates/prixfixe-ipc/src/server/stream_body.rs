//! What goes between the request and the reply of a call: the items of its handler, or the parts of a
//! long message.

use std::sync::Arc;

use super::long_message::LongMessage;
use super::stream_desk::{Fetched, StreamDesk};
use crate::record::{ItemFlags, item_cost};
use crate::ring::Corrupt;

pub(super) enum StreamBody {
    Items(Arc<StreamDesk>),
    Long(LongMessage),
}

impl StreamBody {
    /// Brings what came, which `copy` puts where it belongs.
    pub(super) fn bring(
        &mut self,
        length: usize,
        flags: ItemFlags,
        copy: impl FnOnce(&mut [u8]),
    ) -> Result<(), Corrupt> {
        match self {
            Self::Items(desk) => desk.bring(length, flags.ends_item, flags.ends_stream, copy),
            Self::Long(long) => {
                if !long.bring(length, copy) {
                    return Err(Corrupt::Credit);
                }
            }
        }
        Ok(())
    }

    /// The client wants no more, and with `given_up` sends no more. True when that ends the call, for
    /// it will not be executed.
    pub(super) fn stop(&mut self, given_up: bool) -> bool {
        match self {
            Self::Items(desk) => {
                desk.stop(given_up);
                false
            }
            Self::Long(long) => {
                long.drop_reply();
                long.give_up()
            }
        }
    }

    /// The client has gone.
    pub(super) fn hang_up(&self) {
        if let Self::Items(desk) = self {
            desk.hang_up();
        }
    }

    /// The handler has answered.
    pub(super) fn answered(&self) {
        if let Self::Items(desk) = self {
            desk.answered();
        }
    }

    /// What the handler has done with items. `None` where all credit was given at once.
    pub(super) fn fetched(&self) -> Option<Fetched> {
        match self {
            Self::Items(desk) => Some(desk.fetched()),
            Self::Long(_) => None,
        }
    }

    /// What the next part that is to go costs.
    pub(super) fn next_cost(&self) -> Option<u64> {
        match self {
            Self::Items(desk) => desk.first_cost(),
            Self::Long(long) => {
                let length = long.next_part().len();
                (length > 0).then(|| item_cost(length))
            }
        }
    }

    /// Shows `send` the next part that is to go and whether it ends its item, and passes it if that returns
    /// true.
    pub(super) fn send_next(&mut self, send: impl FnOnce(&[u8], bool) -> bool) -> bool {
        match self {
            Self::Items(desk) => desk.send_first(send),
            Self::Long(long) => long.send_next(send),
        }
    }
}
