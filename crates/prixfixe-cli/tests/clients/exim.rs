//! Exim, the one mail server that sends its mail with BDAT, RFC 3030.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    message,
    program::{installed, outcome, program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
};

#[test]
fn exim_delivers_in_chunks_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        let exim = Exim::new(&secured, tls, Mechanism::None);
        exim.deliver();
        message::same(&secured.only().body, &message::tricky());
    }
}

#[test]
fn exim_logs_in_and_delivers_in_chunks() {
    for (tls, mechanism) in BOTH.into_iter().zip([Mechanism::Plain, Mechanism::Login]) {
        let secured = Secured::with_login();
        let exim = Exim::new(&secured, tls, mechanism);
        exim.deliver();
        message::same(&secured.only().body, &message::tricky());
    }
}

/// How it logs in.
#[derive(Clone, Copy)]
enum Mechanism {
    None,
    Plain,
    Login,
}

/// An Exim with a spool of its own. Debian's wants to be started by root.
struct Exim {
    settings: PathBuf,
    log: PathBuf,
}

impl Exim {
    fn new(secured: &Secured, tls: Tls, mechanism: Mechanism) -> Self {
        let spool = secured.folder().join("exim");
        fs::create_dir(&spool).unwrap();
        let (user, group) = (id_of("-u"), id_of("-g"));
        chown(&spool, Some(user), Some(group))
            .unwrap_or_else(|error| panic!("Exim has to be started by root: {error}"));
        // It reads its settings and the certificate under its own name.
        for path in [secured.folder(), &secured.certificate()] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let exim = Self {
            settings: secured.folder().join("exim.conf"),
            log: spool.join("mainlog"),
        };
        let text = settings(secured, tls, mechanism, &spool);
        fs::write(&exim.settings, text).unwrap();
        exim
    }

    /// Sends the message and returns when it has been taken, in chunks.
    fn deliver(&self) {
        let mut command = exim_program();
        command.arg("-C").arg(&self.settings).args([
            "-odf",
            "-i",
            "-f",
            "ann@example.org",
            "bob@example.com",
        ]);
        run(&mut command, &message::tricky_with_lf());
        let log = fs::read_to_string(&self.log).unwrap();
        let delivered = log
            .lines()
            .find(|line| line.contains(" => bob@example.com"));
        let delivered = delivered.unwrap_or_else(|| panic!("nothing is delivered:\n{log}"));
        // Its specification, "Log files": K means that CHUNKING was used.
        assert!(delivered.contains(" K "), "{delivered}");
    }
}

fn exim_program() -> Command {
    program(installed(Path::new("exim/usr/sbin/exim4")))
}

/// The number behind the name that is compiled into Debian's Exim.
fn id_of(which: &str) -> u32 {
    let output = outcome(program("id").args([which, "Debian-exim"]), b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.trim().parse();
    number.unwrap_or_else(|_| panic!("Exim has no user; run `cargo xtask setup`"))
}

fn settings(secured: &Secured, tls: Tls, mechanism: Mechanism, spool: &Path) -> String {
    let implicit = match tls {
        Tls::StartTls => "",
        Tls::Implicit => "  protocol = smtps\n",
    };
    let (login_wanted, authenticator) = match mechanism {
        Mechanism::None => ("", String::new()),
        Mechanism::Plain => (
            "  hosts_require_auth = *\n",
            format!(
                "plain:\n  driver = plaintext\n  public_name = PLAIN\n  client_send = ^{USER}^{PASSWORD}\n"
            ),
        ),
        Mechanism::Login => (
            "  hosts_require_auth = *\n",
            format!(
                "login:\n  driver = plaintext\n  public_name = LOGIN\n  client_send = : {USER} : {PASSWORD}\n"
            ),
        ),
    };
    format!(
        "primary_hostname = client.example\n\
         spool_directory = {spool}\n\
         log_file_path = {spool}/%slog\n\
         exim_path = {exim}\n\
         keep_environment =\n\
         received_header_text =\n\
         begin routers\n\
         next_hop:\n  driver = manualroute\n  route_list = * 127.0.0.1\n  self = send\n  transport = next_hop\n\
         begin transports\n\
         next_hop:\n  driver = smtp\n  port = {port}\n{implicit}\
         \x20 hosts_try_chunking = *\n  hosts_require_tls = *\n\
         \x20 tls_verify_certificates = {certificate}\n  tls_verify_hosts = *\n  tls_verify_cert_hostnames =\n\
         {login_wanted}\
         begin authenticators\n{authenticator}",
        spool = spool.display(),
        exim = exim_program().get_program().to_string_lossy(),
        port = secured.port(tls),
        certificate = secured.certificate().display(),
    )
}
