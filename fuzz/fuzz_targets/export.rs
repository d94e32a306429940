//! Mailboxes and dumps: no octets break their reader, no message is larger than it may be, and what
//! is written with its `From ` lines quoted is read as it was. The first octet says how large
//! messages may be.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone: what it has is private to its crate.
#[path = "../../crates/prixfixe-load/src/export/joined.rs"]
mod joined;

use joined::{FileForm, Joined};

fuzz_target!(|data: &[u8]| {
    let Some((most, text)) = data.split_first() else {
        return;
    };
    for form in [FileForm::Mboxrd, FileForm::Mboxo, FileForm::SinkDump] {
        let mut octets = 0;
        let mut faults = 0;
        for message in Joined::new(text, form, usize::from(*most)) {
            assert_eq!(faults, 0, "after a fault there are no more");
            match message {
                Ok((_, message)) => {
                    assert!(message.len() <= usize::from(*most));
                    octets += message.len();
                }
                Err(_) => faults += 1,
            }
        }
        assert!(octets <= text.len());
        if FileForm::detect(text).is_none() {
            assert_eq!((octets, faults), (0, 1));
        }
    }
    let message = [text, b"\n"].concat();
    let mailbox = [&quoted(&message)[..], b"\n", &quoted(&message)].concat();
    let read: Vec<Vec<u8>> = Joined::new(&mailbox[..], FileForm::Mboxrd, usize::MAX)
        .map(|message| message.unwrap().1)
        .collect();
    // The second is not followed by an empty line; the message may end with one.
    assert_eq!(read.len(), 2);
    assert_eq!(read[0], message);
});

fn quoted(message: &[u8]) -> Vec<u8> {
    let mut text = b"From a\n".to_vec();
    for line in message.split_inclusive(|octet| *octet == b'\n') {
        let quotes = line.iter().take_while(|octet| **octet == b'>').count();
        if line[quotes..].starts_with(b"From ") {
            text.push(b'>');
        }
        text.extend_from_slice(line);
    }
    text
}
