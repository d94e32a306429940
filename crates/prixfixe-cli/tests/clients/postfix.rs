//! Postfix as a relay: its smtp client hands on what its smtpd was given.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader},
    net::TcpListener,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{ChildStdout, Stdio},
};

use crate::{
    message,
    program::{Watched, outcome, program, run},
    secured::{BOTH, PASSWORD, Secured, Tls, USER},
    swaks::swaks_to,
};

#[test]
fn postfix_relays_over_tls() {
    for tls in BOTH {
        let secured = Secured::open();
        relay(&secured, &settings(&secured, tls));
    }
}

#[test]
fn postfix_logs_in_and_relays() {
    for mechanism in ["PLAIN", "LOGIN", "SCRAM-SHA-256"] {
        let secured = Secured::with_login();
        let login = format!(
            "smtp_sasl_auth_enable = yes\n\
             smtp_sasl_mechanism_filter = {mechanism}\n\
             smtp_sasl_security_options = noanonymous\n\
             smtp_sasl_password_maps = static:{USER}:{PASSWORD}\n"
        );
        relay(&secured, &(settings(&secured, Tls::StartTls) + &login));
    }
}

/// What Postfix says itself about the TLS of a server.
#[test]
fn posttls_finger_verifies_the_server() {
    for tls in BOTH {
        let secured = Secured::open();
        let mut command = program("posttls-finger");
        command
            .args(["-c", "-L", "summary", "-l", "secure", "-F"])
            .arg(secured.certificate());
        if tls == Tls::Implicit {
            command.arg("-w");
        }
        command.arg(format!("[127.0.0.1]:{}", secured.port(tls)));
        let output = outcome(command.arg("mx.example.com"), b"");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(text.contains("Verified TLS connection"), "{text}");
    }
}

/// Delivers the message through a Postfix; it has added its `Received:` line and nothing else.
fn relay(secured: &Secured, settings: &str) {
    let mut postfix = Postfix::start(secured.folder(), settings);
    run(&mut swaks_to(&postfix.port, secured.folder()), b"");
    postfix.await_delivery();
    let body = secured.only().body;
    let end_of_line = body
        .windows(3)
        .position(|octets| octets.starts_with(b"\r\n") && !octets[2].is_ascii_whitespace());
    let (received, rest) = body.split_at(end_of_line.unwrap() + 2);
    assert!(received.starts_with(b"Received: "));
    message::same(rest, &message::tricky_and_empty_line());
}

fn settings(secured: &Secured, tls: Tls) -> String {
    let implicit = match tls {
        Tls::StartTls => "",
        Tls::Implicit => "smtp_tls_wrappermode = yes\n",
    };
    format!(
        "relayhost = [127.0.0.1]:{}\n\
         smtp_tls_security_level = secure\n\
         smtp_tls_secure_cert_match = mx.example.com\n\
         smtp_tls_CAfile = {}\n{implicit}",
        secured.port(tls),
        secured.certificate().display(),
    )
}

/// A Postfix of its own, which only root can start. It stops when this is dropped.
struct Postfix {
    config: PathBuf,
    port: String,
    log: BufReader<ChildStdout>,
    _master: Watched,
}

impl Postfix {
    fn start(folder: &Path, settings: &str) -> Self {
        let [config, queue, data] = ["postfix", "queue", "data"].map(|name| folder.join(name));
        for path in [&config, &queue, &data] {
            fs::create_dir(path).unwrap();
        }
        run(program("chown").arg("postfix").arg(&data), b"");
        // Its processes have other users, and read settings and certificate.
        for path in [folder, &folder.join("certificate.pem")] {
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let port = free_port();
        let main = format!(
            "{MAIN_CF}queue_directory = {}\ndata_directory = {}\n{settings}",
            queue.display(),
            data.display()
        );
        fs::write(config.join("main.cf"), main).unwrap();
        let master = format!("127.0.0.1:{port} inet n - n - - smtpd\n{MASTER_CF}");
        fs::write(config.join("master.cf"), master).unwrap();
        let mut command = program("postfix");
        command.arg("-c").arg(&config).arg("start-fg");
        let mut master = Watched::spawn(command.stdout(Stdio::piped()));
        let log = BufReader::new(master.process().stdout.take().unwrap());
        let mut postfix = Self {
            config,
            port,
            log,
            _master: master,
        };
        postfix.await_log("daemon started");
        postfix
    }

    /// Returns when a message was handed on.
    fn await_delivery(&mut self) {
        let line = self.await_log("status=");
        assert!(line.contains("status=sent (250"), "{line}");
    }

    /// The next line with this in it.
    fn await_log(&mut self, wanted: &str) -> String {
        let mut read = String::new();
        loop {
            let start = read.len();
            let octets = self.log.read_line(&mut read).unwrap();
            assert!(octets > 0, "Postfix has ended, or waited too long:\n{read}");
            if read[start..].contains(wanted) {
                return read[start..].to_owned();
            }
        }
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

/// Of loopback, and free at this moment. Postfix cannot choose one itself and say which.
fn free_port() -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}

const MAIN_CF: &str = "\
compatibility_level = 3.6
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
myhostname = client.example
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
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";
