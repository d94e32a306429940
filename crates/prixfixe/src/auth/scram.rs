//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677).

use std::fmt;

use aws_lc_rs::{constant_time, rand};

use super::{
    ScramKeys, base64,
    conversation::Turn,
    prepared,
    scram_keys::{KEY, hash, sign},
};

/// What a client can bind a login to, so that it is worth nothing on another connection; each is
/// missing where the connection does not have it.
#[derive(Clone, Default)]
pub(crate) struct Bindings {
    /// `tls-exporter` (RFC 9266).
    pub(crate) exporter: Option<Box<[u8]>>,
    /// `tls-server-end-point` (RFC 5929 section 4).
    pub(crate) end_point: Option<Box<[u8]>>,
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings")
            .field("exporter", &self.exporter.is_some())
            .field("end_point", &self.end_point.is_some())
            .finish()
    }
}

/// An exchange.
#[derive(Debug)]
pub(super) struct Scram {
    /// The client chose the mechanism with channel binding.
    plus: bool,
    /// What was to choose from; none if that mechanism was not offered.
    bindings: Option<Bindings>,
    state: State,
}

enum State {
    /// Nothing was said.
    Start,
    /// The client has introduced itself; its keys are being fetched.
    Introduced(Introduction),
    /// The client was told its salt.
    Challenged(Box<Challenged>),
    /// It is over.
    Over,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "Start",
            Self::Introduced(_) => "Introduced",
            Self::Challenged(_) => "Challenged",
            Self::Over => "Over",
        })
    }
}

/// What is kept of the client's first message.
struct Introduction {
    user: String,
    client_nonce: String,
    /// `client-first-message-bare`
    bare: String,
    /// What the client has to repeat in base64: its GS2 header and the data of the binding.
    binding: Vec<u8>,
}

struct Challenged {
    introduction: Introduction,
    keys: ScramKeys,
    nonce: String,
    server_first: String,
}

/// Random octets in the server's half of the nonce, as many as a key of AES-128 and a bit more,
/// for a whole number of base64 groups.
const NONCE: usize = 18;

impl Scram {
    pub(super) fn new(plus: bool, bindings: Option<Bindings>) -> Self {
        Self {
            plus,
            bindings,
            state: State::Start,
        }
    }

    /// Hears the client's first or final message.
    pub(super) fn hear(&mut self, message: &[u8]) -> Turn {
        let text = std::str::from_utf8(message).ok();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Start => match text.and_then(|text| self.introduce(text)) {
                Some(introduction) => {
                    let user = introduction.user.clone();
                    self.state = State::Introduced(introduction);
                    Turn::FetchKeys { user }
                }
                None => Turn::Failed(None),
            },
            State::Challenged(challenged) => {
                let proven = text.ok_or(ServerError::InvalidEncoding);
                match proven.and_then(|text| challenged.prove(text)) {
                    Ok(last) => Turn::Proven {
                        user: challenged.introduction.user,
                        last: last.into_bytes(),
                    },
                    Err(error) => Turn::Failed(Some(format!("e={}", error.as_str()).into_bytes())),
                }
            }
            State::Introduced(_) | State::Over => Turn::Failed(None),
        }
    }

    /// Goes on with the user's keys: `server-first-message`.
    pub(super) fn take_keys(&mut self, keys: ScramKeys) -> Turn {
        let mut random = [0; NONCE];
        let State::Introduced(introduction) = std::mem::replace(&mut self.state, State::Over)
        else {
            return Turn::Failed(None);
        };
        if rand::fill(&mut random).is_err() {
            return Turn::Failed(None);
        }
        let challenged = Challenged::new(introduction, keys, &base64::encode(&random));
        let challenge = challenged.server_first.clone().into_bytes();
        self.state = State::Challenged(Box::new(challenged));
        Turn::Challenge(challenge)
    }

    /// `client-first-message = gs2-header client-first-message-bare`
    fn introduce(&self, text: &str) -> Option<Introduction> {
        let (header, bare) = Gs2Header::parse(text)?;
        let mut binding = text.as_bytes()[..text.len() - bare.len()].to_vec();
        match (header.flag, &self.bindings) {
            (Flag::Bound(name), Some(bindings)) if self.plus => {
                binding.extend_from_slice(bindings.named(name)?);
            }
            // A client believes that no binding was offered: if one was, somebody between the two
            // has removed it from the list (RFC 5802 section 6).
            (Flag::Unable, _) | (Flag::NotOffered, None) if !self.plus => {}
            _ => return None,
        }
        let (name, rest) = bare.strip_prefix("n=")?.split_once(',')?;
        let client_nonce = rest.strip_prefix("r=")?.split(',').next()?;
        let user = prepared::prepare_user(&sasl_name(name)?).ok()?;
        let acts_as = header.user()?;
        let legal = is_printable(client_nonce) && acts_as.is_none_or(|name| name == user);
        legal.then(|| Introduction {
            user,
            client_nonce: client_nonce.to_owned(),
            bare: bare.to_owned(),
            binding,
        })
    }
}

impl Challenged {
    /// `server-first-message = nonce "," salt "," iteration-count`
    fn new(introduction: Introduction, keys: ScramKeys, server_nonce: &str) -> Self {
        let nonce = format!("{}{server_nonce}", introduction.client_nonce);
        let server_first = format!(
            "r={nonce},s={},i={}",
            base64::encode(&keys.salt),
            keys.iterations
        );
        Self {
            introduction,
            keys,
            nonce,
            server_first,
        }
    }

    /// Checks `client-final-message` and answers with the server's own proof.
    fn prove(&self, text: &str) -> Result<String, ServerError> {
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(ServerError::OtherError)?;
        let mut attributes = without_proof.split(',');
        let mut attribute = |name| attributes.next().and_then(|text| text.strip_prefix(name));
        let binding = attribute("c=").ok_or(ServerError::OtherError)?;
        let nonce = attribute("r=").ok_or(ServerError::OtherError)?;
        let binding = base64::decode(binding.as_bytes()).ok_or(ServerError::InvalidEncoding)?;
        if binding != self.introduction.binding {
            return Err(ServerError::ChannelBindingsDontMatch);
        }
        if nonce != self.nonce {
            return Err(ServerError::OtherError);
        }
        let proof = base64::decode(proof.as_bytes()).ok_or(ServerError::InvalidEncoding)?;
        let message = format!(
            "{},{},{without_proof}",
            self.introduction.bare, self.server_first
        );
        if !self.fits(&proof, message.as_bytes()) {
            return Err(ServerError::InvalidProof);
        }
        let signature = sign(&self.keys.server_key, message.as_bytes());
        Ok(format!("v={}", base64::encode(&signature)))
    }

    /// `H(ClientProof XOR ClientSignature) == StoredKey`
    fn fits(&self, proof: &[u8], message: &[u8]) -> bool {
        let mut client_key = zeroize::Zeroizing::new(sign(&self.keys.stored_key, message));
        for (key, proof) in client_key.iter_mut().zip(proof) {
            *key ^= proof;
        }
        let derived = hash(&*client_key);
        let equal = constant_time::verify_slices_are_equal(&derived, &self.keys.stored_key);
        proof.len() == KEY && equal.is_ok()
    }
}

impl Bindings {
    fn named(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_deref(),
            "tls-server-end-point" => self.end_point.as_deref(),
            _ => None,
        }
    }
}

/// The reasons for a failure that a client is told (RFC 5802 section 7). An unknown user is told
/// the same as one with a wrong password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ServerError {
    InvalidEncoding,
    ChannelBindingsDontMatch,
    InvalidProof,
    OtherError,
}

impl ServerError {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidEncoding => "invalid-encoding",
            Self::ChannelBindingsDontMatch => "channel-bindings-dont-match",
            Self::InvalidProof => "invalid-proof",
            Self::OtherError => "other-error",
        }
    }
}

/// `gs2-header = gs2-cbind-flag "," [ authzid ] ","`, with which SCRAM and OAUTHBEARER begin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gs2Header<'m> {
    flag: Flag<'m>,
    acts_as: &'m str,
}

/// What a client says about channel binding.
#[derive(Debug, Clone, Copy)]
enum Flag<'m> {
    /// It cannot.
    Unable,
    /// It could, and believes that the server cannot.
    NotOffered,
    /// It does, in this way.
    Bound(&'m str),
}

impl<'m> Gs2Header<'m> {
    /// The header, and what is behind it.
    pub(super) fn parse(message: &'m str) -> Option<(Self, &'m str)> {
        let (flag, rest) = message.split_once(',')?;
        let (acts_as, rest) = rest.split_once(',')?;
        let flag = match flag.strip_prefix("p=") {
            Some(name) => Flag::Bound(name),
            None if flag == "n" => Flag::Unable,
            None if flag == "y" => Flag::NotOffered,
            None => return None,
        };
        Some((Self { flag, acts_as }, rest))
    }

    pub(super) fn binds(self) -> bool {
        matches!(self.flag, Flag::Bound(_))
    }

    /// The user for whom the client acts, if it names one; none at all if that is malformed.
    #[expect(clippy::option_option, reason = "malformed, absent, present")]
    pub(super) fn user(self) -> Option<Option<String>> {
        if self.acts_as.is_empty() {
            return Some(None);
        }
        let name = sasl_name(self.acts_as.strip_prefix("a=")?)?;
        prepared::prepare_user(&name).ok().map(Some)
    }
}

/// `saslname`: `=2C` stands for a comma and `=3D` for an equals sign; no other may be in it.
fn sasl_name(text: &str) -> Option<String> {
    let mut parts = text.split('=');
    let mut name = parts.next()?.to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix("2C") {
            name.push(',');
            name.push_str(rest);
        } else {
            name.push('=');
            name.push_str(part.strip_prefix("3D")?);
        }
    }
    Some(name)
}

/// `printable`: what a nonce is made of, without commas.
fn is_printable(nonce: &str) -> bool {
    let legal = |octet: u8| octet.is_ascii_graphic() && octet != b',';
    !nonce.is_empty() && nonce.bytes().all(legal)
}

#[cfg(test)]
mod tests;
