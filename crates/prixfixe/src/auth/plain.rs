//! PLAIN (RFC 4616): everything in one message.

use super::{conversation::Turn, prepared};

/// `[authzid] NUL authcid NUL passwd`. Nobody acts for another user: the authorization identity is
/// empty or the user.
pub(super) fn hear(message: &[u8]) -> Turn {
    let mut parts = message.split(|octet| *octet == 0);
    let parsed = (|| {
        let (acts_as, user, password) = (parts.next()?, parts.next()?, parts.next()?);
        let whole = parts.next().is_none() && (acts_as.is_empty() || acts_as == user);
        let password = prepared::password_of(password)?;
        whole.then_some((prepared::user_of(user)?, password))
    })();
    match parsed {
        Some((user, password)) => Turn::CheckPassword { user, password },
        None => Turn::Failed(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(message: &[u8]) -> Option<(String, String)> {
        match hear(message) {
            Turn::CheckPassword { user, password } => Some((user, password.expose().to_owned())),
            Turn::Failed(None) => None,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_whole_message() {
        let user = Some(("tim".to_owned(), "tanstaaftanstaaf".to_owned()));
        assert_eq!(parsed(b"\0tim\0tanstaaftanstaaf"), user);
        assert_eq!(parsed(b"tim\0tim\0tanstaaftanstaaf"), user);
        assert_eq!(
            parsed("\0\u{2168}\0pass\u{ad}word".as_bytes()),
            Some(("IX".to_owned(), "password".to_owned()))
        );
    }

    #[test]
    fn malformed_messages() {
        for message in [
            &b""[..],
            b"\0",
            b"\0\0",
            b"tim\0tim",
            b"\0\0password",
            b"\0tim\0",
            b"Ursel\0Kurt\0xipj3plmq",
            b"\0tim\0pass\0word",
            b"\0tim\0password\0",
            b"\0tim\n\0password",
            b"\0\xff\0password",
            b"\0tim\0\xff",
        ] {
            assert_eq!(parsed(message), None, "{}", message.escape_ascii());
        }
    }
}
