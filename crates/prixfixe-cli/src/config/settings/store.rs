//! `[store]`.

use crate::config::key::{
    Missing,
    Status::{Built, Later},
};
use crate::config::section::section;
use crate::config::value::{Auto, ByteSize, Count, Duration, FilePath, Switch};

section! {
    /// The local store.
    pub(crate) struct Store: Table("store") {
        /// The folder of the store; it is made when it does not exist.
        path: FilePath = "\"./prixfixe-data\"", Built;
        /// Free space below which mail gets 452 4.3.1; `"auto"` is the smaller of 1 GiB and 5 %.
        min_free_disk: Auto<Switch<ByteSize>> = "\"auto\"", Built;
        /// How long messages are kept.
        keep_for: Switch<Duration> = "\"off\"", Later(RETENTION);
        /// How many messages are kept.
        keep_messages: Switch<Count<1, { u32::MAX }>> = "\"off\"", Later(RETENTION);
        /// How much is kept.
        keep_bytes: Switch<ByteSize<1>> = "\"off\"", Later(RETENTION);
    }
}

/// Without it messages are kept for longer, until the disk limit holds.
const RETENTION: Missing = Missing::warned("retention");
