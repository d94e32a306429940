//! Labels of stored messages: no octets break their reader, trace lines in front change nothing,
//! and a content under its label is intact as it is and altered with any octet changed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

// The files alone: the crate around them is a whole generator.
#[allow(dead_code)]
#[path = "../../crates/prixfixe-load/src/label.rs"]
mod label;
#[allow(dead_code)]
#[path = "../../crates/prixfixe-load/src/run_id.rs"]
mod run_id;

use label::{Inspected, Label, inspect};
use run_id::RunId;

fuzz_target!(|data: &[u8]| {
    let inspected = inspect(data);
    // What begins with a blank would go on with the trace line.
    if !data.starts_with(b" ") && !data.starts_with(b"\t") {
        let traced = [b"Received: from a\r\n\tby b\r\n", data].concat();
        assert_eq!(inspect(&traced), inspected);
    }

    let label = Label {
        run: RunId::from_seed(data.len() as u64),
        number: Label::MOST_NUMBER,
        size: data.len() as u64,
        hash: Sha256::digest(data).into(),
    };
    let mut message = Vec::new();
    label::write_message_id(label.run, label.number, &mut message);
    message.extend_from_slice(b"\r\n");
    let head = message.len() + Label::LENGTH;
    label.write_to(&mut message);
    message.extend_from_slice(data);
    assert_eq!(inspect(&message), Inspected::Intact(label));
    message.extend_from_slice(b"\r\n");
    assert_eq!(inspect(&message), Inspected::Intact(label));
    if let Some(first) = data.first() {
        let at = head + usize::from(*first) % data.len();
        message[at] ^= 1;
        assert_eq!(inspect(&message), Inspected::Altered(label));
    }
});
