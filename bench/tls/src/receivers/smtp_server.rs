//! smtp-server, which belongs to nodemailer, in a folder of npm of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Kind, Places};
use crate::certificate::Certificate;
use crate::receiver::{Ports, Receiver, ReceiverError, free_address, prepare};

const PACKAGE: &str = "smtp-server@3.21.6";
const SCRIPT: &str = include_str!("../../receivers/smtp_server_receiver.cjs");

pub(super) fn start(
    certificate: &Certificate,
    places: &Places,
    folder: &Path,
) -> Result<Receiver, ReceiverError> {
    let failed = |error| ReceiverError::Prepare(Kind::SmtpServer, error);
    let node = places.installed.join("node");
    let modules = node.join("node_modules");
    if !modules.join("smtp-server").is_dir() {
        prepare(
            Command::new("npm")
                .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
                .arg(&node)
                .arg(PACKAGE),
            Kind::SmtpServer.needs(),
        )?;
    }
    let plain = free_address().map_err(failed)?;
    let implicit = free_address().map_err(failed)?;
    let script = folder.join("receiver.cjs");
    fs::write(&script, SCRIPT).map_err(failed)?;
    let mut command = Command::new("node");
    command
        .env("NODE_PATH", &modules)
        .arg(script)
        .args([&certificate.chain_file, &certificate.key_file])
        .args([plain, implicit].map(|address| address.port().to_string()));
    let ports = Ports {
        plain,
        implicit: Some(implicit),
    };
    Receiver::start(Kind::SmtpServer, command, ports, Vec::new(), folder)
}
