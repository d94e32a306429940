#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::label::{Inspected, inspect};
use crate::size::{MessageSize, SizeMix};

fn run() -> RunId {
    RunId::from_seed(0xab)
}

fn made(size: u64, smtputf8: bool) -> Library {
    let size = MessageSize::new(size).unwrap();
    Library::prepare(&Contents::Made(SizeMix::only(size)), run(), smtputf8).unwrap()
}

fn corpus(folder: &Path) -> Result<Library, ContentsError> {
    Library::prepare(&Contents::Corpus(folder.to_owned()), run(), false)
}

fn by_bdat(message: &Message<'_>) -> Vec<u8> {
    [message.head, message.raw, message.tail].concat()
}

/// What a receiver of RFC 5321, section 4.5.2, makes of the octets before the final dot.
fn by_data(message: &Message<'_>) -> Vec<u8> {
    let wire = [message.head, message.body, message.tail].concat();
    let mut received = Vec::new();
    let mut rest = &wire[..];
    while !rest.is_empty() {
        let end = memchr::memmem::find(rest, b"\r\n").unwrap() + 2;
        assert_ne!(&rest[..end], b".\r\n", "the end within a message");
        received.extend_from_slice(rest[..end].strip_prefix(b".").unwrap_or(&rest[..end]));
        rest = &rest[end..];
    }
    received
}

fn assert_intact(message: &[u8], number: u64) {
    match inspect(message) {
        Inspected::Intact(label) => assert_eq!((label.run, label.number), (run(), number)),
        other => panic!("message {number}: {other:?}"),
    }
}

#[test]
fn a_message_has_exactly_the_size_that_was_asked_for() {
    let mut scratch = Scratch::default();
    for smtputf8 in [false, true] {
        for size in (512..1300).chain([9_999, 10_240, 102_400, 9 << 20]) {
            let library = made(size, smtputf8);
            let message = library.message(7, &mut scratch);
            assert_eq!(message.octets, size);
            assert_eq!(by_bdat(&message).len() as u64, size);
            assert_eq!(message.head.len(), HEAD_OCTETS);
            assert_eq!(message.tail.len(), TAIL_OCTETS);
        }
    }
}

#[test]
fn what_arrives_is_intact_by_data_and_by_bdat() {
    let mut scratch = Scratch::default();
    for smtputf8 in [false, true] {
        for size in [512, 1024, 10_240, 102_400] {
            let library = made(size, smtputf8);
            for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 12345, Label::MOST_NUMBER] {
                let message = library.message(number, &mut scratch);
                assert_intact(&by_data(&message), number);
                assert_eq!(by_data(&message), by_bdat(&message));
                assert_ne!(message.raw, message.body, "no line begins with a dot");
                assert_eq!(message.eight_bit, smtputf8);
            }
        }
    }
}

#[test]
fn lines_are_short_and_none_is_quoted_by_a_mailbox() {
    let mut scratch = Scratch::default();
    for smtputf8 in [false, true] {
        let library = made(102_400, smtputf8);
        for number in 0..8 {
            let message = by_bdat(&library.message(number, &mut scratch));
            let text = String::from_utf8(message).unwrap();
            let (header, lines) = text.split_once("\r\n\r\n").unwrap();
            for name in [
                "Date",
                "From",
                "To",
                "Subject",
                "MIME-Version",
                "Content-Type",
            ] {
                assert!(header.contains(&format!("\r\n{name}: ")), "{name}");
            }
            for line in lines.split("\r\n") {
                assert!(line.len() <= 78 && !line.contains(['\r', '\n']), "{line}");
                assert!(!line.starts_with("From ") && !line.ends_with(' '), "{line}");
            }
        }
    }
}

#[test]
fn a_seed_repeats_its_messages_and_another_has_others() {
    let text = |seed, number| {
        let mix = "mix:small=3,medium=1".parse().unwrap();
        let library = Library::prepare(&Contents::Made(mix), RunId::from_seed(seed), false);
        by_bdat(&library.unwrap().message(number, &mut Scratch::default()))
    };
    assert_eq!(text(1, 9), text(1, 9));
    assert_ne!(text(1, 9), text(2, 9));
}

#[test]
fn a_size_has_several_contents() {
    let library = made(1024, false);
    let mut scratch = Scratch::default();
    let contents: HashSet<Bytes> = (0..100)
        .map(|number| library.message(number, &mut scratch).raw.clone())
        .collect();
    assert_eq!(contents.len(), 8);
}

#[test]
fn a_mix_has_its_sizes_by_weight() {
    let mix = "mix:small=10,medium=10,large=5,xlarge=1".parse().unwrap();
    let library = Library::prepare(&Contents::Made(mix), run(), false).unwrap();
    let mut scratch = Scratch::default();
    let sizes: Vec<u64> = (0..2600)
        .map(|number| library.message(number, &mut scratch).octets)
        .collect();
    let count = |octets| sizes.iter().filter(|size| **size == octets).count();
    let counts = [count(1024), count(10_240), count(102_400), count(1 << 20)];
    assert_eq!(counts, [1000, 1000, 500, 100]);
}

#[test]
fn a_mix_that_does_not_fit_into_memory_is_refused() {
    let mix = "mix:1GiB,512MiB,513MiB".parse().unwrap();
    let refused = Library::prepare(&Contents::Made(mix), run(), false);
    assert!(matches!(refused, Err(ContentsError::TooLarge)));
}

#[test]
fn the_files_of_a_folder_are_sent_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("b.eml", "Subject: b\n\n.dot\n"),
        ("a.eml", "Message-ID: <a@b>\r\n\r\ntext without an end"),
        ("c.txt", "no message"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let library = corpus(folder.path()).unwrap();
    let mut scratch = Scratch::default();
    for number in 0..4 {
        let message = library.message(number, &mut scratch);
        let raw = if number % 2 == 0 {
            &b"Message-ID: <a@b>\r\n\r\ntext without an end\r\n"[..]
        } else {
            b"Subject: b\r\n\r\n.dot\r\n"
        };
        assert_eq!(&message.raw[..], raw);
        assert_eq!(message.octets, by_bdat(&message).len() as u64);
        assert_intact(&by_data(&message), number);
    }
}

#[test]
fn a_folder_that_is_no_corpus_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let fault = |result: Result<Library, ContentsError>| result.unwrap_err().to_string();
    let missing = fault(corpus(&folder.path().join("missing")));
    assert!(missing.contains("missing: No such file"), "{missing}");
    let none = fault(corpus(folder.path()));
    assert!(none.contains("has no file that ends in .eml"), "{none}");
    fs::write(folder.path().join("void.eml"), "").unwrap();
    let empty = fault(corpus(folder.path()));
    assert!(empty.contains("void.eml is empty"), "{empty}");
    fs::remove_file(folder.path().join("void.eml")).unwrap();
    fs::create_dir(folder.path().join("folder.eml")).unwrap();
    let unreadable = fault(corpus(folder.path()));
    assert!(unreadable.contains("folder.eml: "), "{unreadable}");
    let large = fs::File::create(folder.path().join("a.eml")).unwrap();
    large.set_len(3 << 30).unwrap();
    fs::remove_dir(folder.path().join("folder.eml")).unwrap();
    assert!(matches!(
        corpus(folder.path()),
        Err(ContentsError::TooLarge)
    ));
}

proptest! {
    #[test]
    fn any_file_arrives_intact_by_data_and_by_bdat(
        file in prop_oneof![
            proptest::collection::vec(any::<u8>(), 1..400),
            proptest::collection::vec(
                prop_oneof![Just(b'.'), Just(b'\r'), Just(b'\n'), Just(b'a')],
                1..60
            ),
        ],
        number in 0..=Label::MOST_NUMBER,
    ) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.eml"), file).unwrap();
        let library = corpus(folder.path()).unwrap();
        let mut scratch = Scratch::default();
        let message = library.message(number, &mut scratch);
        assert_intact(&by_data(&message), number);
        prop_assert_eq!(by_data(&message), by_bdat(&message));
        // And from a mailbox that keeps lines with LF alone.
        let text: Vec<u8> = by_bdat(&message).into_iter().filter(|octet| *octet != b'\r').collect();
        assert_intact(&text, number);
    }
}
