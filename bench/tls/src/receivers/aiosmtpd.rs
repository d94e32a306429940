//! aiosmtpd, in a Python environment of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Kind, Places};
use crate::certificate::Certificate;
use crate::receiver::{Ports, Receiver, ReceiverError, free_address, prepare};

const PACKAGE: &str = "aiosmtpd==1.4.6";
const SCRIPT: &str = include_str!("../../receivers/aiosmtpd_receiver.py");

pub(super) fn start(
    certificate: &Certificate,
    places: &Places,
    folder: &Path,
) -> Result<Receiver, ReceiverError> {
    let failed = |error| ReceiverError::Prepare(Kind::Aiosmtpd, error);
    let python = places.installed.join("python/bin/python3");
    if !places.installed.join("python/lib").is_dir() {
        install(places)?;
    }
    let plain = free_address().map_err(failed)?;
    let implicit = free_address().map_err(failed)?;
    let script = folder.join("receiver.py");
    fs::write(&script, SCRIPT).map_err(failed)?;
    let mut command = Command::new(python);
    command
        .arg(script)
        .args([&certificate.chain_file, &certificate.key_file])
        .args([plain, implicit].map(|address| address.port().to_string()));
    let ports = Ports {
        plain,
        implicit: Some(implicit),
    };
    Receiver::start(Kind::Aiosmtpd, command, ports, Vec::new(), folder)
}

/// Makes the environment, all of it or nothing.
fn install(places: &Places) -> Result<(), ReceiverError> {
    let advice = Kind::Aiosmtpd.needs();
    let folder = places.installed.join("python");
    let made = prepare(
        Command::new("python3").args(["-m", "venv"]).arg(&folder),
        advice,
    )
    .and_then(|()| {
        prepare(
            Command::new(folder.join("bin/python3"))
                .args(["-m", "pip", "install", "--quiet", PACKAGE]),
            advice,
        )
    });
    if made.is_err() {
        // Half an environment would be taken for a whole one the next time.
        let _ = fs::remove_dir_all(&folder);
    }
    made
}
