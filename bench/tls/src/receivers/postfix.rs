//! A Postfix of its own: smtpd with a synced queue, whose deliveries are discarded.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use super::Kind;
use crate::certificate::{Certificate, SERVER_NAME};
use crate::receiver::{Ports, Receiver, ReceiverError, free_address, prepare};

/// Limits per client are off, look-ups are off, and nothing holds the intake back: every setting
/// here makes Postfix quicker or changes nothing. Sessions are resumed by tickets, its default.
fn main_cf(queue: &Path, data: &Path, certificate: &Certificate) -> String {
    format!(
        "compatibility_level = 3.6\n\
         queue_directory = {}\n\
         data_directory = {}\n\
         mail_owner = postfix\n\
         setgid_group = postdrop\n\
         myhostname = {SERVER_NAME}\n\
         inet_interfaces = 127.0.0.1\n\
         inet_protocols = ipv4\n\
         mydestination =\n\
         mynetworks = 127.0.0.0/8\n\
         relay_domains =\n\
         alias_maps =\n\
         alias_database =\n\
         local_recipient_maps =\n\
         default_transport = discard:\n\
         relay_transport = discard:\n\
         smtpd_relay_restrictions = permit_mynetworks, reject\n\
         smtpd_recipient_restrictions =\n\
         smtpd_peername_lookup = no\n\
         disable_dns_lookups = yes\n\
         smtpd_client_connection_count_limit = 0\n\
         smtpd_client_connection_rate_limit = 0\n\
         smtpd_client_message_rate_limit = 0\n\
         smtpd_client_recipient_rate_limit = 0\n\
         smtpd_client_new_tls_session_rate_limit = 0\n\
         default_process_limit = 150\n\
         in_flow_delay = 0\n\
         message_size_limit = 0\n\
         smtpd_tls_security_level = may\n\
         smtpd_tls_loglevel = 0\n\
         smtpd_tls_chain_files = {}, {}\n",
        queue.display(),
        data.display(),
        certificate.key_file.display(),
        certificate.chain_file.display(),
    )
}

/// Service, type, private, unprivileged, chroot, wakeup, most processes, program.
fn master_cf(ports: &Ports) -> String {
    let plain = format!("{} inet n - n - - smtpd\n", ports.plain);
    let implicit = ports
        .implicit
        .map(|address| format!("{address} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n"));
    plain + &implicit.unwrap_or_default() + SERVICES
}

const SERVICES: &str = "\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
";

pub(super) fn start(certificate: &Certificate, folder: &Path) -> Result<Receiver, ReceiverError> {
    let failed = |error| ReceiverError::Prepare(Kind::Postfix, error);
    let [config, queue, data] = ["config", "queue", "data"].map(|name| folder.join(name));
    for path in [&config, &queue, &data] {
        fs::create_dir_all(path).map_err(failed)?;
    }
    // Its unprivileged processes have to reach the queue through this folder.
    fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(failed)?;
    prepare(
        Command::new("chown").arg("postfix").arg(&data),
        Kind::Postfix.needs(),
    )?;
    let ports = Ports {
        plain: free_address().map_err(failed)?,
        implicit: Some(free_address().map_err(failed)?),
    };
    let main = main_cf(&queue, &data, certificate);
    fs::write(config.join("main.cf"), main).map_err(failed)?;
    fs::write(config.join("master.cf"), master_cf(&ports)).map_err(failed)?;
    // Makes the folders of the queue.
    prepare(
        Command::new("/usr/sbin/postfix")
            .arg("-c")
            .arg(&config)
            .arg("check"),
        Kind::Postfix.needs(),
    )?;
    // Without becoming a daemon: what was started is the process above all others.
    let mut command = Command::new("/usr/lib/postfix/sbin/master");
    command.arg("-c").arg(&config).arg("-d");
    let queues = ["incoming", "active", "deferred"].map(|name| queue.join(name));
    Receiver::start(Kind::Postfix, command, ports, queues.into(), folder)
}
