//! What is measured, part by part.

use std::io;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::certificate::{Certificate, CertificateError, KeyKind};
use crate::load::{LoadError, Operation, Workload};
use crate::memory::{self, IdleConnection};
use crate::receiver::{Receiver, ReceiverError};
use crate::receivers::{Kind, Places};
use crate::rounds::{self, Series};
use crate::transport::{Handshake, Security};

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Connections without a message: plain, and with full and resumed handshakes.
    Handshakes,
    /// Messages of 10 and 100 KB on connections that last.
    Messages,
    /// What an idle connection holds.
    Memory,
}

impl Part {
    pub(crate) const ALL: [Self; 3] = [Self::Handshakes, Self::Messages, Self::Memory];
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Handshakes => "handshakes",
            Self::Messages => "messages",
            Self::Memory => "memory",
        })
    }
}

/// How much is measured.
pub(crate) struct Effort {
    pub(crate) rounds: u32,
    /// Of one receiver in one row of one round.
    pub(crate) stretch: Duration,
    pub(crate) sessions: u32,
    pub(crate) idle_connections: u32,
}

/// Everything that was measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Measured {
    pub(crate) handshakes: Vec<Series>,
    pub(crate) messages: Vec<Series>,
    pub(crate) idle_connections: Vec<IdleConnection>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    #[error("the folder of the run could not be made")]
    Folder(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
    #[error("{0}")]
    Load(Kind, #[source] LoadError),
}

/// Measures these parts of these receivers.
pub(crate) fn measure(
    kinds: &[Kind],
    parts: &[Part],
    effort: &Effort,
    places: &Places,
) -> Result<Measured, MeasureError> {
    let mut measured = Measured::default();
    for part in parts {
        match part {
            Part::Handshakes => {
                let kinds: Vec<Kind> = kinds
                    .iter()
                    .copied()
                    .filter(|kind| kind.has_own_handshakes())
                    .collect();
                for key in [KeyKind::EcdsaP256, KeyKind::Rsa2048] {
                    let rows = handshake_rows();
                    let series = interleaved(&kinds, key, &rows, effort, places)?;
                    measured.handshakes.extend(series);
                }
            }
            Part::Messages => {
                let key = KeyKind::EcdsaP256;
                measured.messages = interleaved(kinds, key, &message_rows(), effort, places)?;
            }
            Part::Memory => {
                let many = kinds.iter().filter(|kind| kind.holds_many_connections());
                for kind in many {
                    measured
                        .idle_connections
                        .extend(memory::measure(*kind, effort, places)?);
                }
            }
        }
    }
    Ok(measured)
}

fn handshake_rows() -> Vec<Workload> {
    let row = |security, handshake| Workload {
        security,
        operation: Operation::Connection(handshake),
    };
    vec![
        row(Security::Plain, Handshake::Full),
        row(Security::StartTls, Handshake::Full),
        row(Security::StartTls, Handshake::Resumed),
        row(Security::Implicit, Handshake::Full),
        row(Security::Implicit, Handshake::Resumed),
    ]
}

fn message_rows() -> Vec<Workload> {
    let of_size = |octets| {
        [Security::Plain, Security::StartTls, Security::Implicit].map(|security| Workload {
            security,
            operation: Operation::Message(octets),
        })
    };
    MESSAGE_SIZES.into_iter().flat_map(of_size).collect()
}

/// 10 KB and 100 KB, in octets.
pub(crate) const MESSAGE_SIZES: [usize; 2] = [10_240, 102_400];

/// Starts all receivers and measures them in turn.
fn interleaved(
    kinds: &[Kind],
    key: KeyKind,
    rows: &[Workload],
    effort: &Effort,
    places: &Places,
) -> Result<Vec<Series>, MeasureError> {
    let folder = run_folder(places)?;
    let certificate = Certificate::make(key, folder.path())?;
    let mut receivers = Vec::new();
    for kind in kinds {
        receivers.push(start(*kind, &certificate, places, &folder)?);
    }
    rounds::measure(&mut receivers, key, &certificate, rows, effort)
}

/// The folder of a few receivers, gone when they are.
pub(crate) fn run_folder(places: &Places) -> io::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix("tls-peers-")
        // Postfix's processes have other users than their certificate.
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(&places.runs)
}

/// Starts a receiver in a folder of its own below that of the run.
pub(crate) fn start(
    kind: Kind,
    certificate: &Certificate,
    places: &Places,
    run: &tempfile::TempDir,
) -> Result<Receiver, MeasureError> {
    let folder = run.path().join(kind.to_string());
    std::fs::create_dir(&folder)?;
    Ok(kind.start(certificate, places, &folder)?)
}
