//! The back end for Linux: memfd, futex, eventfd, epoll and `AF_UNIX` sockets.

mod doorbell;
mod fork_guard;
mod futex;
mod listener;
mod mapping;
mod poller;
mod processors;
mod sealed;
mod socket;
mod socket_path;
mod users;
mod wake_channel;

pub(crate) use doorbell::{BadDescriptor, Doorbell};
pub(crate) use fork_guard::ForkGuard;
pub(crate) use futex::{WaitResult, wait_on, wake};
pub(crate) use listener::{AcceptFailure, Listener};
pub use listener::{BadListener, BindFailure, PassedSocket};
pub(crate) use mapping::{BadSegment, Mapping, Sharing};
pub(crate) use poller::{Events, Poller, Trigger};
pub(crate) use processors::{processors, yield_now};
pub(crate) use sealed::{DraftFile, SealedFile, SealedMapping};
pub use socket::ConnectFailure;
pub(crate) use socket::{ReceiveFailure, Received, SendFailure, Socket};
pub(crate) use users::{effective_uid, is_own_user, overflow_uid};
pub(crate) use wake_channel::{WakeReceiver, WakeSender, wake_channel};
