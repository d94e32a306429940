//! What a server did to its data folder, and what it told its clients, in one order.

/// One system call that succeeded.
#[derive(Debug)]
pub(crate) struct Event {
    /// When it began, on a clock that counts what was observed. It had no effect before.
    pub(crate) start: usize,
    /// When it was over. All its effects are from before.
    pub(crate) end: usize,
    pub(crate) call: Call,
}

/// What it did. Files are those of the data folder, by name.
#[derive(Debug)]
pub(crate) enum Call {
    Create {
        file: String,
    },
    Remove {
        file: String,
    },
    Write {
        file: String,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: String,
        length: usize,
    },
    Sync {
        file: String,
    },
    /// Makes the names in the folder durable.
    SyncFolder,
    /// Bytes for a client.
    Send {
        data: Vec<u8>,
    },
}

impl Event {
    /// The ids of the messages that this acknowledges.
    pub(crate) fn acknowledged_ids(&self) -> impl Iterator<Item = String> {
        let data = match &self.call {
            Call::Send { data } => data.as_slice(),
            _ => &[],
        };
        let text = String::from_utf8_lossy(data).into_owned();
        let replies: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_prefix("250 ")?.split_once("id="))
            .map(|(_, id)| id.to_owned())
            .collect();
        replies.into_iter()
    }
}
