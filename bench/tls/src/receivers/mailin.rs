//! mailin-embedded, the receiver that is nearest to ours: a library in Rust, on the same version of
//! rustls with the same provider.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use mailin_embedded::{Handler, Server, SslConfig};

use super::Kind;
use crate::certificate::{Certificate, SERVER_NAME};
use crate::receiver::{Ports, Receiver, ReceiverError, free_address};

/// Starts this program again in the role of the receiver.
pub(super) fn start(certificate: &Certificate, folder: &Path) -> Result<Receiver, ReceiverError> {
    let prepare = |error| ReceiverError::Prepare(Kind::Mailin, error);
    let plain = free_address().map_err(prepare)?;
    let mut command = Command::new(std::env::current_exe().map_err(prepare)?);
    command
        .arg("mailin")
        .arg(plain.to_string())
        .args([&certificate.chain_file, &certificate.key_file])
        .arg(THREADS.to_string());
    // It has no listener with TLS from the start.
    let ports = Ports {
        plain,
        implicit: None,
    };
    Receiver::start(Kind::Mailin, command, ports, Vec::new(), folder)
}

/// It serves as many sessions as it has threads; this is more than any row opens.
const THREADS: u32 = 1100;

/// Serves until it is killed.
pub(crate) fn serve(
    address: SocketAddr,
    certificate: PathBuf,
    key: PathBuf,
    threads: u32,
) -> Result<(), Box<dyn Error>> {
    let mut server = Server::new(Discard);
    let path = |path: PathBuf| path.to_string_lossy().into_owned();
    server
        .with_name(SERVER_NAME)
        .with_ssl(SslConfig::SelfSigned {
            cert_path: path(certificate),
            key_path: path(key),
        })
        .map_err(|error| error.to_string())?
        .with_num_threads(threads)
        .with_addr(address)
        .map_err(|error| error.to_string())?;
    server.serve().map_err(|error| error.to_string())?;
    Ok(())
}

/// Its defaults accept everything and keep nothing.
#[derive(Clone)]
struct Discard;

impl Handler for Discard {}
