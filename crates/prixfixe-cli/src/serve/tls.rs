//! The certificates that the settings name: read from their files, with faults that name the key.

use std::{fs, path::Path, time::SystemTime};

use jiff::Timestamp;
use prixfixe::{
    Domain,
    tls::{
        CaCertificates, Certificate, CertificateError, ClientCertificates, ClientTrust, Tls,
        TlsError, TlsSettings, TlsVersion,
    },
};
use zeroize::Zeroizing;

use crate::config::{self, CertificateSource, Faults, FilePath, Finding, Loaded, Settings};

/// What the listeners offer; nothing without a certificate.
pub(crate) fn start(loaded: &Loaded) -> Result<Option<Tls>, Faults> {
    let Some(settings) = read(loaded, None)? else {
        return Ok(None);
    };
    Tls::new(settings)
        .map(Some)
        .map_err(|error| fault(loaded, &error))
}

/// Reads everything again and offers it from the next handshake on. `made` is a self-signed
/// certificate of before, which stays the same as long as the server runs.
pub(crate) fn replace(
    loaded: &Loaded,
    tls: &Tls,
    made: Option<&Certificate>,
) -> Result<(), Faults> {
    match read(loaded, made)? {
        Some(settings) => tls.replace(settings).map_err(|error| fault(loaded, &error)),
        None => Ok(()),
    }
}

/// Certificates that have expired or are about to.
pub(crate) fn expiring(loaded: &Loaded, tls: &Tls) -> Vec<Finding> {
    let keys = std::iter::once(("tls.certificate", None))
        .chain((0..).map(|row| ("tls.sni.certificate", Some(row))));
    let certificates = tls.certificates();
    let findings = keys
        .zip(&certificates)
        .filter_map(|((key, row), certificate)| {
            let text = expiry(certificate.not_after(), SystemTime::now())?;
            Some(loaded.finding(key, row, text))
        });
    findings.collect()
}

/// The day of a point in time, in UTC.
pub(crate) fn day(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(
        |_| "a day that no calendar knows".to_owned(),
        |time| time.strftime("%Y-%m-%d").to_string(),
    )
}

/// All files that TLS is made of.
pub(crate) fn files(settings: &Settings) -> Vec<&Path> {
    let tls = &settings.tls;
    let certificate = match &tls.certificate {
        Some(CertificateSource::File(path)) => Some(path),
        Some(CertificateSource::SelfSigned) | None => None,
    };
    let own = [
        certificate,
        tls.key.as_ref(),
        tls.key_password_file.as_ref(),
        tls.client_ca.as_ref(),
    ];
    let further = settings.sni.iter().flat_map(|sni| {
        [
            Some(&sni.certificate),
            Some(&sni.key),
            sni.key_password_file.as_ref(),
        ]
    });
    let all = own.into_iter().chain(further).flatten();
    all.map(FilePath::as_path).collect()
}

/// When an operator wants to hear of the end of a certificate: whatever renews it by itself has
/// done so by then.
const NOTICE_DAYS: u64 = 30;
const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

fn expiry(not_after: SystemTime, now: SystemTime) -> Option<String> {
    let date = day(not_after);
    match not_after.duration_since(now) {
        Err(_) => Some(format!("the certificate has expired on {date}; renew it")),
        Ok(left) => {
            let days = left.as_secs() / SECONDS_PER_DAY;
            (days < NOTICE_DAYS)
                .then(|| format!("the certificate expires on {date}, in {days} days; renew it"))
        }
    }
}

fn read(loaded: &Loaded, made: Option<&Certificate>) -> Result<Option<TlsSettings>, Faults> {
    let (settings, mut findings) = (&loaded.settings, Vec::new());
    let given = &settings.tls;
    let own = match &given.certificate {
        None => return Ok(None),
        Some(CertificateSource::SelfSigned) => self_signed(settings, made)
            .map_err(|text| findings.push(loaded.finding("tls.certificate", None, text))),
        Some(CertificateSource::File(chain)) => match &given.key {
            Some(key) => {
                let files = Files {
                    table: "tls",
                    row: None,
                    chain,
                    key,
                    password: given.key_password_file.as_ref(),
                };
                files.read(loaded).map_err(|found| findings.push(found))
            }
            // Refused where the settings were put together.
            None => return Ok(None),
        },
    };
    let mut further = Vec::new();
    for (row, sni) in settings.sni.iter().enumerate() {
        let files = Files {
            table: "tls.sni",
            row: Some(row),
            chain: &sni.certificate,
            key: &sni.key,
            password: sni.key_password_file.as_ref(),
        };
        let name = sni
            .name
            .as_str()
            .parse::<Domain>()
            .map_err(|error| loaded.finding("tls.sni.name", Some(row), error.to_string()));
        match (name, files.read(loaded)) {
            (Ok(name), Ok(certificate)) => further.push((name, certificate)),
            (name, certificate) => findings.extend(name.err().into_iter().chain(certificate.err())),
        }
    }
    let clients = client_certificates(given)
        .map_err(|error| findings.push(loaded.finding("tls.client_ca", None, error.to_string())));
    match (own, clients) {
        (Ok(own), Ok(clients)) if findings.is_empty() => {
            let mut tls = TlsSettings::new(own);
            tls.sni = further;
            tls.minimum_version = match given.minimum_version {
                config::TlsVersion::Tls12 => TlsVersion::Tls12,
                config::TlsVersion::Tls13 => TlsVersion::Tls13,
            };
            let suites = given.cipher_suites.as_ref();
            tls.cipher_suites = suites.map(|all| all.iter().map(|suite| suite.get()).collect());
            let groups = given.key_exchange_groups.as_ref();
            tls.key_exchange_groups =
                groups.map(|all| all.iter().map(|group| group.get()).collect());
            tls.client_certificates = clients;
            Ok(Some(tls))
        }
        _ => Err(Faults::new(findings)),
    }
}

fn self_signed(settings: &Settings, made: Option<&Certificate>) -> Result<Certificate, String> {
    if let Some(made) = made {
        return Ok(made.clone());
    }
    let domain: Domain = settings
        .receiver
        .domain
        .as_str()
        .parse()
        .map_err(|error: prixfixe::proto::DomainError| error.to_string())?;
    Certificate::self_signed(&domain).map_err(|error| error.to_string())
}

fn client_certificates(given: &config::Tls) -> Result<ClientCertificates, CertificateError> {
    let trust = match &given.client_ca {
        Some(path) => ClientTrust::IssuedBy(CaCertificates::from_file(path.as_path())?),
        None => ClientTrust::Any,
    };
    Ok(match given.client_certificates {
        config::ClientCertificates::None => ClientCertificates::None,
        config::ClientCertificates::Optional => ClientCertificates::Optional(trust),
        config::ClientCertificates::Required => ClientCertificates::Required(trust),
    })
}

/// A certificate's files, and the table that names them.
struct Files<'a> {
    table: &'static str,
    row: Option<usize>,
    chain: &'a FilePath,
    key: &'a FilePath,
    password: Option<&'a FilePath>,
}

impl Files<'_> {
    fn read(&self, loaded: &Loaded) -> Result<Certificate, Finding> {
        let password = self.password.map(|path| {
            let read = fs::read_to_string(path.as_path()).map(Zeroizing::new);
            read.map_err(|error| {
                let text =
                    format!("cannot read {path}: {error}; check the path and who may read it");
                self.finding(loaded, "key_password_file", text)
            })
        });
        let password = password.transpose()?;
        // An editor ends the file with a line break, which is no part of the password.
        let password = password
            .as_ref()
            .map(|text| text.trim_end_matches(['\r', '\n']));
        Certificate::from_files(self.chain.as_path(), self.key.as_path(), password)
            .map_err(|error| self.finding(loaded, self.name_of(&error), error.to_string()))
    }

    /// The key to correct.
    fn name_of(&self, error: &CertificateError) -> &'static str {
        match error {
            CertificateError::Read { path, .. } if path == self.key.as_path() => "key",
            CertificateError::NoKey(_)
            | CertificateError::UnusableKey { .. }
            | CertificateError::OldEncryption(_)
            | CertificateError::Mismatch { .. }
            | CertificateError::PasswordMissing(_) => "key",
            CertificateError::Decryption { .. } => "key_password_file",
            _ => "certificate",
        }
    }

    fn finding(&self, loaded: &Loaded, name: &str, text: String) -> Finding {
        loaded.finding(&format!("{}.{name}", self.table), self.row, text)
    }
}

/// A fault of the settings as a whole, at the key that is to blame for it.
fn fault(loaded: &Loaded, error: &TlsError) -> Faults {
    let key = match error {
        TlsError::NoCipherSuite(_) => "tls.cipher_suites",
        TlsError::NoKeyExchangeGroup => "tls.key_exchange_groups",
        TlsError::Authority(_) => "tls.client_ca",
        TlsError::ServerName(name) => {
            let is_it = |sni: &config::Sni| sni.name.as_str() == name.as_str();
            let row = loaded.settings.sni.iter().position(is_it);
            return Faults::new(vec![loaded.finding("tls.sni.name", row, error.to_string())]);
        }
        _ => "tls.certificate",
    };
    Faults::new(vec![loaded.finding(key, None, error.to_string())])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn expiry_is_told_thirty_days_before() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let in_days = |days: u64| now + Duration::from_secs(days * SECONDS_PER_DAY + 60);
        assert_eq!(expiry(in_days(NOTICE_DAYS), now), None);
        let told = expiry(in_days(NOTICE_DAYS - 1), now).unwrap();
        assert_eq!(
            told,
            "the certificate expires on 2001-10-08, in 29 days; renew it"
        );
        let told = expiry(now - Duration::from_secs(1), now).unwrap();
        assert_eq!(told, "the certificate has expired on 2001-09-09; renew it");
    }
}
