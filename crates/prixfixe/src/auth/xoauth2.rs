//! XOAUTH2: Google's forerunner of OAUTHBEARER.

use super::{conversation::Turn, oauth_bearer, prepared};

/// The challenge that says why a token was denied, as clients of Google know it.
pub(super) const INVALID_TOKEN: &[u8] = br#"{"status":"401","schemes":"bearer"}"#;
const INVALID_REQUEST: &[u8] = br#"{"status":"400","schemes":"bearer"}"#;

/// `"user=" name %x01 "auth=Bearer " token %x01 %x01`
pub(super) fn hear(message: &[u8]) -> Turn {
    let parsed = (|| {
        let text = std::str::from_utf8(message).ok()?;
        let (user, rest) = text.strip_prefix("user=")?.split_once('\x01')?;
        Some((
            prepared::user_of(user.as_bytes())?,
            oauth_bearer::token_of(rest)?,
        ))
    })();
    match parsed {
        Some((user, token)) => Turn::CheckToken {
            user: Some(user),
            token,
        },
        None => Turn::Failed(Some(INVALID_REQUEST.to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(message: &str) -> Option<(Option<String>, String)> {
        match hear(message.as_bytes()) {
            Turn::CheckToken { user, token } => Some((user, token.expose().to_owned())),
            Turn::Failed(Some(why)) => {
                assert_eq!(why, INVALID_REQUEST);
                None
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_whole_message() {
        let message = "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckB\x01\x01";
        let (user, token) = parsed(message).unwrap();
        assert_eq!(user.as_deref(), Some("someuser@example.com"));
        assert_eq!(token, "ya29.vF9dft4qmTc2Nvb3RlckB");
    }

    #[test]
    fn malformed_messages() {
        for message in [
            "",
            "user=",
            "user=a",
            "user=\x01auth=Bearer x\x01\x01",
            "user=a\x01",
            "user=a\x01\x01",
            "user=a\x01auth=Bearer x",
            "auth=Bearer x\x01\x01",
            "user=a\nb\x01auth=Bearer x\x01\x01",
        ] {
            assert_eq!(parsed(message), None, "{message:?}");
        }
    }
}
