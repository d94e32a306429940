//! A server with TLS, and with users where a test asks for them, and what clients need to know.

use std::path::{Path, PathBuf};

use crate::{
    message::ENVELOPE,
    program::{program, run},
    server_process::{Server, store},
    stored_mail::{self, Mail},
};

/// How a client comes to TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Tls {
    StartTls,
    Implicit,
}

/// Both, for tests that do the same with each.
pub(crate) const BOTH: [Tls; 2] = [Tls::StartTls, Tls::Implicit];

pub(crate) const USER: &str = "ann";
pub(crate) const PASSWORD: &str = "Correct-horse_7";

/// A server with a listener for each way to TLS. Its folder is gone when it is dropped.
pub(crate) struct Secured {
    pub(crate) server: Server,
    folder: tempfile::TempDir,
    /// What its mails say of the way they came, RFC 3848.
    with: &'static str,
}

impl Secured {
    /// One to which everybody may send.
    pub(crate) fn open() -> Self {
        Self::start(tempfile::tempdir().unwrap(), "", "", "ESMTPS")
    }

    /// One to which only [`USER`] may send.
    pub(crate) fn with_login() -> Self {
        let folder = tempfile::tempdir().unwrap();
        add_user(&folder.path().join("users"));
        let users = "[auth]\npassword_file = \"users\"\n";
        Self::start(folder, "auth = \"required\"\n", users, "ESMTPSA")
    }

    /// One that believes a balancer on this machine who its clients are.
    pub(crate) fn behind_balancer() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let balancer = "proxy_protocol = [\"127.0.0.1/32\"]\n";
        Self::start(folder, balancer, "", "ESMTPS")
    }

    fn start(
        folder: tempfile::TempDir,
        of_each_listener: &str,
        more: &str,
        with: &'static str,
    ) -> Self {
        make_certificate(folder.path());
        let listener = |tls: &str| {
            format!("[[listener]]\naddress = \"127.0.0.1:0\"\ntls = \"{tls}\"\n{of_each_listener}")
        };
        let settings = format!(
            "listen = []\n{}{}[tls]\ncertificate = \"certificate.pem\"\nkey = \"key.pem\"\n{more}",
            listener("starttls"),
            listener("implicit"),
        );
        Self {
            server: Server::start_with(folder.path(), &settings),
            folder,
            with,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The certificate, which signs itself and is to be trusted.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder().join("certificate.pem")
    }

    pub(crate) fn address(&self, tls: Tls) -> &str {
        match tls {
            Tls::StartTls => &self.server.addresses[0],
            Tls::Implicit => &self.server.addresses[1],
        }
    }

    pub(crate) fn port(&self, tls: Tls) -> &str {
        self.address(tls).rsplit_once(':').unwrap().1
    }

    /// The only message there is, which has come as it should.
    pub(crate) fn only(&self) -> Mail {
        let mail = stored_mail::only(&store(self.folder()));
        assert_eq!(mail.envelope, ENVELOPE);
        assert_eq!(mail.details.protocol, self.with);
        mail
    }

    /// That there is none.
    pub(crate) fn is_empty(&self) -> bool {
        stored_mail::all(&store(self.folder())).is_empty()
    }
}

fn make_certificate(folder: &Path) {
    let mut command = program("openssl");
    command
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-subj", "/CN=mx.example.com", "-addext"])
        .arg("subjectAltName=DNS:mx.example.com,IP:127.0.0.1")
        .args(["-keyout", "key.pem", "-out", "certificate.pem"]);
    run(&mut command, b"");
}

fn add_user(file: &Path) {
    let mut command = program(env!("CARGO_BIN_EXE_prixfixe"));
    command.arg("passwd").arg(file).args([USER, "--stdin"]);
    run(&mut command, format!("{PASSWORD}\n").as_bytes());
}
