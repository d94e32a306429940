//! Domains, address literals and the name a client gives in HELO or EHLO.

use std::{fmt, net::Ipv4Addr, net::Ipv6Addr, str::FromStr};

/// Longest domain in octets (RFC 5321 section 4.5.3.1.2).
const DOMAIN_MAX: usize = 255;
/// Longest label of a domain in octets (RFC 1035 section 2.3.4).
const LABEL_MAX: usize = 63;

/// A domain name or an address literal (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
///
/// ```abnf
/// Domain          = sub-domain *("." sub-domain)
/// sub-domain      = Let-dig [Ldh-str] / U-label
/// address-literal = "[" ( IPv4-address-literal / IPv6-address-literal ) "]"
/// ```
///
/// The grammar knows a `General-address-literal` too; no standard has ever defined one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Domain(Box<str>);

/// Why a text is no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DomainError {
    /// Nothing, or nothing between two dots.
    #[error("a label is empty")]
    EmptyLabel,
    /// A label above 63 octets or a domain above 255.
    #[error("a label is longer than 63 octets or the domain longer than 255")]
    TooLong,
    /// A character that no label may hold, or a hyphen at an end of one.
    #[error("a label holds a character that is not allowed there")]
    Character,
    /// Brackets around something that is no address.
    #[error("the address literal holds no address")]
    Literal,
}

impl Domain {
    /// The text as the client gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an address in brackets.
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        check(text).map(|()| Self(text.into()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a client called itself in HELO or EHLO.
///
/// Real clients send names that are no domains (underscores, bare addresses), and RFC 5321
/// section 4.1.4 forbids to refuse mail for it, so this takes any characters that cannot break a
/// `Received:` field: letters, digits, `-._:[]` and non-ASCII letters; at most 255 octets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HeloName(Box<str>);

impl HeloName {
    /// The name as the client gave it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeloName {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        let allowed =
            |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c) || is_label_character(c);
        match text {
            "" => Err(DomainError::EmptyLabel),
            _ if text.len() > DOMAIN_MAX => Err(DomainError::TooLong),
            _ if text.chars().all(allowed) => Ok(Self(text.into())),
            _ => Err(DomainError::Character),
        }
    }
}

impl fmt::Display for HeloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is a domain or an address literal.
pub(crate) fn check(text: &str) -> Result<(), DomainError> {
    if text.len() > DOMAIN_MAX {
        return Err(DomainError::TooLong);
    }
    match text.strip_prefix('[') {
        Some(literal) => check_literal(literal.strip_suffix(']').ok_or(DomainError::Literal)?),
        None => text.split('.').try_for_each(check_label),
    }
}

fn check_label(label: &str) -> Result<(), DomainError> {
    if label.is_empty() {
        return Err(DomainError::EmptyLabel);
    }
    if label.len() > LABEL_MAX {
        return Err(DomainError::TooLong);
    }
    let hyphen_at_end = label.starts_with('-') || label.ends_with('-');
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || is_label_character(c);
    if hyphen_at_end || !label.chars().all(allowed) {
        return Err(DomainError::Character);
    }
    Ok(())
}

/// A non-ASCII character that a U-label may hold; which of them exist in the DNS (RFC 5890) is
/// for a resolver to say.
fn is_label_character(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !c.is_whitespace() && !is_bidi_control(c)
}

/// A character that changes the direction of the text around it, by which a name in a log could
/// be made to look like another (Unicode Standard Annex 9).
pub(crate) fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn check_literal(literal: &str) -> Result<(), DomainError> {
    let valid = match literal.split_once(':') {
        None => literal.parse::<Ipv4Addr>().is_ok(),
        Some((tag, address)) => {
            tag.eq_ignore_ascii_case("IPv6") && address.parse::<Ipv6Addr>().is_ok()
        }
    };
    if valid {
        Ok(())
    } else {
        Err(DomainError::Literal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains() {
        for good in [
            "a",
            "example.com",
            "x-1.example",
            "1.2",
            "münchen.example",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
            "[ipv6:::1]",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, error) in [
            ("", DomainError::EmptyLabel),
            ("a..b", DomainError::EmptyLabel),
            ("example.com.", DomainError::EmptyLabel),
            ("-a.b", DomainError::Character),
            ("a-.b", DomainError::Character),
            ("a_b", DomainError::Character),
            ("a b", DomainError::Character),
            ("a\u{85}b", DomainError::Character),
            ("[192.0.2.1", DomainError::Literal),
            ("[192.0.2.999]", DomainError::Literal),
            ("[IPv6:1.2.3.4]", DomainError::Literal),
            ("[2001:db8::g]", DomainError::Literal),
            ("[tag:abc]", DomainError::Literal),
            ("[]", DomainError::Literal),
        ] {
            assert_eq!(check(bad), Err(error), "{bad}");
        }
        assert_eq!(check(&"a".repeat(64)), Err(DomainError::TooLong));
        assert_eq!(check(&["a"; 129].join(".")), Err(DomainError::TooLong));
    }

    #[test]
    fn a_helo_name_cannot_break_a_header() {
        for good in [
            "client_1",
            "192.0.2.7",
            "[192.0.2.7]",
            "fe80::1",
            "ünï.example",
        ] {
            assert!(good.parse::<HeloName>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a b",
            "a\r\nX: y",
            "a(b)",
            "<a>",
            "a;b",
            "a\u{2028}b",
            "a\"b",
        ] {
            assert!(bad.parse::<HeloName>().is_err(), "{bad}");
        }
    }
}
