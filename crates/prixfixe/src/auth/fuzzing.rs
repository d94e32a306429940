//! A conversation of any mechanism with a client that may say anything; not part of the interface.

use std::num::NonZeroU32;

use prixfixe_proto::Mechanism;

use super::{
    PasswordFile, ScramKeys, ScramSecret,
    conversation::{Conversation, Turn},
    scram::Bindings,
};

/// The first octet chooses the mechanism, the second what there is to bind to, and an octet 255,
/// which is in no UTF-8, ends each response. Nothing may panic; who is asked about has a name, and
/// nobody gets in by SCRAM without having been asked about.
pub fn converse(octets: &[u8]) {
    let [choice, bound, rest @ ..] = octets else {
        return;
    };
    let mechanism = Mechanism::ALL[usize::from(*choice) % Mechanism::ALL.len()];
    let bindings = (bound & 1 != 0).then(|| Bindings {
        exporter: (bound & 2 != 0).then(|| Box::from(&b"exported"[..])),
        end_point: (bound & 4 != 0).then(|| Box::from(&b"hash"[..])),
    });
    let Some(mut conversation) = Conversation::new(mechanism, bindings) else {
        return;
    };
    if bound & 8 != 0 {
        let opened = conversation.hear(None);
        assert!(matches!(opened, Turn::Challenge(_)), "{opened:?}");
    }
    for response in rest.split(|octet| *octet == 0xff) {
        let turn = match conversation.hear(Some(response)) {
            Turn::FetchKeys { user } => {
                assert!(!user.is_empty() && !user.chars().any(char::is_control));
                let secret = ScramSecret::new(b"secret");
                conversation.take_keys(ScramKeys::decoy(&secret, &user, NonZeroU32::MIN))
            }
            turn => turn,
        };
        match turn {
            Turn::Challenge(_) => {}
            Turn::CheckPassword { user, password } => {
                assert!(!user.is_empty() && !user.chars().any(char::is_control));
                assert!(!password.expose().is_empty());
                return;
            }
            Turn::CheckToken { user, token } => {
                assert!(user.is_none_or(|user| !user.is_empty()));
                assert!(token.expose().is_ascii());
                return;
            }
            Turn::Proven { user, .. } => panic!("{user} has proven to know what nobody knows"),
            Turn::FetchKeys { .. } => panic!("asked twice"),
            Turn::Failed(_) => return,
        }
    }
}

/// Reads a password file.
pub fn read_password_file(text: &str) {
    let _ = PasswordFile::check_text(text);
}
