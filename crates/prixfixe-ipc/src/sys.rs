//! What the rest of the crate needs from a platform: the contract, and the choice of who keeps it.
//!
//! A back end is a module with the types below under the same names; nothing else in the crate calls
//! the system. `linux` is the reference.
//!
//! | type | what it promises |
//! | --- | --- |
//! | `Mapping` | shared memory of a fixed size that nobody can shrink; page aligned, zeroed when made, lost in a forked child |
//! | `DraftFile`, `SealedFile`, `SealedMapping` | a file in memory that its maker fills and nobody can change after that, passed by descriptor; what is mapped of it can be read without a fault |
//! | `wait_on`, `wake` | sleep while a 32-bit word in shared memory has a value; wake who sleeps there, in whichever process, and tell whether somebody did; spurious returns are allowed |
//! | `Doorbell` | wakes a poller; rings made while nobody looks are not lost; ringing never blocks |
//! | `WakeSender`, `WakeReceiver` | the same from the server to one asynchronous client; whatever the client does to its end, sending never blocks |
//! | `Socket` | a connected control socket that keeps message bounds, passes descriptors, tells who the peer is and when it is gone; no call blocks unless it says so |
//! | `Listener` | takes sockets at an [`Address`](crate::Address); replaces what a dead server left there, never a live one, and takes over what a service manager passed |
//! | `Poller` | waits for many of these at once, with the token each was added under |
//! | `ForkGuard` | tells whether this process is still the one that made it, for the cost of a load |

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(crate) use linux::{
    AcceptFailure, BadDescriptor, BadSegment, Doorbell, DraftFile, Events, ForkGuard, Listener,
    Mapping, Poller, ReceiveFailure, Received, SealedFile, SealedMapping, SendFailure, Sharing,
    Socket, Trigger, WaitResult, WakeReceiver, WakeSender, effective_uid, is_own_user,
    overflow_uid, processors, wait_on, wake, wake_channel, yield_now,
};
#[cfg(target_os = "linux")]
pub use linux::{BadListener, BindFailure, ConnectFailure, PassedSocket};
