use super::*;
use crate::{BodyFacts, BodyFault};
use proptest::prelude::*;

/// What a body in these chunks comes to, each brought in pieces of `piece` octets.
fn read(quirks: Quirks, body: Option<BodyType>, chunks: &[&[u8]], piece: usize) -> Read {
    let mut reader = ChunkReader::new(&Limits::default(), quirks, body);
    let mut octets = Vec::new();
    for (number, content) in chunks.iter().enumerate() {
        reader.begin(Chunk {
            octets: content.len() as u64,
            last: number + 1 == chunks.len(),
        });
        // Whatever follows is not part of the chunk.
        let sent = [content, &b"\r\nNOOP\r\n"[..]].concat();
        let mut left = content.len();
        for mut input in sent.chunks(piece) {
            loop {
                let (used, decoded) = reader.decode(input);
                input = &input[used..];
                left -= used;
                match decoded {
                    Decoded::Bytes(bytes) => octets.extend_from_slice(bytes),
                    Decoded::NeedInput => break,
                    Decoded::End => {
                        assert_eq!(left, 0, "a chunk ends where it says");
                        break;
                    }
                }
            }
        }
    }
    Read {
        octets,
        facts: reader.inspector.facts,
        fault: reader.inspector.fault(),
    }
}

#[derive(Debug, PartialEq)]
struct Read {
    octets: Vec<u8>,
    facts: BodyFacts,
    fault: Option<BodyFault>,
}

const BINARY: Option<BodyType> = Some(BodyType::BinaryMime);

#[test]
fn a_line_end_may_be_in_two_chunks() {
    let quirks = Quirks::default();
    let cut = read(quirks, None, &[b"a\r", b"", b"\nb"], 9);
    assert_eq!(cut.octets, b"a\r\nb");
    assert!(!cut.facts.bare_cr && !cut.facts.bare_lf);
    assert_eq!(cut.facts.longest_line, 3);
    let bare = read(quirks, None, &[b"a\r", b"b\n"], 9);
    assert!(bare.facts.bare_cr && bare.facts.bare_lf);
    let at_the_end = read(quirks, None, &[b"a\n\r"], 9);
    assert!(at_the_end.facts.bare_cr);
    assert_eq!(at_the_end.fault, None, "bare line ends are kept");
}

#[test]
fn a_nul_is_refused_where_it_is_text() {
    let quirks = Quirks {
        refuse_nul: true,
        ..Quirks::default()
    };
    let text = read(quirks, None, &[b"a\0b"], 9);
    assert_eq!(text.fault, Some(BodyFault::Nul));
    let binary = read(quirks, BINARY, &[b"a\0b"], 9);
    assert_eq!((binary.fault, binary.facts.nul), (None, true));
}

#[test]
fn a_binary_body_has_no_lines_that_are_too_long() {
    let long = vec![b'x'; Limits::default().text_line + 1];
    let text = read(Quirks::default(), None, &[&long], 1000);
    assert_eq!(text.fault, Some(BodyFault::LineTooLong));
    let binary = read(Quirks::default(), BINARY, &[&long], 1000);
    assert_eq!(binary.fault, None);
    assert_eq!(binary.facts.longest_line, long.len());
}

#[test]
fn a_chunk_is_too_big_by_its_announcement() {
    let limits = Limits {
        message_size: 10,
        ..Limits::default()
    };
    for (octets, fault) in [
        (10, None),
        (11, Some(BodyFault::TooBig)),
        (1 << 32, Some(BodyFault::TooBig)),
        (u64::MAX, Some(BodyFault::TooBig)),
    ] {
        let mut reader = ChunkReader::new(&limits, Quirks::default(), None);
        reader.begin(Chunk {
            octets,
            last: false,
        });
        assert_eq!(reader.inspector.fault(), fault, "{octets}");
    }
    let mut reader = ChunkReader::new(&limits, Quirks::default(), None);
    for (octets, fault) in [(6, None), (5, Some(BodyFault::TooBig))] {
        reader.begin(Chunk {
            octets,
            last: false,
        });
        assert_eq!(reader.inspector.fault(), fault);
        let _ = reader.decode(b"123456");
    }
}

proptest! {
    #[test]
    fn how_it_is_cut_shows_nowhere(
        body in prop::collection::vec(prop::sample::select(b"\r\n.x\0\xff".to_vec()), 0..40),
        at in 0..40_usize,
        piece in 1..20_usize,
    ) {
        let quirks = Quirks::default();
        let whole = read(quirks, None, &[&body], 100);
        prop_assert_eq!(&whole.octets, &body);
        let (first, second) = body.split_at(at.min(body.len()));
        prop_assert_eq!(read(quirks, None, &[first, second], piece), whole);
    }
}
