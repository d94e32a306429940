//! Base64 as SASL mechanisms and the password file write it (RFC 4648 section 4).

use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(super) fn encode(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// None if the text is malformed.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}
