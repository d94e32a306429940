use super::*;

const MODES: [BareNewline; 3] = [
    BareNewline::Reject,
    BareNewline::Normalise,
    BareNewline::Accept,
];

fn decoder(bare_newline: BareNewline) -> Decoder {
    Decoder::new(
        &Limits::default(),
        &Quirks {
            bare_newline,
            ..Quirks::default()
        },
    )
}

/// What a body came to: its octets, what follows it if it ended, and what was noticed.
#[derive(Debug, PartialEq)]
struct Outcome {
    bytes: Vec<u8>,
    rest: Option<usize>,
    bare_cr: bool,
    bare_lf: bool,
    longest_line: usize,
}

fn decode(bare_newline: BareNewline, chunks: &[&[u8]]) -> Outcome {
    let mut decoder = decoder(bare_newline);
    let (mut bytes, mut rest) = (Vec::new(), None);
    'chunks: for (number, chunk) in chunks.iter().enumerate() {
        let mut input = *chunk;
        loop {
            let (consumed, decoded) = decoder.decode(input);
            input = &input[consumed..];
            match decoded {
                Decoded::Bytes(piece) => bytes.extend_from_slice(piece),
                Decoded::NeedInput => break,
                Decoded::End => {
                    let later: usize = chunks[number + 1..].iter().map(|c| c.len()).sum();
                    rest = Some(input.len() + later);
                    break 'chunks;
                }
            }
        }
    }
    let facts = decoder.facts();
    let (bare_cr, bare_lf) = (facts.bare_cr, facts.bare_lf);
    Outcome {
        bytes,
        rest,
        bare_cr,
        bare_lf,
        longest_line: facts.longest_line,
    }
}

/// Octet by octet and by the words of the RFC: lines end at CRLF, a line of one dot ends the
/// body, a dot that begins another line is dropped.
fn naive(bare_newline: BareNewline, input: &[u8]) -> (Vec<u8>, Option<usize>) {
    let (mut bytes, mut line_start) = (Vec::new(), 0);
    let mut end = None;
    while let Some(len) = input[line_start..]
        .windows(2)
        .position(|pair| pair == b"\r\n")
    {
        let line = &input[line_start..line_start + len + 2];
        line_start += line.len();
        if line == b".\r\n" {
            end = Some(input.len() - line_start);
            break;
        }
        bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    if end.is_none() {
        let tail = &input[line_start..];
        bytes.extend_from_slice(tail.strip_prefix(b".").unwrap_or(tail));
        // What might still become CRLF is not handed out yet.
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bare_newline == BareNewline::Normalise {
        bytes = naive_normalise(&bytes, end.is_none() && input.ends_with(b"\r"));
    }
    (bytes, end)
}

fn naive_normalise(bytes: &[u8], cr_held_back: bool) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|b| **b == b'\r').count();
        let open_end = at + run == bytes.len() && cr_held_back;
        match (run, bytes.get(at + run)) {
            (0, Some(b'\n')) => {
                out.extend_from_slice(b"\r\n");
                at += 1;
            }
            (0, Some(octet)) => {
                out.push(*octet);
                at += 1;
            }
            (_, Some(b'\n')) => {
                out.extend_from_slice(b"\r\n");
                at += run + 1;
            }
            _ if open_end => at += run,
            _ => {
                out.extend_from_slice(b"\r\n");
                at += run;
            }
        }
    }
    out
}

#[test]
fn all_short_strings_agree_with_the_naive_model() {
    let alphabet = [b'\r', b'\n', b'.', b'x'];
    for length in 0..=8_u32 {
        for number in 0..4_usize.pow(length) {
            let input: Vec<u8> = (0..length)
                .map(|place| alphabet[number >> (2 * place) & 3])
                .collect();
            for mode in MODES {
                let whole = decode(mode, &[&input]);
                let (bytes, rest) = naive(mode, &input);
                assert_eq!(
                    (&whole.bytes, whole.rest),
                    (&bytes, rest),
                    "{mode:?} {input:?}"
                );
                let octets: Vec<&[u8]> = input.chunks(1).collect();
                assert_eq!(decode(mode, &octets), whole, "{mode:?} {input:?} by octets");
            }
        }
    }
}

#[test]
fn every_split_gives_the_same() {
    let input = b".\r.x\r\n..dot\r\nbare\nlf\rcr\r\r\n\r\n.\r\r\n\n.\r\n\0end\r\n.\r\nNOOP\r\n";
    for mode in MODES {
        let whole = decode(mode, &[input]);
        assert_eq!(whole.rest, Some(6), "{mode:?}");
        for first in 0..input.len() {
            for second in first..input.len() {
                let chunks = [&input[..first], &input[first..second], &input[second..]];
                assert_eq!(decode(mode, &chunks), whole, "{mode:?} {first} {second}");
            }
        }
    }
}

#[test]
fn a_sound_body_is_handed_out_in_one_piece() {
    let input = b"Subject: x\r\n\r\none\r\ntwo\r\n.\r\n";
    let mut decoder = decoder(BareNewline::Reject);
    let (consumed, decoded) = decoder.decode(input);
    assert_eq!(decoded, Decoded::Bytes(&input[..input.len() - 3]));
    assert_eq!(decoder.decode(&input[consumed..]), (3, Decoded::End));
    assert_eq!(decoder.fault(), None);
}

#[test]
fn faults() {
    let limits = Limits {
        message_size: 40,
        text_line: 11,
        received_fields: 1,
        ..Limits::default()
    };
    let quirks = Quirks {
        refuse_nul: true,
        ..Quirks::default()
    };
    for (input, fault) in [
        (&b"123456789\r\n..23456789\r\n.\r\n"[..], None),
        (b"1234567890\r\n.\r\n", Some(BodyFault::LineTooLong)),
        (b"1234567890xx", Some(BodyFault::LineTooLong)),
        (b"a\nb\r\n.\r\n", Some(BodyFault::BareNewline)),
        (b"a\rb\r\n.\r\n", Some(BodyFault::BareNewline)),
        (b"a\0b\r\n.\r\n", Some(BodyFault::Nul)),
        (
            b"1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n8\r\n9\r\n1\r\n2\r\n3\r\n4\r\n5\r\n",
            Some(BodyFault::TooBig),
        ),
        (b"Received:\r\nReceived:\r\n", Some(BodyFault::Loop)),
    ] {
        let mut decoder = Decoder::new(&limits, &quirks);
        let mut rest = input;
        while let (consumed, Decoded::Bytes(_)) = decoder.decode(rest) {
            rest = &rest[consumed..];
        }
        assert_eq!(
            decoder.fault(),
            fault,
            "{:?}",
            String::from_utf8_lossy(input)
        );
    }
}
