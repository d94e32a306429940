//! The decoder of bodies against a model that follows the words of the RFC, in all three line-end
//! modes, whole and in pieces. The first octet says how long the pieces are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prixfixe_proto::{
    BareNewline, BodyFacts, BodyFault, Config,
    fuzzing::{Decoded, Decoder},
};

#[path = "../../crates/prixfixe-proto/tests/naive_body/mod.rs"]
mod naive_body;
#[path = "../../crates/prixfixe-proto/tests/settings/mod.rs"]
mod settings;

use naive_body::NaiveBody;

fuzz_target!(|data: &[u8]| {
    let Some((piece, input)) = data.split_first() else {
        return;
    };
    for bits in 0..3 {
        // A second round with limits that are met by chance.
        for small in [0, 16 | 32] {
            let config = settings::config(bits | small);
            let whole = Decoding::of(&config, input.chunks(input.len().max(1)));
            for length in [1, usize::from(*piece) + 1] {
                let pieces = Decoding::of(&config, input.chunks(length));
                assert_eq!(pieces, whole, "in pieces of {length}");
            }
            check(&config, input, &whole);
        }
    }
});

fn check(config: &Config, input: &[u8], decoding: &Decoding) {
    let mode = config.quirks.bare_newline;
    let Some(expected) = NaiveBody::of(input, mode) else {
        assert_eq!(decoding.end, None);
        return;
    };
    assert_eq!(decoding.end, Some(expected.end));
    assert_eq!(decoding.octets, expected.octets);
    let facts = &decoding.facts;
    assert_eq!(facts.size, expected.octets.len() as u64);
    assert_eq!(facts.bare_cr || facts.bare_lf, expected.bare_newline);
    assert_eq!(facts.nul, expected.octets.contains(&0));
    assert_eq!(facts.eight_bit, !expected.octets.is_ascii());

    // In this mode the octets are those that came, but for the stuffed dots.
    let Some(came) = NaiveBody::of(input, BareNewline::Accept) else {
        unreachable!("a body ends where it ends in every mode");
    };
    let (longest, counted) = measure(mode, &came.octets);
    assert_eq!(facts.longest_line, longest);
    let limits = &config.limits;
    let faults = [
        (longest > limits.text_line, BodyFault::LineTooLong),
        (facts.nul && config.quirks.refuse_nul, BodyFault::Nul),
        (
            expected.bare_newline && mode == BareNewline::Reject,
            BodyFault::BareNewline,
        ),
        (
            facts.received_fields > limits.received_fields,
            BodyFault::Loop,
        ),
        (counted > limits.message_size, BodyFault::TooBig),
    ];
    let gravest = faults.into_iter().rfind(|(found, _)| *found);
    assert_eq!(decoding.fault, gravest.map(|(_, fault)| fault));
}

/// The longest line with its end, and the octets that count towards the size: those that are
/// handed out, and those that a run of CRs is shortened by. `text` has all octets that came.
fn measure(mode: BareNewline, text: &[u8]) -> (usize, u64) {
    let (mut longest, mut line, mut counted, mut at) = (0, 0, 0, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let crs = rest.iter().take_while(|octet| **octet == b'\r').count();
        let lf = usize::from(rest.get(crs) == Some(&b'\n'));
        let (came, counts, ends) = match mode {
            // A run of CRs, with or without an LF, is one CRLF; all of it counts.
            BareNewline::Normalise if crs + lf > 0 => (crs + lf, crs.max(1) + 1, true),
            BareNewline::Accept if lf > 0 => (crs + 1, crs + 1, true),
            BareNewline::Reject if rest.starts_with(b"\r\n") => (2, 2, true),
            _ => (1, 1, false),
        };
        at += came;
        line += counts;
        counted += counts as u64;
        if ends {
            longest = longest.max(line);
            line = 0;
        }
    }
    (longest, counted)
}

/// What a decoder made of an input.
#[derive(Debug, PartialEq, Eq)]
struct Decoding {
    octets: Vec<u8>,
    end: Option<usize>,
    facts: BodyFacts,
    fault: Option<BodyFault>,
}

impl Decoding {
    fn of<'p>(config: &Config, pieces: impl Iterator<Item = &'p [u8]>) -> Self {
        let mut decoder = Decoder::new(&config.limits, &config.quirks);
        let (mut octets, mut at, mut end) = (Vec::new(), 0, None);
        for mut piece in pieces {
            while end.is_none() {
                let (used, decoded) = decoder.decode(piece);
                at += used;
                piece = &piece[used..];
                match decoded {
                    Decoded::NeedInput => {
                        assert!(piece.is_empty(), "input is left");
                        break;
                    }
                    Decoded::Bytes(bytes) => {
                        assert!(!bytes.is_empty());
                        octets.extend_from_slice(bytes);
                    }
                    Decoded::End => end = Some(at),
                }
            }
        }
        Self {
            octets,
            end,
            facts: *decoder.facts(),
            fault: decoder.fault(),
        }
    }
}
