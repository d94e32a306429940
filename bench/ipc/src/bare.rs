//! What the floors are made of: memory shared by two processes, and nothing that would make it safe
//! to share with a stranger. No index is validated and no peer is expected to die.

mod lane;
mod memory;
mod rendezvous;

pub(crate) use lane::{LanePair, Shape, ring_doorbell, sleep_at_doorbell};
pub(crate) use memory::SharedMemory;
pub(crate) use rendezvous::{Listener, join};
