//! Where the certificate of a TLS listener comes from.

use std::fmt;
use std::str::FromStr;

use super::TextSetting;
use super::file_path::{EmptyPath, FilePath};
use crate::config::place::Place;

/// The origin of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CertificateSource {
    /// Made at start and named after the domain, for development.
    SelfSigned,
    /// A chain in a file.
    File(FilePath),
}

impl FromStr for CertificateSource {
    type Err = EmptyPath;

    fn from_str(text: &str) -> Result<Self, EmptyPath> {
        if text == SELF_SIGNED {
            return Ok(Self::SelfSigned);
        }
        Ok(Self::File(text.parse()?))
    }
}

impl fmt::Display for CertificateSource {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SelfSigned => out.write_str(SELF_SIGNED),
            Self::File(path) => path.fmt(out),
        }
    }
}

impl TextSetting for CertificateSource {
    fn wording() -> String {
        "a path, or \"self-signed\"".to_owned()
    }

    fn resolved(self, place: &Place) -> Result<Self, EmptyPath> {
        match self {
            Self::SelfSigned => Ok(self),
            Self::File(path) => path.resolved(place).map(Self::File),
        }
    }
}

const SELF_SIGNED: &str = "self-signed";
