//! Replies (RFC 5321 section 4.2) with enhanced status codes (RFC 3463).

use std::borrow::Cow;

/// A negative reply: code, enhanced code and text.
///
/// The class of the enhanced code is that of the reply code, so the two cannot contradict each
/// other. The text is one line of printable ASCII; what is not is replaced by `?`, so no text can
/// inject a second reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: u16,
    subject: u16,
    detail: u16,
    text: Cow<'static, str>,
    /// The enhanced code is left out, as in any answer to HELO and EHLO (RFC 2034 section 4).
    plain: bool,
}

/// Why a [`Refusal`] could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IllegalReply {
    /// A refusal has a code from 400 to 599.
    #[error("{0} is no negative reply code: 400 to 599")]
    Code(u16),
    /// Subject and detail have at most three digits (RFC 3463 section 2).
    #[error("{0} is no part of an enhanced status code: 0 to 999")]
    EnhancedCode(u16),
}

/// Longest reply text in octets, so that a whole reply line stays below the 512 octets of
/// RFC 5321 section 4.5.3.1.5 with code, enhanced code and CRLF.
const TEXT_MAX: usize = 480;

impl Refusal {
    /// A refusal with a reply code from 400 to 599 and the last two parts of the enhanced code;
    /// 421 also ends the session.
    pub fn new(
        code: u16,
        subject: u16,
        detail: u16,
        text: impl Into<Cow<'static, str>>,
    ) -> Result<Self, IllegalReply> {
        if !(400..600).contains(&code) {
            return Err(IllegalReply::Code(code));
        }
        if let Some(part) = [subject, detail].into_iter().find(|part| *part > 999) {
            return Err(IllegalReply::EnhancedCode(part));
        }
        Ok(Self {
            code,
            subject,
            detail,
            text: one_line(text.into()),
            plain: false,
        })
    }

    /// 550 5.1.1: there is no such mailbox here.
    pub fn no_such_mailbox() -> Self {
        Self::fixed(550, 1, 1, "No such mailbox here")
    }

    /// 550 5.7.1: a rule of this site forbids it.
    pub fn policy(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: 550,
            subject: 7,
            detail: 1,
            text: one_line(text.into()),
            plain: false,
        }
    }

    /// 554 5.6.0: the content cannot be taken.
    pub fn content(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: 554,
            subject: 6,
            detail: 0,
            text: one_line(text.into()),
            plain: false,
        }
    }

    /// 451 4.3.0: a fault on our side; the client tries again later.
    pub fn try_later() -> Self {
        Self::fixed(451, 3, 0, "Local error, try again later")
    }

    /// 452 4.3.1: no room left; the client tries again later.
    pub fn storage_full() -> Self {
        Self::fixed(452, 3, 1, "Storage is full, try again later")
    }

    /// 421 4.3.2: the server is stopping; ends the session.
    pub fn shutting_down() -> Self {
        Self::fixed(421, 3, 2, "Server is shutting down")
    }

    /// 535 5.7.8: the login failed, for whatever reason; to say which would help an attacker.
    pub fn authentication_failed() -> Self {
        Self::fixed(535, 7, 8, "Authentication failed")
    }

    /// 454 4.7.0: a login cannot be decided now; the client tries again later.
    pub fn authentication_unavailable() -> Self {
        Self::fixed(454, 7, 0, "Temporary authentication failure")
    }

    pub(crate) const fn fixed(code: u16, subject: u16, detail: u16, text: &'static str) -> Self {
        Self {
            code,
            subject,
            detail,
            text: Cow::Borrowed(text),
            plain: false,
        }
    }

    /// The same without its enhanced code.
    pub(crate) fn plain(self) -> Self {
        Self {
            plain: true,
            ..self
        }
    }

    /// The reply code, 400 to 599.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The enhanced status code: class, subject, detail.
    pub fn enhanced_code(&self) -> (u16, u16, u16) {
        (self.code / 100, self.subject, self.detail)
    }

    /// The text, one line of printable ASCII.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the client is asked to try again later (4yz).
    pub fn is_temporary(&self) -> bool {
        self.code < 500
    }

    /// Whether the session ends with this reply (421).
    pub fn closes(&self) -> bool {
        self.code == 421
    }

    /// Appends the reply line with its CRLF.
    pub fn write_to(&self, output: &mut Vec<u8>) {
        write(output, format_args!("{self}"));
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.plain {
            return write!(f, "{} {}", self.code, self.text);
        }
        let (class, subject, detail) = self.enhanced_code();
        write!(f, "{} {class}.{subject}.{detail} {}", self.code, self.text)
    }
}

/// Appends one line and its CRLF.
pub(crate) fn write(output: &mut Vec<u8>, line: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    // Writing to a vector cannot fail.
    let _ = output.write_fmt(line);
    output.extend_from_slice(b"\r\n");
}

fn one_line(text: Cow<'static, str>) -> Cow<'static, str> {
    let printable = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.len() <= TEXT_MAX && text.chars().all(printable) {
        return text;
    }
    text.chars()
        .take(TEXT_MAX)
        .map(|c| if printable(c) { c } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_inject_a_second_reply() {
        let refusal = Refusal::policy("no\r\n250 yes\u{e9}");
        let mut output = Vec::new();
        refusal.write_to(&mut output);
        assert_eq!(output, b"550 5.7.1 no??250 yes?\r\n");
    }

    #[test]
    fn a_reply_line_never_exceeds_512_octets() {
        let refusal = Refusal::new(554, 999, 999, "x".repeat(9000)).unwrap();
        let mut output = Vec::new();
        refusal.write_to(&mut output);
        assert!(output.len() <= 512);
    }

    #[test]
    fn only_negative_codes_are_refusals() {
        for code in [0, 250, 399, 600] {
            assert_eq!(Refusal::new(code, 0, 0, ""), Err(IllegalReply::Code(code)));
        }
        assert_eq!(
            Refusal::new(450, 1000, 0, ""),
            Err(IllegalReply::EnhancedCode(1000))
        );
    }

    #[test]
    fn only_421_closes() {
        assert!(Refusal::shutting_down().closes());
        assert!(!Refusal::try_later().closes());
    }
}
