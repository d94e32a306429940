//! What a server offers in its reply to EHLO (RFC 5321, section 4.1.1.1).

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Offers {
    pub(super) pipelining: bool,
    pub(super) chunking: bool,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
    pub(super) starttls: bool,
    pub(super) auth_plain: bool,
    pub(super) auth_login: bool,
}

impl Offers {
    /// From the lines of the reply, codes included; the first one is a greeting.
    pub(super) fn from_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut offers = Self::default();
        for line in lines.skip(1) {
            let text = line.get(4..).unwrap_or_default();
            // Old servers write AUTH=PLAIN.
            let mut words = text.split(|octet| matches!(octet, b' ' | b'='));
            let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
            match &keyword[..] {
                b"PIPELINING" => offers.pipelining = true,
                b"CHUNKING" => offers.chunking = true,
                b"8BITMIME" => offers.eight_bit = true,
                b"SMTPUTF8" => offers.smtputf8 = true,
                b"STARTTLS" => offers.starttls = true,
                b"AUTH" => {
                    for mechanism in words {
                        offers.auth_plain |= mechanism.eq_ignore_ascii_case(b"PLAIN");
                        offers.auth_login |= mechanism.eq_ignore_ascii_case(b"LOGIN");
                    }
                }
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_found_whatever_their_case_and_the_greeting_is_none() {
        let lines: [&[u8]; 5] = [
            b"250-PIPELINING",
            b"250-starttls",
            b"250-AUTH CRAM-MD5 plain",
            b"250-SIZE 1000",
            b"250 8BITMIME",
        ];
        let expected = Offers {
            starttls: true,
            auth_plain: true,
            eight_bit: true,
            ..Offers::default()
        };
        assert_eq!(Offers::from_lines(lines.into_iter()), expected);
    }

    #[test]
    fn short_lines_offer_nothing() {
        let lines: [&[u8]; 3] = [b"250-x", b"250-", b"250"];
        assert_eq!(Offers::from_lines(lines.into_iter()), Offers::default());
    }
}
