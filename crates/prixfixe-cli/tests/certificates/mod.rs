//! Certificates made for a test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

/// A certificate that signs itself, with its key.
pub(crate) struct Made {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// For this name, valid long enough for every test.
pub(crate) fn made(name: &str) -> Made {
    made_until(name, Duration::from_secs(365 * 24 * 60 * 60))
}

/// The same, valid for so long from now.
pub(crate) fn made_until(name: &str, validity: Duration) -> Made {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = (SystemTime::now() + validity).into();
    sign(&params)
}

/// One that has expired long ago.
pub(crate) fn expired(name: &str) -> Made {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    sign(&params)
}

fn sign(params: &CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    Made {
        certificate: params.self_signed(&key).unwrap().der().to_vec(),
        key: key.serialize_der(),
    }
}

impl Made {
    /// Writes both as PEM; each file is there as a whole or not at all.
    pub(crate) fn write(&self, certificate: &Path, key: &Path) {
        replace(certificate, &pem("CERTIFICATE", &self.certificate));
        replace(key, &pem("PRIVATE KEY", &self.key));
    }

    /// Writes `NAME.pem` and `NAME.key` into a folder.
    pub(crate) fn write_as(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let certificate = folder.join(format!("{name}.pem"));
        let key = folder.join(format!("{name}.key"));
        self.write(&certificate, &key);
        (certificate, key)
    }
}

/// Puts a file in place of another, as whatever renews certificates does.
pub(crate) fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(&new, path).unwrap();
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).collect();
    let lines = lines.join(&b'\n');
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        String::from_utf8(lines).unwrap()
    )
}
