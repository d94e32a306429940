//! The body of DATA by the words of RFC 5321 section 4.5.2 and nothing else: slow, obvious, and
//! the measure of the decoder.

use prixfixe_proto::BareNewline;

/// A body that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NaiveBody {
    pub(crate) octets: Vec<u8>,
    /// A CR or an LF stood alone in it.
    pub(crate) bare_newline: bool,
    /// Where in the input it ended, its CRLF "." CRLF included.
    pub(crate) end: usize,
}

impl NaiveBody {
    /// The body at the start of `input`, or nothing if it does not end there.
    pub(crate) fn of(input: &[u8], mode: BareNewline) -> Option<Self> {
        // The CRLF of DATA stands before the first line.
        let text = [b"\r\n", input].concat();
        let end = text.windows(5).position(|five| five == b"\r\n.\r\n")?;
        let body = &text[..end + 2];
        let unstuffed = replace(body, b"\r\n.", b"\r\n").split_off(2);
        let bare_newline = has_bare_newline(body);
        let octets = match mode {
            BareNewline::Reject | BareNewline::Accept => unstuffed,
            BareNewline::Normalise => normalise(&unstuffed),
        };
        Some(Self {
            octets,
            bare_newline,
            end: end + 3,
        })
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let (mut replaced, mut at) = (Vec::new(), 0);
    while at < text.len() {
        if text[at..].starts_with(from) {
            replaced.extend_from_slice(to);
            at += from.len();
        } else {
            replaced.push(text[at]);
            at += 1;
        }
    }
    replaced
}

fn has_bare_newline(text: &[u8]) -> bool {
    let rest = replace(text, b"\r\n", b"");
    // What remains may have come together only now, and is bare all the same.
    rest.iter().any(|octet| matches!(octet, b'\r' | b'\n'))
}

/// Any run of CRs with or without an LF, and any LF, is one CRLF.
fn normalise(text: &[u8]) -> Vec<u8> {
    let (mut lines, mut at) = (Vec::new(), 0);
    while at < text.len() {
        let crs = text[at..].iter().take_while(|o| **o == b'\r').count();
        let lf = usize::from(text.get(at + crs) == Some(&b'\n'));
        if crs + lf > 0 {
            lines.extend_from_slice(b"\r\n");
            at += crs + lf;
        } else {
            lines.push(text[at]);
            at += 1;
        }
    }
    lines
}
