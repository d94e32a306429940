//! Looking into a store, beside its server.

use std::time::{Duration, UNIX_EPOCH};

use prixfixe_delivery::MessageId;
use prixfixe_delivery::sqlite::{Filter, MessageDetails, Order, Page, ReadError, StoreReader};

use crate::fixture::{Folder, body, details, store, stored};

async fn three_messages(folder: &Folder) -> [MessageId; 3] {
    let opened = folder.open();
    let messages = [
        (
            "alice@example.com",
            "bob@example.net",
            1000,
            b"Subject: One\r\n\r\nneedle".to_vec(),
        ),
        ("carol@example.com", "Dave@example.net", 2000, {
            // The text stands across the border of two chunks.
            let mut large = body(2, 300_000);
            large[256 * 1024 - 3..256 * 1024 + 3].copy_from_slice(b"NeEdLe");
            large
        }),
        ("", "postmaster", 3000, b"\r\nno header".to_vec()),
    ];
    let mut ids = Vec::new();
    for (sender, recipient, second, body) in messages {
        let mut incoming = opened.incoming();
        incoming.write(&body).await.unwrap();
        let recipients = vec!["first@example.net".into(), recipient.into()];
        let received_at = UNIX_EPOCH + Duration::from_secs(second);
        let details = MessageDetails {
            received_at,
            recipients,
            ..details()
        };
        ids.push(
            incoming
                .commit(MessageDetails {
                    sender: sender.into(),
                    ..details
                })
                .await
                .unwrap(),
        );
    }
    opened.close().await;
    ids.try_into().unwrap()
}

#[track_caller]
fn check(reader: &StoreReader, filter: &Filter, expected: &[MessageId]) {
    let found = reader.list(filter, Page::default(), 10).unwrap();
    assert_eq!(
        found.iter().map(|message| message.id).collect::<Vec<_>>(),
        expected
    );
    assert_eq!(reader.count(filter).unwrap(), expected.len() as u64);
}

/// Sets the fields of a filter that a case is about.
type Narrow<'a> = &'a dyn Fn(&mut Filter);

#[tokio::test]
async fn filters_find_what_they_name() {
    let folder = Folder::new();
    let [one, two, three] = three_messages(&folder).await;
    let reader = folder.reader();
    let some = |text: &str| Some(text.to_owned());
    let at = |second| Some(UNIX_EPOCH + Duration::from_secs(second));
    let cases: [(Narrow<'_>, &[MessageId]); 13] = [
        (&|_| (), &[one, two, three]),
        (&|filter| filter.sender = some("EXAMPLE.com"), &[one, two]),
        (&|filter| filter.recipient = some("dave@"), &[two]),
        (
            &|filter| filter.recipient = some("first@"),
            &[one, two, three],
        ),
        (&|filter| filter.subject = some("number"), &[two]),
        (&|filter| filter.text = some("needle"), &[one, two]),
        (&|filter| filter.text = some("needles"), &[]),
        (&|filter| filter.received_from = at(2000), &[two, three]),
        (&|filter| filter.received_before = at(2000), &[one]),
        (&|filter| filter.id = Some(two), &[two]),
        (&|filter| filter.state = some("stored"), &[one, two, three]),
        (&|filter| filter.state = some("store"), &[]),
        (
            &|filter| (filter.sender, filter.recipient) = (some("alice"), some("dave")),
            &[],
        ),
    ];
    for (narrow, expected) in cases {
        let mut filter = Filter::default();
        narrow(&mut filter);
        check(&reader, &filter, expected);
    }
}

#[tokio::test]
async fn pages_go_through_everything_in_both_directions() {
    let folder = Folder::new();
    let opened = folder.open();
    let mut ids = Vec::new();
    for number in 0..600 {
        let opened = opened.clone();
        ids.push(tokio::spawn(async move {
            store(&opened, &body(number, 60)).await.unwrap()
        }));
    }
    let mut all = Vec::new();
    for id in ids {
        all.push(id.await.unwrap());
    }
    all.sort();
    let reader = folder.reader();
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut page = Page { order, after: None };
        let mut seen = Vec::new();
        loop {
            let found = reader.list(&Filter::default(), page, 70).unwrap();
            let Some(last) = found.last() else { break };
            page.after = Some(last.id);
            seen.extend(found.iter().map(|message| message.id));
        }
        if order == Order::NewestFirst {
            seen.reverse();
        }
        assert_eq!(seen, all);
    }
}

#[tokio::test]
async fn an_unknown_message_is_none_or_an_error() {
    let folder = Folder::new();
    let [one, ..] = three_messages(&folder).await;
    let unknown = MessageId::try_from(one.get() - 1).unwrap();
    let reader = folder.reader();
    assert_eq!(reader.get(unknown).unwrap(), None);
    let refused = reader.copy_as_received(unknown, &mut Vec::new());
    assert!(matches!(refused, Err(ReadError::NoSuchMessage(id)) if id == unknown));
}

#[tokio::test]
async fn a_reader_beside_a_writer_sees_each_message_once_it_is_answered() {
    let folder = Folder::new();
    let opened = folder.open();
    let reader = folder.reader();
    for number in 0..50 {
        let id = store(&opened, &body(number, 20_000)).await.unwrap();
        assert!(stored(&reader, id) == body(number, 20_000));
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_hold_the_log() {
    struct Slow<'a>(&'a dyn Fn());
    impl std::io::Write for Slow<'_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            (self.0)();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = Folder::new();
    let opened = folder.open();
    let id = store(&opened, &body(1, 1_000_000)).await.unwrap();
    opened.close().await;
    let reader = folder.reader();
    let other = folder.sqlite();
    let truncate = || {
        // Succeeds only if nobody reads at this moment.
        let busy = other.query_one("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        });
        assert_eq!(busy.unwrap(), 0);
    };
    reader.copy_with_trace(id, &mut Slow(&truncate)).unwrap();
}
