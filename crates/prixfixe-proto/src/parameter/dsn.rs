//! Which notifications a client wants (RFC 3461).

use std::{fmt, str::FromStr};

use super::{Malformed, xtext};

/// `RET=`: how much of a message goes back with a notification (RFC 3461 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DsnReturn {
    /// `FULL`: all of it.
    Full,
    /// `HDRS`: its header.
    Headers,
}

/// `ENVID=`: the name of a transaction, which goes back with its notifications (RFC 3461
/// section 4.4).
///
/// Printable ASCII and spaces, at most 100; the encoding is undone. It can break no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeId(Box<str>);

/// `NOTIFY=`: on what a notification is wanted (RFC 3461 section 4.1); on nothing for `NEVER`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notify {
    /// The message was delivered.
    pub success: bool,
    /// It cannot be delivered.
    pub failure: bool,
    /// It takes long.
    pub delay: bool,
}

/// `ORCPT=`: whom a message was for at first (RFC 3461 section 4.2).
///
/// The address is printable, with its encoding undone; it can break no line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalRecipient {
    address_type: Box<str>,
    address: Box<str>,
}

/// Longest `ENVID=` (RFC 3461 section 4.4), in characters.
const ENVELOPE_ID_MAX: usize = 100;
/// Longest `ORCPT=` (RFC 3461 section 4.2), in octets.
const ORIGINAL_RECIPIENT_MAX: usize = 500;

impl FromStr for DsnReturn {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match text {
            _ if text.eq_ignore_ascii_case("FULL") => Ok(Self::Full),
            _ if text.eq_ignore_ascii_case("HDRS") => Ok(Self::Headers),
            _ => Err(Malformed),
        }
    }
}

impl EnvelopeId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn from_xtext(text: &str) -> Result<Self, Malformed> {
        let name = xtext::decode(text).ok_or(Malformed)?;
        let printable = |b: u8| matches!(b, b' '..=b'~');
        if name.is_empty() || name.len() > ENVELOPE_ID_MAX || !name.bytes().all(printable) {
            return Err(Malformed);
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Notify {
    /// No notification at all.
    pub const NEVER: Self = Self {
        success: false,
        failure: false,
        delay: false,
    };
}

impl FromStr for Notify {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut notify = Self::NEVER;
        if text.eq_ignore_ascii_case("NEVER") {
            return Ok(notify);
        }
        for word in text.split(',') {
            match word {
                _ if word.eq_ignore_ascii_case("SUCCESS") => notify.success = true,
                _ if word.eq_ignore_ascii_case("FAILURE") => notify.failure = true,
                _ if word.eq_ignore_ascii_case("DELAY") => notify.delay = true,
                _ => return Err(Malformed),
            }
        }
        Ok(notify)
    }
}

impl OriginalRecipient {
    /// What kind of address it is, in lower case; `rfc822` for mail.
    pub fn address_type(&self) -> &str {
        &self.address_type
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether the address needs SMTPUTF8.
    pub fn is_internationalized(&self) -> bool {
        !self.address.is_ascii()
    }

    /// `original-recipient-address = addr-type ";" xtext`; an address of type `utf-8` has an
    /// encoding of its own (RFC 6533 section 3).
    pub(crate) fn from_encoded(text: &str) -> Result<Self, Malformed> {
        if text.len() > ORIGINAL_RECIPIENT_MAX {
            return Err(Malformed);
        }
        let (address_type, encoded) = text.split_once(';').ok_or(Malformed)?;
        let address_type = address_type.to_ascii_lowercase();
        let in_utf8 = address_type == "utf-8";
        let address = if in_utf8 {
            xtext::decode_utf8_address(encoded)
        } else {
            xtext::decode(encoded)
        };
        let address = address.ok_or(Malformed)?;
        let type_ok = !address_type.is_empty()
            && address_type
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let allowed = |c| matches!(c, ' '..='~') || in_utf8 && crate::address::is_utf8_text(c);
        if !type_ok || address.is_empty() || !address.chars().all(allowed) {
            return Err(Malformed);
        }
        Ok(Self {
            address_type: address_type.into(),
            address: address.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_ids() {
        let id = |text: &str| EnvelopeId::from_xtext(text).map(|id| id.to_string());
        assert_eq!(id("QQ+20314159+2B"), Ok("QQ 314159+".to_owned()));
        assert!(id(&"x".repeat(100)).is_ok());
        let long = "x".repeat(101);
        for bad in [
            "",
            "+0D+0AX-Forged:yes",
            "+00",
            "+7F",
            "+C3+A9",
            "a+",
            &long,
        ] {
            assert_eq!(id(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn notify() {
        assert_eq!("never".parse(), Ok(Notify::NEVER));
        let some = Notify {
            success: true,
            failure: false,
            delay: true,
        };
        assert_eq!("DELAY,success".parse(), Ok(some));
        for bad in [
            "NEVER,DELAY",
            "",
            "DELAY,",
            ",DELAY",
            "ALWAYS",
            "SUCCESS;DELAY",
        ] {
            assert_eq!(bad.parse::<Notify>(), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn original_recipients() {
        let parse = |text: &str| {
            OriginalRecipient::from_encoded(text)
                .map(|r| (r.address_type().to_owned(), r.address().to_owned()))
        };
        let is = |kind: &str, address: &str| Ok((kind.to_owned(), address.to_owned()));
        assert_eq!(parse("RFC822;a+2Bb@c"), is("rfc822", "a+b@c"));
        assert_eq!(parse("utf-8;j\\x{F6}rg@c"), is("utf-8", "jörg@c"));
        assert_eq!(parse("utf-8;jörg@c"), is("utf-8", "jörg@c"));
        assert_eq!(parse("X400;/S+3D"), is("x400", "/S="));
        let long = format!("rfc822;{}", "x".repeat(500));
        for bad in [
            "a@b",
            ";a@b",
            "rfc822;",
            "rfc 822;a",
            "rfc822;a+0D+0Ab",
            "rfc822;jörg@c",
            "rfc822;j+C3+B6rg@c",
            "utf-8;a\\x{0A}b",
            "utf-8;a\\x{202E}b",
            &long,
        ] {
            assert_eq!(parse(bad), Err(Malformed), "{bad}");
        }
    }
}
