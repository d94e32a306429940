//! Replies of a server, found in what was read so far.

/// The longest line of a reply in octets: RFC 5321, section 4.5.3.1.5, says 512; some say more.
pub(super) const MOST_LINE: usize = 4096;
/// The most lines of a reply: an EHLO with every extension there is has some forty.
pub(super) const MOST_LINES: usize = 128;
/// The longest reply in octets, all lines together: it is kept as a whole.
pub(super) const MOST_REPLY: usize = 16 * 1024;

/// A whole reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    /// 200 to 599.
    pub(super) code: u16,
    /// Its octets, from the first one that was given to the parser.
    pub(super) length: usize,
}

/// A reply of which a part was seen, line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ReplyParser {
    /// How many octets are known to hold whole lines.
    read: usize,
    /// How many beyond them are known to hold no line end.
    scanned: usize,
    lines: usize,
    code: Option<u16>,
}

impl ReplyParser {
    /// Goes on with all octets since the start of the reply; `None` asks for more of them.
    pub(super) fn advance(&mut self, octets: &[u8]) -> Result<Option<Reply>, Malformed> {
        loop {
            let rest = octets.get(self.read..).unwrap_or_default();
            let unseen = rest.get(self.scanned..).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', unseen) else {
                self.scanned = rest.len();
                if self.scanned > MOST_LINE {
                    return Err(Malformed("a line without an end"));
                }
                if octets.len() > MOST_REPLY {
                    return Err(Malformed("a reply without an end"));
                }
                return Ok(None);
            };
            let length = self.scanned + end + 1;
            let (code, last) = line(&rest[..length])?;
            if self.code.is_some_and(|first| first != code) {
                return Err(Malformed("a reply with two codes"));
            }
            self.code = Some(code);
            self.lines += 1;
            self.read += length;
            self.scanned = 0;
            if last {
                let length = self.read;
                *self = Self::default();
                return Ok(Some(Reply { code, length }));
            }
            if self.lines >= MOST_LINES || self.read > MOST_REPLY {
                return Err(Malformed("a reply without an end"));
            }
        }
    }
}

/// The code of a line with its end, and whether it is the last one (RFC 5321, section 4.2).
fn line(line: &[u8]) -> Result<(u16, bool), Malformed> {
    if line.len() > MOST_LINE {
        return Err(Malformed("a line that is too long"));
    }
    let line = line
        .strip_suffix(b"\r\n")
        .ok_or(Malformed("a line that does not end in CRLF"))?;
    let [
        hundreds @ b'2'..=b'5',
        tens @ b'0'..=b'9',
        ones @ b'0'..=b'9',
        rest @ ..,
    ] = line
    else {
        return Err(Malformed("a line without a code"));
    };
    let code = [hundreds, tens, ones]
        .iter()
        .fold(0, |code, digit| code * 10 + u16::from(**digit - b'0'));
    match rest.first() {
        None | Some(b' ') => Ok((code, true)),
        Some(b'-') => Ok((code, false)),
        Some(_) => Err(Malformed("a line without a code")),
    }
}

/// Octets that are no reply, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(octets: &[u8]) -> Result<Option<Reply>, Malformed> {
        ReplyParser::default().advance(octets)
    }

    #[test]
    fn replies_of_one_line_and_of_several() {
        for (text, code) in [
            ("250\r\n", 250),
            ("250 ok\r\n", 250),
            ("250-a\r\n250-b\r\n250 c\r\n", 250),
            ("599-\r\n599\r\n", 599),
        ] {
            let length = text.len();
            assert_eq!(whole(text.as_bytes()), Ok(Some(Reply { code, length })));
        }
    }

    #[test]
    fn what_follows_a_reply_is_left() {
        let reply = whole(b"250 ok\r\n421 bye\r\n").unwrap().unwrap();
        assert_eq!(reply.length, 8);
    }

    #[test]
    fn a_reply_that_is_cut_anywhere_is_the_same() {
        let text = b"250-one\r\n250-\r\n250 three\r\n";
        for cut in 0..text.len() {
            let mut parser = ReplyParser::default();
            assert_eq!(parser.advance(&text[..cut]), Ok(None), "{cut}");
            assert_eq!(parser.advance(text), whole(text), "{cut}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for text in [
            "hello\r\n",
            "250 ok\n",
            "25\r\n",
            "2500 ok\r\n",
            "150 no\r\n",
            "650 no\r\n",
            "250-a\r\n251 b\r\n",
            "\r\n",
        ] {
            assert!(whole(text.as_bytes()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_line_and_a_reply_have_bounds() {
        let line = [b"250 ", &vec![b'x'; MOST_LINE][..]].concat();
        assert!(whole(&line).is_err());
        let lines = b"250-x\r\n".repeat(MOST_LINES);
        assert!(whole(&lines).is_err());
        let long = [b"250-", &vec![b'x'; MOST_LINE - 6][..], b"\r\n"].concat();
        assert_eq!(whole(&long), Ok(None));
        assert!(whole(&long.repeat(MOST_REPLY / MOST_LINE + 1)).is_err());
    }

    proptest! {
        #[test]
        fn no_octets_panic_and_cuts_change_nothing(
            octets in proptest::collection::vec(
                prop_oneof![Just(b'2'), Just(b'5'), Just(b'0'), Just(b'-'), Just(b' '), Just(b'\r'), Just(b'\n'), any::<u8>()],
                0..60,
            ),
        ) {
            let mut parser = ReplyParser::default();
            let mut found = Ok(None);
            for length in 0..=octets.len() {
                found = parser.advance(&octets[..length]);
                if found != Ok(None) {
                    break;
                }
            }
            prop_assert_eq!(found, whole(&octets));
        }
    }
}
