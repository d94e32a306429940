//! The durable store: accepted mail in one SQLite file.
//!
//! The promise: *a message whose commit returned its name is on stable storage, and will be there
//! once after a crash.* `docs/durability.md` lists every state that a message can be in.

mod content;
mod database;
mod disk;
mod error;
mod fault;
mod filter;
mod folder;
mod gate;
mod gathered;
mod health;
mod incoming;
mod keeper;
mod message;
mod queue;
mod reader;
mod removal;
mod remover;
mod rows;
mod schema;
mod settings;
mod shared;
mod store;
mod subject;
mod wal;
mod writer;

pub use error::{Cause, StoreError};
#[doc(hidden)]
pub use fault::{Fault, FaultAction, FaultPoint};
pub use filter::{Filter, Order, Page};
pub use gate::CommitGate;
pub use health::{Health, LastError};
pub use incoming::Incoming;
pub use message::{BodyType, Marks, MessageDetails, Trace};
pub use reader::{ReadError, StoreReader, StoredMessage};
pub use remover::{RemoveError, StoreRemover};
#[doc(hidden)]
pub use settings::Durability;
pub use settings::{MinFreeDisk, StoreSettings};
pub use store::{OpenError, Opened, Recovery, SqliteStore};
