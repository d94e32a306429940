//! What is read out of a certificate (RFC 5280).

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, Ipv6Addr},
    time::SystemTime,
};

use aws_lc_rs::digest;
use x509_cert::{
    Certificate,
    der::{self, Decode},
    ext::pkix::{SubjectAltName, name::GeneralName},
    name::Name,
};

/// What a server tells of its own certificate.
pub(crate) struct Facts {
    pub(crate) subject: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_after: SystemTime,
    pub(crate) fingerprint: String,
    pub(crate) end_point: Option<Vec<u8>>,
}

impl Facts {
    pub(crate) fn of(certificate: &[u8]) -> Result<Self, der::Error> {
        let parsed = Certificate::from_der(certificate)?;
        let tbs = parsed.tbs_certificate();
        let names = match tbs.get_extension::<SubjectAltName>()? {
            Some((_, names)) => names.0.iter().filter_map(name_of).collect(),
            None => Vec::new(),
        };
        Ok(Self {
            subject: text_of(tbs.subject()),
            names,
            not_after: tbs.validity().not_after.to_system_time(),
            fingerprint: fingerprint(certificate),
            end_point: end_point(&parsed, certificate),
        })
    }
}

/// Whom a certificate was issued to (RFC 4514); empty if it cannot be read.
pub(crate) fn subject(certificate: &[u8]) -> String {
    Certificate::from_der(certificate)
        .map(|parsed| text_of(parsed.tbs_certificate().subject()))
        .unwrap_or_default()
}

/// SHA-256 in hexadecimal with colons.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, certificate);
    let mut text = String::with_capacity(digest.as_ref().len() * 3);
    for (index, octet) in digest.as_ref().iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        // Writing to a string cannot fail.
        let _ = write!(text, "{colon}{octet:02X}");
    }
    text
}

/// RFC 4514, with every character escaped that could break a line or turn the direction of the
/// text around it.
fn text_of(name: &Name) -> String {
    let mut text = String::new();
    for c in name.to_string().chars() {
        if c.is_control() || is_invisible(c) {
            for octet in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\{octet:02x}");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Line ends and marks of direction beyond ASCII (Unicode Standard Annex 9).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn name_of(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => Some(Ipv4Addr::new(a, b, c, d).to_string()),
            _ => {
                let octets: [u8; 16] = octets.as_bytes().try_into().ok()?;
                Some(Ipv6Addr::from(octets).to_string())
            }
        },
        _ => None,
    }
}

/// What `tls-server-end-point` binds to (RFC 5929 section 4.1): the certificate's hash by the hash
/// function of its signature, or by SHA-256 instead of MD5 and SHA-1. It is not defined for
/// signatures without one hash function, such as Ed25519; and one whose function is a parameter
/// (RSASSA-PSS) is left out too.
fn end_point(parsed: &Certificate, certificate: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match parsed.signature_algorithm().oid.to_string().as_str() {
        // MD5, SHA-1 and SHA-256 with RSA; SHA-1 and SHA-256 with ECDSA.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => &digest::SHA256,
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => &digest::SHA384,
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => &digest::SHA512,
        _ => return None,
    };
    Some(digest::digest(algorithm, certificate).as_ref().to_vec())
}
