//! A Postfix of its own that delivers everything into one mailbox; only root can start one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::program::{Watched, await_listener, free_port, program};

/// It stops when this is dropped.
pub(crate) struct Postfix {
    config: PathBuf,
    mailbox: PathBuf,
    port: u16,
    _master: Watched,
}

impl Postfix {
    /// `mailbox` is a Maildir if its name ends with a slash.
    pub(crate) fn start(folder: &Path, mailbox: &str) -> Self {
        let [config, queue, data, mail] =
            ["postfix", "queue", "data", "mail"].map(|name| folder.join(name));
        for path in [&config, &queue, &data, &mail] {
            fs::create_dir(path).unwrap();
        }
        let owned = |by: &str, path: &Path| {
            let output = program("chown").arg(by).arg(path).output().unwrap();
            assert!(output.status.success(), "Postfix needs root: {output:?}");
        };
        owned("postfix", &data);
        owned("nobody", &mail);
        // Its processes have other users.
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        let main = format!(
            "{MAIN_CF}queue_directory = {}\ndata_directory = {}\nvirtual_mailbox_base = {}\n\
             virtual_mailbox_maps = static:{mailbox}\n",
            queue.display(),
            data.display(),
            mail.display()
        );
        fs::write(config.join("main.cf"), main).unwrap();
        let master = format!("127.0.0.1:{port} inet n - n - - smtpd\n{MASTER_CF}");
        fs::write(config.join("master.cf"), master).unwrap();
        let mut command = program("postfix");
        let master = Watched::spawn(command.arg("-c").arg(&config).arg("start-fg"));
        await_listener(port);
        Self {
            config,
            mailbox: mail.join(mailbox.trim_end_matches('/')),
            port,
            _master: master,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn mailbox(&self) -> PathBuf {
        self.mailbox.clone()
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // What was started is a shell; this reaches the master behind it.
        let _ = program("postfix")
            .arg("-c")
            .arg(&self.config)
            .arg("abort")
            .output();
    }
}

const MAIN_CF: &str = "\
compatibility_level = 3.6
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = mx.example.com
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
disable_dns_lookups = yes
virtual_transport = virtual
virtual_mailbox_domains = example.com
virtual_minimum_uid = 1
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_destination_recipient_limit = 1
";

/// Service, type, private, unprivileged, chroot, wakeup, most processes, program.
const MASTER_CF: &str = "\
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
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";
