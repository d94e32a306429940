//! What a store holds, read beside the server or after it.

use std::path::Path;

use prixfixe_delivery::{
    MessageId,
    sqlite::{Filter, Page, StoreReader, StoredMessage},
};

/// A message in a store.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) id: String,
    /// `<sender> to <recipient> <recipient>`, as in dialogue files.
    pub(crate) envelope: String,
    /// The octets as they were received.
    pub(crate) body: Vec<u8>,
    pub(crate) details: StoredMessage,
}

/// Every message of a store, the oldest first.
pub(crate) fn all(store: &Path) -> Vec<Mail> {
    let reader = StoreReader::open(store).unwrap();
    let (mut found, mut page) = (Vec::new(), Page::default());
    loop {
        let listed = reader.list(&Filter::default(), page, usize::MAX).unwrap();
        let Some(last) = listed.last() else {
            return found;
        };
        page.after = Some(last.id);
        found.extend(
            listed
                .into_iter()
                .map(|details| Mail::read(&reader, details)),
        );
    }
}

/// The only message of a store.
pub(crate) fn only(store: &Path) -> Mail {
    let mut found = all(store);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// The message that a server has named in its reply.
pub(crate) fn named(store: &Path, id: &str) -> Mail {
    let reader = StoreReader::open(store).unwrap();
    let number: MessageId = id.parse().unwrap();
    let details = reader
        .get(number)
        .unwrap()
        .unwrap_or_else(|| panic!("{id} is not stored"));
    Mail::read(&reader, details)
}

impl Mail {
    fn read(reader: &StoreReader, details: StoredMessage) -> Self {
        let mut body = Vec::new();
        reader.copy_as_received(details.id, &mut body).unwrap();
        let recipients: Vec<_> = details
            .recipients
            .iter()
            .map(|r| format!("<{r}>"))
            .collect();
        Self {
            id: details.id.to_string(),
            envelope: format!("<{}> to {}", details.sender, recipients.join(" ")),
            body,
            details,
        }
    }
}
