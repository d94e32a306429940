//! Domain names and address literals.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::TextSetting;

/// A domain name in lower case, or an address literal such as `[192.0.2.1]`: all ASCII, so that
/// it can stand in a greeting.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DomainName(String);

impl DomainName {
    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a domain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DomainError {
    /// Nothing at all.
    #[error("the domain is empty; write a name such as \"mx.example.com\"")]
    Empty,
    /// Longer than DNS can say.
    #[error("the domain {0:?} is longer than 253 bytes; write a shorter one")]
    TooLong(String),
    /// A label that is empty or over 63 bytes, or begins or ends with a hyphen.
    #[error(
        "{domain:?} has the bad label {label:?}; labels have 1 to 63 characters and no hyphen at either end"
    )]
    BadLabel {
        /// The whole text.
        domain: String,
        /// The label.
        label: String,
    },
    /// A character that no label has.
    #[error("{domain:?} has the character {character:?}; use letters, digits, hyphens and dots")]
    BadCharacter {
        /// The whole text.
        domain: String,
        /// The character.
        character: char,
    },
    /// Brackets around something else than an address.
    #[error(
        "{0:?} is not an address literal; write it as \"[192.0.2.1]\" or \"[IPv6:2001:db8::1]\""
    )]
    BadLiteral(String),
}

impl FromStr for DomainName {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        parse(text).map(Self)
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TextSetting for DomainName {
    fn wording() -> String {
        "a domain name, such as \"mx.example.com\"".to_owned()
    }
}

/// The longest name that fits a DNS message, without the dot at the end.
const LONGEST_DOMAIN: usize = 253;
/// RFC 1035, section 2.3.4.
const LONGEST_LABEL: usize = 63;

fn parse(text: &str) -> Result<String, DomainError> {
    if text.is_empty() {
        return Err(DomainError::Empty);
    }
    if text.len() > LONGEST_DOMAIN {
        return Err(DomainError::TooLong(text.to_owned()));
    }
    if text.starts_with('[') {
        return literal(text).ok_or_else(|| DomainError::BadLiteral(text.to_owned()));
    }
    for label in text.split('.') {
        let length_is_bad = label.is_empty() || label.len() > LONGEST_LABEL;
        if length_is_bad || label.starts_with('-') || label.ends_with('-') {
            return Err(DomainError::BadLabel {
                domain: text.to_owned(),
                label: label.to_owned(),
            });
        }
        let is_bad = |character: &char| !character.is_ascii_alphanumeric() && *character != '-';
        if let Some(character) = label.chars().find(is_bad) {
            return Err(DomainError::BadCharacter {
                domain: text.to_owned(),
                character,
            });
        }
    }
    Ok(text.to_lowercase())
}

/// RFC 5321, section 4.1.3.
fn literal(text: &str) -> Option<String> {
    let inside = text.strip_prefix('[')?.strip_suffix(']')?;
    let canonical = match inside.strip_prefix("IPv6:") {
        Some(address) => format!("[IPv6:{}]", address.parse::<Ipv6Addr>().ok()?),
        None => format!("[{}]", inside.parse::<Ipv4Addr>().ok()?),
    };
    Some(canonical)
}

#[cfg(test)]
mod tests {
    use super::DomainName;

    #[test]
    fn accepts_names_and_literals() {
        let check = |text: &str, kept: &str| {
            assert_eq!(text.parse::<DomainName>().unwrap().as_str(), kept);
        };
        check("localhost", "localhost");
        check("MX1.Example.COM", "mx1.example.com");
        check("xn--bcher-kva.example", "xn--bcher-kva.example");
        check("[192.0.2.1]", "[192.0.2.1]");
        check("[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]");
    }

    #[test]
    fn refuses_the_rest() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<DomainName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "empty");
        check("a..b", "label");
        check("example.com.", "label");
        check("-a.example", "label");
        check("mx example", "character ' '");
        check("mx\r\n250 ok", "character '\\r'");
        check("bücher.example", "character 'ü'");
        check("mx_1.example", "character '_'");
        check("[localhost]", "literal");
        check(&"a".repeat(64), "label");
        check(&"a.".repeat(130), "253");
    }
}
