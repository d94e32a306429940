//! Whether and how connections are encrypted.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use prixfixe_load::plan::{Tls, TlsTerms, Trust};

use super::Misuse;

#[derive(Debug, Args)]
#[command(next_help_heading = "Encryption")]
pub(super) struct EncryptionFlags {
    /// When connections are encrypted
    #[arg(long, value_enum, value_name = "WHEN", default_value = "none")]
    tls: When,

    /// Believe the certificates of this PEM file, instead of those that the system does
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca: Option<PathBuf>,

    /// Believe any certificate: for servers under test
    #[arg(long)]
    insecure: bool,

    /// The name that the certificate must bear [default: the host of the target]
    #[arg(long, value_name = "NAME")]
    tls_name: Option<String>,

    /// Take up TLS sessions again where the server allows it, which is the default
    #[arg(long, overrides_with = "no_resume")]
    resume: bool,

    /// A full handshake for every connection
    #[arg(long)]
    no_resume: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// Never
    None,
    /// After STARTTLS
    Starttls,
    /// From the first octet
    Implicit,
}

impl EncryptionFlags {
    pub(super) fn tls(&self) -> Result<Tls, Misuse> {
        if self.tls == When::None {
            let terms = [
                ("--ca", self.ca.is_some()),
                ("--insecure", self.insecure),
                ("--tls-name", self.tls_name.is_some()),
                ("--resume", self.resume),
                ("--no-resume", self.no_resume),
            ];
            if let Some((flag, _)) = terms.into_iter().find(|(_, given)| *given) {
                return Misuse::because(format!(
                    "{flag} says how to encrypt; add --tls starttls or --tls implicit"
                ));
            }
            return Ok(Tls::None);
        }
        let terms = TlsTerms {
            trust: match &self.ca {
                Some(file) => Trust::File(file.clone()),
                None if self.insecure => Trust::Anybody,
                None => Trust::System,
            },
            server_name: self.tls_name.clone(),
            resume: !self.no_resume,
        };
        Ok(if self.tls == When::Starttls {
            Tls::StartTls(terms)
        } else {
            Tls::Implicit(terms)
        })
    }
}
