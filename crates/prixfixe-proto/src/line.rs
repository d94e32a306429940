//! Framing of command lines: the end is found under a limit before anything is parsed.

use memchr::memchr_iter;

/// Longest command line in octets with its CRLF: the 512 of RFC 5321 section 4.5.3.1.4.
const LINE_MAX: usize = 512;
/// Longest MAIL: what each extension adds for its parameters, announced or not, so that a client
/// is told which one is not.
const MAIL_LINE_MAX: usize = LINE_MAX
    + 26 // SIZE= (RFC 1870)
    + 17 // BODY= (RFC 6152)
    + 10 // SMTPUTF8 (RFC 6531)
    + 9 + 107 // RET= and ENVID= of 100 characters (RFC 3461)
    + 11 // REQUIRETLS (RFC 8689)
    + 15 // MT-PRIORITY= (RFC 6710)
    + 17 // BY= (RFC 2852)
    + 34 // HOLDFOR= or HOLDUNTIL= (RFC 4865)
    + 500 // AUTH= (RFC 4954)
    + 5; // PRDR (draft-hall-prdr)
/// Longest RCPT: NOTIFY= with all its words, and ORCPT= of 500 octets (RFC 3461).
const RCPT_LINE_MAX: usize = LINE_MAX + 29 + 7 + 500;
/// Longest line of an AUTH exchange, which RFC 4954 section 4 finds sufficient. AUTH itself may
/// be as long, since clients put a whole bearer token into it, though that section forbids it.
pub(crate) const AUTH_LINE_MAX: usize = 12_288;
/// Octets of one over-long line that are skipped before the session ends: no client that can be
/// brought back in step sends more.
const SKIP_MAX: usize = 1 << 20;

/// Finds command lines in the caller's buffer.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    /// Inside of an over-long line: octets skipped so far, and whether the last was a CR.
    skipping: Option<(usize, bool)>,
}

/// What was found, and how many octets of the input that used up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Framed<'i> {
    /// A line, here without its CRLF.
    Line(usize, &'i [u8]),
    /// A line that was too long has ended.
    TooLong(usize),
    /// No end of line yet.
    Incomplete(usize),
    /// A line went on for too long to be skipped.
    Endless,
}

impl Framer {
    /// Looks for a line at the start of `input`. A short incomplete line stays in the caller's
    /// buffer; an over-long one is consumed as it comes.
    pub(crate) fn next<'i>(&mut self, input: &'i [u8]) -> Framed<'i> {
        self.frame(input, limit(input))
    }

    /// The same for a response in an AUTH exchange.
    pub(crate) fn next_response<'i>(&mut self, input: &'i [u8]) -> Framed<'i> {
        self.frame(input, AUTH_LINE_MAX)
    }

    fn frame<'i>(&mut self, input: &'i [u8], limit: usize) -> Framed<'i> {
        let (skipped, after_cr) = self.skipping.unwrap_or_default();
        let end = end_of_line(input, after_cr);
        let seen = end.unwrap_or(input.len());
        if skipped + seen > SKIP_MAX {
            return Framed::Endless;
        }
        match end {
            Some(end) if self.skipping.take().is_some() || end > limit => Framed::TooLong(end),
            Some(end) => Framed::Line(end, &input[..end - 2]),
            None if self.is_at_start() && seen < limit => Framed::Incomplete(0),
            None => {
                let after_cr = input.last().map_or(after_cr, |last| *last == b'\r');
                self.skipping = Some((skipped + seen, after_cr));
                Framed::Incomplete(seen)
            }
        }
    }

    /// Whether the next octet begins a line.
    pub(crate) fn is_at_start(&self) -> bool {
        self.skipping.is_none()
    }
}

fn limit(line: &[u8]) -> usize {
    match line.get(..4) {
        Some(verb) if verb.eq_ignore_ascii_case(b"MAIL") => MAIL_LINE_MAX,
        Some(verb) if verb.eq_ignore_ascii_case(b"RCPT") => RCPT_LINE_MAX,
        Some(verb) if verb.eq_ignore_ascii_case(b"AUTH") => AUTH_LINE_MAX,
        _ => LINE_MAX,
    }
}

/// The position behind the first CRLF; only CRLF ends a command (RFC 5321 section 2.3.8).
fn end_of_line(input: &[u8], after_cr: bool) -> Option<usize> {
    memchr_iter(b'\n', input)
        .find(|at| {
            at.checked_sub(1)
                .map_or(after_cr, |before| input[before] == b'\r')
        })
        .map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_crlf_only() {
        let mut framer = Framer::default();
        assert_eq!(framer.next(b"NOOP\r\nRSET\r\n"), Framed::Line(6, b"NOOP"));
        assert_eq!(framer.next(b"NOOP\nRSET\r"), Framed::Incomplete(0));
        assert_eq!(
            framer.next(b"NOOP\nRSET\r\n"),
            Framed::Line(11, b"NOOP\nRSET")
        );
        assert_eq!(framer.next(b"\r\n"), Framed::Line(2, b""));
        assert_eq!(framer.next(b""), Framed::Incomplete(0));
    }

    #[test]
    fn an_overlong_line_is_skipped_to_its_end() {
        for length in [LINE_MAX - 1, MAIL_LINE_MAX, 5000] {
            let mut input = vec![b'x'; length];
            input.extend_from_slice(b"\r\nNOOP\r\n");
            for chunk in [1, 2, 7, 512, 10_000] {
                let (mut framer, mut seen, mut buffer) =
                    (Framer::default(), Vec::new(), Vec::new());
                for piece in input.chunks(chunk) {
                    buffer.extend_from_slice(piece);
                    loop {
                        let consumed = match framer.next(&buffer) {
                            Framed::Line(consumed, line) => {
                                seen.push(line.to_vec());
                                consumed
                            }
                            Framed::TooLong(consumed) => {
                                seen.push(b"too long".to_vec());
                                consumed
                            }
                            Framed::Incomplete(consumed) => {
                                buffer.drain(..consumed);
                                break;
                            }
                            Framed::Endless => unreachable!("the line ends"),
                        };
                        buffer.drain(..consumed);
                    }
                }
                assert_eq!(
                    seen,
                    [b"too long".to_vec(), b"NOOP".to_vec()],
                    "{length} by {chunk}"
                );
            }
        }
    }

    #[test]
    fn an_endless_line_ends_the_session() {
        let mut framer = Framer::default();
        let block = vec![b'x'; 64 << 10];
        let endless = (0..100).any(|_| framer.next(&block) == Framed::Endless);
        assert!(endless);
    }

    #[test]
    fn mail_and_rcpt_may_be_longer_than_other_commands() {
        let line = |verb: &str, len: usize| {
            let mut line = verb.as_bytes().to_vec();
            line.resize(len - 2, b' ');
            line.extend_from_slice(b"\r\n");
            line
        };
        let mut framer = Framer::default();
        assert!(matches!(
            framer.next(&line("mail", MAIL_LINE_MAX)),
            Framed::Line(..)
        ));
        assert!(matches!(
            framer.next(&line("RCPT", RCPT_LINE_MAX)),
            Framed::Line(..)
        ));
        assert!(matches!(
            framer.next(&line("RCPT", RCPT_LINE_MAX + 1)),
            Framed::TooLong(_)
        ));
        assert!(matches!(
            framer.next(&line("NOOP", LINE_MAX + 1)),
            Framed::TooLong(_)
        ));
    }
}
