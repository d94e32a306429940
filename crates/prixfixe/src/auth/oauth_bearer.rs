//! OAUTHBEARER (RFC 7628): a bearer token of OAuth.

use super::{Secret, conversation::Turn, scram::Gs2Header};

/// The challenge that says why a token was denied (RFC 7628 section 3.2.2).
pub(super) const INVALID_TOKEN: &[u8] = br#"{"status":"invalid_token"}"#;
const INVALID_REQUEST: &[u8] = br#"{"status":"invalid_request"}"#;

/// `gs2-header %x01 *(key "=" value %x01) %x01`, of which `auth` is heard.
pub(super) fn hear(message: &[u8]) -> Turn {
    let parsed = (|| {
        let (header, rest) = Gs2Header::parse(std::str::from_utf8(message).ok()?)?;
        // The mechanism has no channel binding (RFC 7628 section 3.1).
        if header.binds() {
            return None;
        }
        Some((header.user()?, token_of(rest.strip_prefix('\x01')?)?))
    })();
    match parsed {
        Some((user, token)) => Turn::CheckToken { user, token },
        None => Turn::Failed(Some(INVALID_REQUEST.to_vec())),
    }
}

/// The token among key-value pairs, each of which ends in %x01; one more is behind the last.
pub(super) fn token_of(pairs: &str) -> Option<Secret> {
    let pairs = pairs.strip_suffix("\x01\x01")?;
    let mut token = None;
    for pair in pairs.split('\x01') {
        let (key, value) = pair.split_once('=')?;
        if key.is_empty() || !key.bytes().all(|octet| octet.is_ascii_alphabetic()) {
            return None;
        }
        if key == "auth" && token.replace(bearer(value)?).is_some() {
            return None;
        }
    }
    token
}

/// `Bearer` and a token (RFC 6750 section 2.1).
fn bearer(value: &str) -> Option<Secret> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let body = token.trim_end_matches('=');
    let legal = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    let whole = !body.is_empty() && body.bytes().all(legal);
    (whole && scheme.eq_ignore_ascii_case("bearer")).then(|| Secret::new(token.to_owned()))
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

    /// RFC 7628 section 4.1.
    #[test]
    fn the_example_of_the_rfc() {
        let message = "n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
            auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let (user, token) = parsed(message).unwrap();
        assert_eq!(user.as_deref(), Some("user@example.com"));
        assert_eq!(token, "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    }

    #[test]
    fn the_user_may_be_left_to_the_token() {
        let expected = Some((None, "abc".to_owned()));
        assert_eq!(parsed("n,,\x01auth=Bearer abc\x01\x01"), expected);
        assert_eq!(parsed("y,,\x01auth=bearer  abc\x01\x01"), expected);
    }

    #[test]
    fn malformed_messages() {
        for message in [
            "",
            "n,,",
            "n,,\x01\x01",
            "\x01",
            "n,,\x01auth=\x01\x01",
            "n,,\x01auth=Bearer\x01\x01",
            "n,,\x01auth=Bearer \x01\x01",
            "n,,\x01auth=Bearer ==\x01\x01",
            "n,,\x01auth=Bearer a b\x01\x01",
            "n,,\x01auth=Basic abc\x01\x01",
            "n,,\x01auth=Bearer abc\x01",
            "n,,\x01auth=Bearer abc",
            "n,,auth=Bearer abc\x01\x01",
            "n,,\x01auth=Bearer abc\x01auth=Bearer def\x01\x01",
            "n,,\x01=x\x01auth=Bearer abc\x01\x01",
            "n,,\x01host=x\x01\x01",
            "n,a=,\x01auth=Bearer abc\x01\x01",
            "n,b=x,\x01auth=Bearer abc\x01\x01",
            "n,a=x=3F,\x01auth=Bearer abc\x01\x01",
            "p=tls-exporter,,\x01auth=Bearer abc\x01\x01",
        ] {
            assert_eq!(parsed(message), None, "{message:?}");
        }
    }
}
