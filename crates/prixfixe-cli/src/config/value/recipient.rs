//! Patterns of accepted recipients.

use std::fmt;
use std::str::FromStr;

use super::TextSetting;
use super::domain::{DomainError, MailDomain};

/// Whom mail is accepted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RecipientPattern {
    /// `*`: everybody.
    Everybody,
    /// `example.com` or `*@example.com`: everybody there.
    Domain(MailDomain),
    /// `ann@example.com`.
    Address {
        /// Before the `@`, as written.
        local_part: String,
        /// Behind it.
        domain: MailDomain,
    },
}

/// Why a text is not a pattern.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecipientError {
    /// Nothing at all.
    #[error("the recipient is empty; write an address, a domain, \"*@DOMAIN\" or \"*\"")]
    Empty,
    /// `@example.com`.
    #[error("{0:?} has nothing before the @; write \"*{0}\" for the whole domain")]
    NoLocalPart(String),
    /// A star elsewhere.
    #[error("{0:?} has a * in the middle; it can stand alone or before the @")]
    Star(String),
    /// Something that cannot be a local part.
    #[error("{0:?} is not an address; write local-part@domain, with spaces and the like in quotes")]
    BadLocalPart(String),
    /// The domain is not one.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl FromStr for RecipientPattern {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        if text.is_empty() {
            return Err(RecipientError::Empty);
        }
        if text == "*" {
            return Ok(Self::Everybody);
        }
        let (local_part, domain) = match text.rsplit_once('@') {
            None | Some(("*", _)) => {
                let domain = text.strip_prefix("*@").unwrap_or(text);
                if domain.contains('*') {
                    return Err(RecipientError::Star(text.to_owned()));
                }
                return Ok(Self::Domain(domain.parse()?));
            }
            Some(("", _)) => return Err(RecipientError::NoLocalPart(text.to_owned())),
            Some(parts) => parts,
        };
        if domain.contains('*') {
            return Err(RecipientError::Star(text.to_owned()));
        }
        if !is_local_part(local_part) {
            return Err(RecipientError::BadLocalPart(text.to_owned()));
        }
        Ok(Self::Address {
            local_part: local_part.to_owned(),
            domain: domain.parse()?,
        })
    }
}

impl fmt::Display for RecipientPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => out.write_str("*"),
            Self::Domain(domain) => domain.fmt(out),
            Self::Address { local_part, domain } => write!(out, "{local_part}@{domain}"),
        }
    }
}

impl TextSetting for RecipientPattern {
    fn wording() -> String {
        "an address, a domain, \"*@DOMAIN\" or \"*\"".to_owned()
    }
}

/// RFC 5321, section 4.1.2, with the letters of RFC 6531: a dot-string or a quoted string.
fn is_local_part(text: &str) -> bool {
    if let Some(inside) = text.strip_prefix('"') {
        return inside.strip_suffix('"').is_some_and(is_quoted_content);
    }
    let is_atom_text =
        |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || !c.is_ascii();
    text.split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(is_atom_text))
}

fn is_quoted_content(text: &str) -> bool {
    let mut escaped = false;
    for character in text.chars() {
        if character.is_control() || (character == '"' && !escaped) {
            return false;
        }
        escaped = character == '\\' && !escaped;
    }
    !escaped
}

#[cfg(test)]
mod tests {
    use super::RecipientPattern;

    #[test]
    fn accepts_all_forms() {
        let check = |text: &str, kept: &str| {
            assert_eq!(
                text.parse::<RecipientPattern>().unwrap().to_string(),
                kept,
                "{text}"
            );
        };
        check("*", "*");
        check("Example.com", "example.com");
        check("*@lists.example.com", "lists.example.com");
        check("Ann.O'Neil+tag@Example.com", "Ann.O'Neil+tag@example.com");
        check("\"a b@c\"@example.com", "\"a b@c\"@example.com");
        check("jörg@bücher.example", "jörg@bücher.example");
        check("x@[192.0.2.1]", "x@[192.0.2.1]");
    }

    #[test]
    fn says_what_is_wrong() {
        let check = |text: &str, reason: &str| {
            let error = text.parse::<RecipientPattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        };
        check("", "empty");
        check("@example.com", "write \"*@example.com\"");
        check("*.example.com", "* in the middle");
        check("ann@*", "* in the middle");
        check("a b@example.com", "not an address");
        check("a..b@example.com", "not an address");
        check("\"a\"b\"@example.com", "not an address");
        check("ann@", "domain is empty");
    }
}
