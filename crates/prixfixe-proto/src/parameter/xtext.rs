//! The encodings of RFC 3461 section 4 and RFC 6533 section 3, by which any text fits the value of
//! a parameter.

use std::str::Chars;

/// Undoes `xtext`: `+` and two upper-case hexadecimal digits stand for an octet.
///
/// ```abnf
/// xtext   = *( xchar / hexchar )
/// xchar   = %d33-42 / %d44-60 / %d62-126
/// hexchar = "+" 2(%x30-39 / %x41-46)
/// ```
pub(crate) fn decode(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        match octet {
            b'+' => {
                let (digits, behind) = rest.split_at_checked(2)?;
                octets.push(hexadecimal(digits[0])? << 4 | hexadecimal(digits[1])?);
                rest = behind;
            }
            b'!'..=b'<' | b'>'..=b'~' => octets.push(octet),
            _ => return None,
        }
    }
    String::from_utf8(octets).ok()
}

/// Undoes `utf-8-addr-xtext`, which `utf-8-addr-unitext` is too: `\x{...}` stands for a character,
/// and what is not ASCII may stand for itself.
pub(crate) fn decode_utf8_address(text: &str) -> Option<String> {
    let mut decoded = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        decoded.push(match c {
            '\\' => embedded_character(&mut characters)?,
            '+' | '=' => return None,
            '!'..='~' => c,
            c if c.is_ascii() => return None,
            c => c,
        });
    }
    Some(decoded)
}

/// What follows the backslash of `\x{...}`.
fn embedded_character(characters: &mut Chars<'_>) -> Option<char> {
    let (digits, rest) = characters.as_str().strip_prefix("x{")?.split_once('}')?;
    let upper_case = |b: u8| b.is_ascii_digit() || (b'A'..=b'F').contains(&b);
    if !(2..=6).contains(&digits.len()) || !digits.bytes().all(upper_case) {
        return None;
    }
    *characters = rest.chars();
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn xtext() {
        for (text, decoded) in [
            ("", Some("")),
            ("a@b", Some("a@b")),
            ("a+2Bb+3Dc", Some("a+b=c")),
            ("+C3+A9", Some("é")),
            ("+0D+0A", Some("\r\n")),
            ("+", None),
            ("+4", None),
            ("+4g", None),
            ("+c3+a9", None),
            ("+FF", None),
            ("a=b", None),
            ("a b", None),
            ("é", None),
        ] {
            assert_eq!(decode(text).as_deref(), decoded, "{text}");
        }
    }

    #[test]
    fn addresses_in_utf8() {
        for (text, decoded) in [
            ("j\\x{F6}rg@b", Some("jörg@b")),
            ("jörg@b", Some("jörg@b")),
            ("a\\x{2B}b\\x{5C}", Some("a+b\\")),
            ("\\x{10FFFF}", Some("\u{10ffff}")),
            ("\\x{D800}", None),
            ("\\x{110000}", None),
            ("\\x{F}", None),
            ("\\x{f6}", None),
            ("\\x{F6", None),
            ("\\", None),
            ("a+b", None),
            ("a b", None),
        ] {
            assert_eq!(decode_utf8_address(text).as_deref(), decoded, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_survives_its_encoding(text in "\\PC{0,20}") {
            let (mut encoded, mut embedded) = (String::new(), String::new());
            for octet in text.bytes() {
                let _ = write!(encoded, "+{octet:02X}");
            }
            for c in text.chars() {
                let _ = write!(embedded, "\\x{{{:02X}}}", u32::from(c));
            }
            prop_assert_eq!(decode(&encoded), Some(text.clone()));
            prop_assert_eq!(decode_utf8_address(&embedded), Some(text));
        }
    }
}
