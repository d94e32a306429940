//! User names and passwords in the one form in which they are compared (SASLprep, RFC 4013).

use std::borrow::Cow;

use super::Secret;

/// A text is no user name or password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IllegalLogin {
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// It holds a character that RFC 4013 forbids: a control character, one that no version of
    /// Unicode 3.2 has, or one that cannot be told from others.
    #[error("it has a control character, or another that SASLprep (RFC 4013) forbids")]
    Character,
}

/// A user name as it is compared.
pub fn prepare_user(name: &str) -> Result<String, IllegalLogin> {
    prepare(name).map(Cow::into_owned)
}

/// A password as it is compared.
pub fn prepare_password(password: &str) -> Result<Secret, IllegalLogin> {
    prepare(password).map(|prepared| Secret::new(prepared.into_owned()))
}

/// The same for the octets of a response.
pub(super) fn user_of(octets: &[u8]) -> Option<String> {
    prepare_user(std::str::from_utf8(octets).ok()?).ok()
}

/// The same for the octets of a response.
pub(super) fn password_of(octets: &[u8]) -> Option<Secret> {
    prepare_password(std::str::from_utf8(octets).ok()?).ok()
}

fn prepare(text: &str) -> Result<Cow<'_, str>, IllegalLogin> {
    let prepared = stringprep::saslprep(text).map_err(|_| IllegalLogin::Character)?;
    if prepared.is_empty() {
        return Err(IllegalLogin::Empty);
    }
    Ok(prepared)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4013 section 3.
    #[test]
    fn the_examples_of_the_rfc() {
        for (text, prepared) in [
            ("I\u{ad}X", Ok("IX")),
            ("user", Ok("user")),
            ("USER", Ok("USER")),
            ("\u{aa}", Ok("a")),
            ("\u{2168}", Ok("IX")),
            ("\u{7}", Err(IllegalLogin::Character)),
            ("\u{627}1", Err(IllegalLogin::Character)),
            ("", Err(IllegalLogin::Empty)),
            ("\u{ad}", Err(IllegalLogin::Empty)),
        ] {
            assert_eq!(
                prepare_user(text).as_deref(),
                prepared.as_ref().copied(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn control_characters_and_broken_utf8_are_refused() {
        for octets in [&b"a\0b"[..], b"a\nb", b"a\rb", b"a\x7f", b"\xff", b"\xc3"] {
            assert_eq!(user_of(octets), None, "{}", octets.escape_ascii());
            assert!(password_of(octets).is_none());
        }
    }
}
