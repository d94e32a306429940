//! Mailboxes and paths (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

use std::{fmt, str::FromStr};

use crate::domain;

/// Longest path in octets with its angle brackets (RFC 5321 section 4.5.3.1.3).
const PATH_MAX: usize = 256;
/// Longest local part in octets where lengths are strict (RFC 5321 section 4.5.3.1.1). VERP and
/// SRS need more, so by default only the path is limited.
pub(crate) const LOCAL_PART_STRICT_MAX: usize = 64;

/// `Mailbox = Local-part "@" ( Domain / address-literal )`
///
/// Kept as the client wrote it: a quoted local part stays quoted, case is not changed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    text: Box<str>,
    /// Octets before the "@"; a path is too short for this to overflow.
    local_part_len: u16,
}

/// `Reverse-path = Path / "<>"`: where a failure notice goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    /// `<>`: this mail is itself a notice, nothing is ever sent back.
    Null,
    /// The sender.
    Mailbox(Mailbox),
}

/// `Forward-path = Path / "<Postmaster>"`: whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    /// `<postmaster>` without a domain (RFC 5321 section 4.5.1).
    Postmaster,
    /// A recipient.
    Mailbox(Mailbox),
}

/// Why a text is no path or mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Not valid UTF-8.
    #[error("the address is not UTF-8")]
    Utf8,
    /// `<` or `>` is missing.
    #[error("the address stands in angle brackets")]
    Brackets,
    /// No "@".
    #[error("the address has no domain")]
    NoDomain,
    /// The local part is neither a dot-string nor a quoted string.
    #[error("the local part is malformed")]
    LocalPart,
    /// The domain is malformed.
    #[error("the domain is malformed: {0}")]
    Domain(#[from] domain::DomainError),
    /// The source route in front of the address is malformed.
    #[error("the source route is malformed")]
    SourceRoute,
    /// The path is longer than 256 octets.
    #[error("the address is too long")]
    TooLong,
}

impl Mailbox {
    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What stands before the last "@", with its quotes if it has any.
    pub fn local_part(&self) -> &str {
        &self.text[..usize::from(self.local_part_len)]
    }

    /// What stands after the "@": a domain, or an address in brackets.
    pub fn domain(&self) -> &str {
        &self.text[usize::from(self.local_part_len) + 1..]
    }

    /// Whether the address needs SMTPUTF8 (RFC 6531).
    pub fn is_internationalized(&self) -> bool {
        !self.text.is_ascii()
    }
}

impl FromStr for Mailbox {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() + "<>".len() > PATH_MAX {
            return Err(AddressError::TooLong);
        }
        let local_part_len = local_part_len(text)?;
        let rest = &text[local_part_len..];
        domain::check(rest.strip_prefix('@').ok_or(AddressError::NoDomain)?)?;
        let local_part_len = u16::try_from(local_part_len).map_err(|_| AddressError::TooLong)?;
        Ok(Self {
            text: text.into(),
            local_part_len,
        })
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl ReversePath {
    /// The sender, or nothing for `<>`.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.mailbox().map_or("", Mailbox::as_str))
    }
}

impl ForwardPath {
    /// The address; `postmaster` without a domain for [`ForwardPath::Postmaster`].
    pub fn as_str(&self) -> &str {
        match self {
            Self::Postmaster => "postmaster",
            Self::Mailbox(mailbox) => mailbox.as_str(),
        }
    }

    /// The recipient, or nothing for `<postmaster>`.
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.as_str())
    }
}

/// Parses a reverse path at the start of `text` and returns what follows it.
pub(crate) fn reverse_path(
    text: &str,
    brackets_optional: bool,
) -> Result<(ReversePath, &str), AddressError> {
    if let Some(rest) = text.strip_prefix("<>") {
        return Ok((ReversePath::Null, rest));
    }
    let (inner, rest) = path(text, brackets_optional)?;
    Ok((ReversePath::Mailbox(inner.parse()?), rest))
}

/// Parses a forward path at the start of `text` and returns what follows it.
pub(crate) fn forward_path(
    text: &str,
    brackets_optional: bool,
) -> Result<(ForwardPath, &str), AddressError> {
    let (inner, rest) = path(text, brackets_optional)?;
    if inner.eq_ignore_ascii_case("postmaster") {
        return Ok((ForwardPath::Postmaster, rest));
    }
    Ok((ForwardPath::Mailbox(inner.parse()?), rest))
}

/// Splits a path into the address without brackets and source route, and what follows.
fn path(text: &str, brackets_optional: bool) -> Result<(&str, &str), AddressError> {
    let Some(inner) = text.strip_prefix('<') else {
        if !brackets_optional {
            return Err(AddressError::Brackets);
        }
        return Ok(text.split_at(text.find(' ').unwrap_or(text.len())));
    };
    // A ">" may stand inside a quoted local part, so the end is looked for after it.
    let address = without_source_route(inner)?;
    let local_part_len = local_part_len(address)?;
    let end = address[local_part_len..]
        .find('>')
        .ok_or(AddressError::Brackets)?
        + local_part_len;
    Ok((&address[..end], &address[end + 1..]))
}

/// Drops `A-d-l ":"`, which must be understood and should be ignored (RFC 5321 appendix C).
fn without_source_route(text: &str) -> Result<&str, AddressError> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    // An address literal may hold colons, so the route ends at the first colon outside of one.
    let mut in_literal = false;
    let end = text.find(|c| {
        match c {
            '[' => in_literal = true,
            ']' => in_literal = false,
            _ => {}
        }
        c == ':' && !in_literal
    });
    let (route, address) = text.split_at(end.ok_or(AddressError::SourceRoute)?);
    for hop in route.split(',') {
        let domain = hop.strip_prefix('@').ok_or(AddressError::SourceRoute)?;
        domain::check(domain).map_err(|_| AddressError::SourceRoute)?;
    }
    Ok(&address[1..])
}

/// Length in octets of the local part at the start of `text`.
///
/// ```abnf
/// Local-part    = Dot-string / Quoted-string
/// Dot-string    = Atom *("." Atom)
/// Quoted-string = DQUOTE *( qtextSMTP / quoted-pairSMTP ) DQUOTE
/// ```
fn local_part_len(text: &str) -> Result<usize, AddressError> {
    if let Some(quoted) = text.strip_prefix('"') {
        return quoted_content_len(quoted).map(|len| len + 2);
    }
    let len = text
        .find(|c| c != '.' && !is_atext(c))
        .unwrap_or(text.len());
    let atoms = &text[..len];
    if atoms.split('.').any(str::is_empty) {
        return Err(AddressError::LocalPart);
    }
    Ok(len)
}

/// Octets up to the closing quote.
fn quoted_content_len(text: &str) -> Result<usize, AddressError> {
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Ok(at),
            '\\' => match characters.next() {
                Some((_, ' '..='~')) => {}
                _ => return Err(AddressError::LocalPart),
            },
            ' '..='~' => {}
            _ if is_utf8_text(c) => {}
            _ => return Err(AddressError::LocalPart),
        }
    }
    Err(AddressError::LocalPart)
}

/// `atext` of RFC 5322 section 3.2.3, with the `UTF8-non-ascii` of RFC 6531 section 3.3.
fn is_atext(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || is_utf8_text(c)
}

/// Non-ASCII text; controls are left out, since they are no text anywhere.
pub(crate) fn is_utf8_text(c: char) -> bool {
    !c.is_ascii() && !c.is_control() && !domain::is_bidi_control(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mailbox(text: &str) -> Result<(String, String), AddressError> {
        let mailbox: Mailbox = text.parse()?;
        Ok((mailbox.local_part().to_owned(), mailbox.domain().to_owned()))
    }

    #[test]
    fn mailboxes() {
        for (text, local_part, domain) in [
            ("a@b", "a", "b"),
            (
                "first.last+tag@example.com",
                "first.last+tag",
                "example.com",
            ),
            ("\"a b\"@example.com", "\"a b\"", "example.com"),
            ("\"a@b>\\\"\"@example.com", "\"a@b>\\\"\"", "example.com"),
            ("\"\"@example.com", "\"\"", "example.com"),
            ("x@[IPv6:::1]", "x", "[IPv6:::1]"),
            ("jörg@münchen.example", "jörg", "münchen.example"),
            (
                "SRS0=abc=de=example.org=u@example.com",
                "SRS0=abc=de=example.org=u",
                "example.com",
            ),
        ] {
            assert_eq!(
                mailbox(text),
                Ok((local_part.into(), domain.into())),
                "{text}"
            );
        }
        for (text, error) in [
            ("", AddressError::LocalPart),
            ("@b", AddressError::LocalPart),
            (".a@b", AddressError::LocalPart),
            ("a..b@c", AddressError::LocalPart),
            ("a.@c", AddressError::LocalPart),
            ("\"a@b", AddressError::LocalPart),
            ("\"a\u{7}\"@b", AddressError::LocalPart),
            ("\"a\\\u{e9}\"@b", AddressError::LocalPart),
            ("a b@c", AddressError::NoDomain),
            ("a", AddressError::NoDomain),
            (
                "a@b@c",
                AddressError::Domain(domain::DomainError::Character),
            ),
            ("a@", AddressError::Domain(domain::DomainError::EmptyLabel)),
        ] {
            assert_eq!(mailbox(text), Err(error), "{text}");
        }
        let long = format!("{}@example.com", "a".repeat(242));
        assert_eq!(long.len(), 254);
        assert!(mailbox(&long).is_ok());
        assert_eq!(mailbox(&format!("a{long}")), Err(AddressError::TooLong));
    }

    #[test]
    fn paths() {
        let parse = |text| forward_path(text, false).map(|(path, rest)| (path.to_string(), rest));
        assert_eq!(parse("<a@b> X=1"), Ok(("<a@b>".into(), " X=1")));
        assert_eq!(parse("<@r1,@r2:a@b>"), Ok(("<a@b>".into(), "")));
        assert_eq!(parse("<@[IPv6:::1]:a@b>"), Ok(("<a@b>".into(), "")));
        assert_eq!(parse("<\"x>y\"@b>"), Ok(("<\"x>y\"@b>".into(), "")));
        assert_eq!(parse("<PostMaster>"), Ok(("<postmaster>".into(), "")));
        assert_eq!(parse("<@r1:>"), Err(AddressError::LocalPart));
        assert_eq!(parse("<@r1 a@b>"), Err(AddressError::SourceRoute));
        assert_eq!(parse("<@-:a@b>"), Err(AddressError::SourceRoute));
        assert_eq!(parse("<a@b"), Err(AddressError::Brackets));
        assert_eq!(parse("a@b"), Err(AddressError::Brackets));
        assert_eq!(parse("<>"), Err(AddressError::LocalPart));
        assert_eq!(reverse_path("<> X", false), Ok((ReversePath::Null, " X")));
        assert_eq!(forward_path("a@b X", true).map(|p| p.1), Ok(" X"));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails_without_a_panic(text in "\\PC{0,40}") {
            let _ = mailbox(&text);
            let _ = forward_path(&text, false);
            let _ = reverse_path(&text, true);
        }

        #[test]
        fn what_parses_is_kept_and_parses_again(
            local_part in "[a-z0-9!#=+_-]{1,8}(\\.[a-z]{1,4}){0,2}|\"[ -!#-\\[\\]-~]{0,8}\"",
            domain in "[a-z0-9]{1,8}(\\.[a-z0-9]{1,8}){0,3}|\\[192\\.0\\.2\\.[1-9]\\]",
        ) {
            let text = format!("{local_part}@{domain}");
            prop_assert_eq!(mailbox(&text), Ok((local_part, domain)));
            let path = format!("<{text}> REST");
            let (parsed, rest) = forward_path(&path, false).unwrap();
            prop_assert_eq!(parsed.as_str(), text);
            prop_assert_eq!(rest, " REST");
        }
    }
}
