//! Request and reply between processes of one machine over shared memory.

mod address;
mod credentials;
mod sys;
#[cfg(feature = "workload")]
pub mod workload;

pub use address::{Address, InvalidAddress, SocketAccess};
pub use credentials::{Credentials, PeerPolicy};
