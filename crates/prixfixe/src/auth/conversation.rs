//! What all mechanisms have in common: they hear responses and ask for what they cannot know.

use prixfixe_proto::Mechanism;

use super::{
    ScramKeys, Secret,
    login::Login,
    oauth_bearer, plain,
    scram::{Bindings, Scram},
    xoauth2,
};

/// An exchange of one mechanism, without IO and without knowledge of users.
#[derive(Debug)]
pub(super) enum Conversation {
    Plain,
    Login(Login),
    Scram(Box<Scram>),
    OAuthBearer,
    XOAuth2,
}

/// What a mechanism makes of what it was told.
#[derive(Debug)]
pub(super) enum Turn {
    /// The client gets this challenge.
    Challenge(Vec<u8>),
    /// Is this the password? If so the user has logged in.
    CheckPassword { user: String, password: Secret },
    /// Whose token is this? That user has logged in.
    CheckToken { user: Option<String>, token: Secret },
    /// The keys of this user are wanted, and go to [`Conversation::take_keys`].
    FetchKeys { user: String },
    /// The user has logged in; the client gets a last challenge, which it answers with nothing.
    Proven { user: String, last: Vec<u8> },
    /// The login has failed; what the mechanism has to say about it.
    Failed(Option<Vec<u8>>),
}

impl Conversation {
    /// Begins. `bindings` are those of the connection, if it has any to offer.
    pub(super) fn new(mechanism: Mechanism, bindings: Option<Bindings>) -> Option<Self> {
        Some(match mechanism {
            Mechanism::Plain => Self::Plain,
            Mechanism::Login => Self::Login(Login::default()),
            Mechanism::ScramSha256 => Self::Scram(Box::new(Scram::new(false, bindings))),
            Mechanism::ScramSha256Plus => Self::Scram(Box::new(Scram::new(true, bindings))),
            Mechanism::OAuthBearer => Self::OAuthBearer,
            Mechanism::XOAuth2 => Self::XOAuth2,
            _ => return None,
        })
    }

    /// Hears the client; nothing if AUTH came without an initial response.
    pub(super) fn hear(&mut self, response: Option<&[u8]>) -> Turn {
        match (self, response) {
            (Self::Login(login), response) => login.hear(response),
            // In all others the client begins (RFC 4422 section 5).
            (_, None) => Turn::Challenge(Vec::new()),
            (Self::Plain, Some(response)) => plain::hear(response),
            (Self::Scram(scram), Some(response)) => scram.hear(response),
            (Self::OAuthBearer, Some(response)) => oauth_bearer::hear(response),
            (Self::XOAuth2, Some(response)) => xoauth2::hear(response),
        }
    }

    /// Goes on with the keys that were asked for.
    pub(super) fn take_keys(&mut self, keys: ScramKeys) -> Turn {
        match self {
            Self::Scram(scram) => scram.take_keys(keys),
            _ => Turn::Failed(None),
        }
    }

    /// What the mechanism says when a token or password was denied.
    pub(super) fn denied(&self) -> Turn {
        Turn::Failed(match self {
            Self::OAuthBearer => Some(oauth_bearer::INVALID_TOKEN.to_vec()),
            Self::XOAuth2 => Some(xoauth2::INVALID_TOKEN.to_vec()),
            Self::Plain | Self::Login(_) | Self::Scram(_) => None,
        })
    }
}
