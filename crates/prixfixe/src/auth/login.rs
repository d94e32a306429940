//! LOGIN (draft-murchison-sasl-login): user and password, each after a prompt.

use super::{conversation::Turn, prepared};

/// An exchange of LOGIN. An initial response is taken as the user's name: the draft has none, and
/// clients send it.
#[derive(Debug, Default)]
pub(super) struct Login {
    /// The name that was given; empty if it can be nobody's.
    user: Option<String>,
}

impl Login {
    pub(super) fn hear(&mut self, response: Option<&[u8]>) -> Turn {
        match (self.user.take(), response) {
            (None, None) => Turn::Challenge(b"Username:".to_vec()),
            (None, Some(name)) => {
                // That nobody has this name shows at the end, as for any other name.
                self.user = Some(prepared::user_of(name).unwrap_or_default());
                Turn::Challenge(b"Password:".to_vec())
            }
            (Some(user), response) => {
                let password = prepared::password_of(response.unwrap_or_default());
                match password {
                    Some(password) if !user.is_empty() => Turn::CheckPassword { user, password },
                    _ => Turn::Failed(None),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of these responses: the prompts, and the user and password at the end.
    fn run(responses: &[Option<&[u8]>]) -> String {
        let mut login = Login::default();
        let said = responses
            .iter()
            .map(|response| match login.hear(*response) {
                Turn::Challenge(text) => String::from_utf8_lossy(&text).into_owned(),
                Turn::CheckPassword { user, password } => format!("{user}/{}", password.expose()),
                Turn::Failed(None) => "failed".to_owned(),
                other => panic!("{other:?}"),
            });
        said.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn with_and_without_an_initial_response() {
        let asked = [None, Some(&b"tim"[..]), Some(b"secret")];
        assert_eq!(run(&asked), "Username: Password: tim/secret");
        assert_eq!(run(&asked[1..]), "Password: tim/secret");
    }

    #[test]
    fn names_and_passwords_that_nobody_has() {
        for (user, password) in [
            (&b""[..], &b"secret"[..]),
            (b"a\0b", b"secret"),
            (b"\xff", b"secret"),
            (b"tim", b""),
            (b"tim", b"a\nb"),
        ] {
            assert_eq!(run(&[Some(user), Some(password)]), "Password: failed");
        }
    }
}
