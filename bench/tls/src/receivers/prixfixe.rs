//! Ours, by a settings file.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Kind, Places};
use crate::certificate::{Certificate, SERVER_NAME};
use crate::receiver::{Ports, Receiver, ReceiverError, free_address};

pub(super) fn start(
    kind: Kind,
    destination: &str,
    certificate: &Certificate,
    places: &Places,
    folder: &Path,
) -> Result<Receiver, ReceiverError> {
    let prepare = |error| ReceiverError::Prepare(kind, error);
    let plain = free_address().map_err(prepare)?;
    let implicit = free_address().map_err(prepare)?;
    let settings = format!(
        "domain = \"{SERVER_NAME}\"\n\
         listen = []\n\
         destination = \"{destination}\"\n\
         max_connections = 2000\n\
         [[listener]]\n\
         address = \"{plain}\"\n\
         tls = \"starttls\"\n\
         [[listener]]\n\
         address = \"{implicit}\"\n\
         tls = \"implicit\"\n\
         [tls]\n\
         certificate = \"{}\"\n\
         key = \"{}\"\n\
         [store]\n\
         path = \"store\"\n\
         [admin]\n\
         listen = \"unix:{}\"\n",
        certificate.chain_file.display(),
        certificate.key_file.display(),
        folder.join("admin.sock").display(),
    );
    let file = folder.join("prixfixe.toml");
    fs::write(&file, settings).map_err(prepare)?;
    let mut command = Command::new(&places.binary);
    command.arg("serve").arg("--config").arg(&file);
    let ports = Ports {
        plain,
        implicit: Some(implicit),
    };
    Receiver::start(kind, command, ports, Vec::new(), folder)
}
