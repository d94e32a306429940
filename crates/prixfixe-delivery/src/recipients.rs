//! Whom mail is accepted for.

use std::{collections::HashSet, fmt, future::Future, str::FromStr};

use prixfixe::{
    Body, Client, Domain, Envelope, ForwardPath, Handler, HeloName, Mailbox, MessageVerdict,
    Promises, Refusal, Verdict,
    proto::{AddressError, DomainError},
};

/// One line of a list of recipients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientPattern {
    /// `*`: everybody.
    Everybody,
    /// `example.com` or `*@example.com`: everybody there.
    Domain(Domain),
    /// `ann@example.com`.
    Address(Mailbox),
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Nothing at all.
    #[error("the recipient is empty; write an address, a domain, \"*@DOMAIN\" or \"*\"")]
    Empty,
    /// `@example.com`.
    #[error("{0:?} has nothing before the @; write \"*{0}\" for the whole domain")]
    NoLocalPart(String),
    /// A star elsewhere.
    #[error("{0:?} has a * in the middle; it can stand alone or before the @")]
    Star(String),
    /// Not a domain.
    #[error("{0:?} is not a domain: {1}; write a name such as \"example.com\"")]
    Domain(String, DomainError),
    /// Not an address.
    #[error(
        "{0:?} is not an address: {1}; write local-part@domain, the local part in quotes if it has spaces and the like"
    )]
    Address(String, AddressError),
}

impl FromStr for RecipientPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let named = text.to_owned();
        match text.rsplit_once('@') {
            None if text.is_empty() => Err(PatternError::Empty),
            None if text == "*" => Ok(Self::Everybody),
            Some(("", _)) => Err(PatternError::NoLocalPart(named)),
            None | Some(("*", _)) => {
                let domain = text.strip_prefix("*@").unwrap_or(text);
                match domain.parse() {
                    Ok(domain) => Ok(Self::Domain(domain)),
                    Err(_) if domain.contains('*') => Err(PatternError::Star(named)),
                    Err(error) => Err(PatternError::Domain(named, error)),
                }
            }
            Some((_, domain)) if domain.contains('*') => Err(PatternError::Star(named)),
            Some(_) => match text.parse() {
                Ok(mailbox) => Ok(Self::Address(mailbox)),
                Err(error) => Err(PatternError::Address(named, error)),
            },
        }
    }
}

impl fmt::Display for RecipientPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everybody => f.write_str("*"),
            Self::Domain(domain) => domain.fmt(f),
            Self::Address(mailbox) => mailbox.fmt(f),
        }
    }
}

/// A set of recipients. Case makes no difference: RFC 5321 section 2.4 says so of domains, and
/// of local parts that a receiver had better not rely on it.
#[derive(Debug, Clone, Default)]
pub struct Recipients {
    everybody: bool,
    domains: HashSet<String>,
    addresses: HashSet<String>,
}

impl Recipients {
    /// Whether a recipient is in the set; `<postmaster>` always is (RFC 5321 section 4.5.1).
    pub fn contains(&self, recipient: &ForwardPath) -> bool {
        let Some(mailbox) = recipient.mailbox() else {
            return true;
        };
        self.everybody
            || self.domains.contains(&mailbox.domain().to_lowercase())
            || self.addresses.contains(&mailbox.as_str().to_lowercase())
    }
}

impl FromIterator<RecipientPattern> for Recipients {
    fn from_iter<I: IntoIterator<Item = RecipientPattern>>(patterns: I) -> Self {
        let mut recipients = Self::default();
        for pattern in patterns {
            match pattern {
                RecipientPattern::Everybody => recipients.everybody = true,
                RecipientPattern::Domain(domain) => {
                    recipients.domains.insert(domain.as_str().to_lowercase());
                }
                RecipientPattern::Address(mailbox) => {
                    recipients.addresses.insert(mailbox.as_str().to_lowercase());
                }
            }
        }
        recipients
    }
}

/// A handler in front of another that refuses with 550 5.1.1 whom mail is not accepted for.
#[derive(Debug)]
pub struct AcceptFor<H> {
    recipients: Recipients,
    inner: H,
}

impl<H> AcceptFor<H> {
    /// Lets through to `inner` what is for `recipients`.
    pub fn new(recipients: Recipients, inner: H) -> Self {
        Self { recipients, inner }
    }
}

impl<H: Handler> Handler for AcceptFor<H> {
    fn promises(&self) -> Promises {
        self.inner.promises()
    }

    fn connect(&self, client: &Client) -> impl Future<Output = Verdict> + Send {
        self.inner.connect(client)
    }

    fn helo(&self, client: &Client, name: &HeloName) -> impl Future<Output = Verdict> + Send {
        self.inner.helo(client, name)
    }

    fn mail(&self, client: &Client, envelope: &Envelope) -> impl Future<Output = Verdict> + Send {
        self.inner.mail(client, envelope)
    }

    async fn rcpt(&self, client: &Client, envelope: &Envelope, recipient: &ForwardPath) -> Verdict {
        if !self.recipients.contains(recipient) {
            return Verdict::Refuse(Refusal::no_such_mailbox());
        }
        self.inner.rcpt(client, envelope, recipient).await
    }

    fn message(
        &self,
        client: &Client,
        envelope: Envelope,
        body: &mut Body<'_>,
    ) -> impl Future<Output = MessageVerdict> + Send {
        self.inner.message(client, envelope, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipients(patterns: &[&str]) -> Recipients {
        patterns
            .iter()
            .map(|pattern| pattern.parse::<RecipientPattern>().unwrap())
            .collect()
    }

    fn path(address: &str) -> ForwardPath {
        ForwardPath::Mailbox(address.parse().unwrap())
    }

    #[test]
    fn who_is_in() {
        let some = recipients(&["Example.com", "*@lists.example.org", "Ann@example.net"]);
        for address in ["x@EXAMPLE.com", "y@lists.example.org", "aNN@Example.net"] {
            assert!(some.contains(&path(address)), "{address}");
        }
        for address in ["x@sub.example.com", "y@example.org", "bob@example.net"] {
            assert!(!some.contains(&path(address)), "{address}");
        }
        assert!(some.contains(&ForwardPath::Postmaster));
        assert!(recipients(&["*"]).contains(&path("anybody@anywhere")));
    }

    #[test]
    fn what_is_no_pattern() {
        for (text, reason) in [
            ("", "empty"),
            ("@example.com", "write \"*@example.com\""),
            ("*.example.com", "* in the middle"),
            ("ann@*", "* in the middle"),
            ("a b@example.com", "not an address"),
            ("ann@", "not an address"),
            ("a..b", "not a domain"),
        ] {
            let error = text.parse::<RecipientPattern>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
