//! Who is measured, and how each is started.

pub(crate) mod aiosmtpd;
pub(crate) mod mailin;
mod postfix;
mod prixfixe;
mod smtp_server;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use crate::certificate::Certificate;
use crate::receiver::{Receiver, ReceiverError};

/// A receiver with its way to be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    Prixfixe,
    PrixfixeStore,
    Mailin,
    Aiosmtpd,
    SmtpServer,
    Postfix,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Prixfixe,
        Self::PrixfixeStore,
        Self::Mailin,
        Self::Aiosmtpd,
        Self::SmtpServer,
        Self::Postfix,
    ];

    /// What it is, for the list.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Prixfixe => "prixfixe serve, mail is discarded",
            Self::PrixfixeStore => "prixfixe serve, mail goes into the durable store",
            Self::Mailin => {
                "mailin-embedded on rustls with aws-lc-rs; STARTTLS only, a thread per session"
            }
            Self::Aiosmtpd => "aiosmtpd on Python's ssl (OpenSSL)",
            Self::SmtpServer => "nodemailer's smtp-server on Node.js (OpenSSL)",
            Self::Postfix => "Postfix smtpd (OpenSSL), synced queue, deliveries discarded",
        }
    }

    /// What to do when its program is missing.
    pub(crate) fn needs(self) -> &'static str {
        match self {
            Self::Prixfixe | Self::PrixfixeStore => {
                "run `cargo build --release`, or say where it is with --binary"
            }
            Self::Mailin => "this program runs itself",
            Self::Aiosmtpd => "install python3 with its venv (Debian: python3-venv)",
            Self::SmtpServer => "install Node.js and npm",
            Self::Postfix => "install Postfix, and run this as root",
        }
    }

    /// Whether it can hold a thousand idle connections; Postfix has a process for each.
    pub(crate) fn holds_many_connections(self) -> bool {
        self != Self::Postfix
    }

    /// Whether connections without a message say something that another kind does not say, too.
    pub(crate) fn has_own_handshakes(self) -> bool {
        self != Self::PrixfixeStore
    }

    /// Starts it with its files in `folder`, which is its own.
    pub(crate) fn start(
        self,
        certificate: &Certificate,
        places: &Places,
        folder: &Path,
    ) -> Result<Receiver, ReceiverError> {
        match self {
            Self::Prixfixe => prixfixe::start(self, "discard", certificate, places, folder),
            Self::PrixfixeStore => prixfixe::start(self, "store", certificate, places, folder),
            Self::Mailin => mailin::start(certificate, folder),
            Self::Aiosmtpd => aiosmtpd::start(certificate, places, folder),
            Self::SmtpServer => smtp_server::start(certificate, places, folder),
            Self::Postfix => postfix::start(certificate, folder),
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Prixfixe => "prixfixe",
            Self::PrixfixeStore => "prixfixe-store",
            Self::Mailin => "mailin",
            Self::Aiosmtpd => "aiosmtpd",
            Self::SmtpServer => "smtp-server",
            Self::Postfix => "postfix",
        })
    }
}

/// Where things are, and where they go.
pub(crate) struct Places {
    /// The program `prixfixe`.
    pub(crate) binary: PathBuf,
    /// Where a run has its own folder.
    pub(crate) runs: PathBuf,
    /// What is installed once and kept, beside what cargo builds.
    pub(crate) installed: PathBuf,
}

impl Places {
    pub(crate) fn new(binary: PathBuf, folder: Option<PathBuf>) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        // The program is target/release/tls-peers.
        let target = program.ancestors().nth(2).ok_or(io::ErrorKind::NotFound)?;
        let installed = target.join("tls-peers");
        fs::create_dir_all(&installed)?;
        Ok(Self {
            binary,
            runs: folder.unwrap_or_else(std::env::temp_dir),
            installed,
        })
    }
}
