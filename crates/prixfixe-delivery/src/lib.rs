//! Where accepted mail goes: handlers for the prixfixe receiver.
#![forbid(unsafe_code)]

mod discard;
mod message_id;
mod received;
mod recipients;
pub mod sqlite;
mod store_handler;

pub use discard::Discard;
pub use message_id::{IdSequence, MessageId, ParseIdError};
pub use recipients::{AcceptFor, PatternError, RecipientPattern, Recipients};
pub use store_handler::StoreHandler;
