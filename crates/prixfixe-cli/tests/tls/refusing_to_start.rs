//! A server whose certificate cannot be used says so before it has done anything, and
//! `check-config` says the same.

use std::{path::Path, process::Output, time::Duration};

use crate::{
    certificates::{expired, made, made_until, pem},
    server_process::{self, LISTEN, Server, store},
    tls_client::{shown, start_tls},
};

const TLS: &str = "[tls]\ncertificate = \"mx.pem\"\nkey = \"mx.key\"\n";

/// What `serve` says, and `check-config` has to say as well.
fn refused(folder: &Path, settings: &str) -> String {
    let text = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let served = server_process::command(folder, settings).output().unwrap();
    assert_eq!(served.status.code(), Some(2), "{}", text(&served));
    assert!(!store(folder).exists(), "no folder is made for nothing");
    let checked = check_config(folder);
    assert_eq!(checked.status.code(), Some(2), "{}", text(&checked));
    let served = text(&served);
    assert!(text(&checked).starts_with(&served), "{}", text(&checked));
    served
}

fn check_config(folder: &Path) -> Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_prixfixe"))
        .env_clear()
        .arg("check-config")
        .arg(folder.join("prixfixe.toml"))
        .output()
        .unwrap()
}

#[test]
fn files_that_are_missing() {
    let folder = tempfile::tempdir().unwrap();
    let said = refused(folder.path(), &format!("{LISTEN}{TLS}"));
    assert!(
        said.contains("prixfixe.toml:3:15: tls.certificate: cannot read "),
        "{said}"
    );
    assert!(
        said.contains("check the path and who may read it"),
        "{said}"
    );
}

#[test]
fn the_key_of_another_certificate() {
    let folder = tempfile::tempdir().unwrap();
    made("mx.example.com").write_as(folder.path(), "mx");
    made("mx.example.com").write_as(folder.path(), "other");
    std::fs::rename(
        folder.path().join("other.key"),
        folder.path().join("mx.key"),
    )
    .unwrap();
    let said = refused(folder.path(), &format!("{LISTEN}{TLS}"));
    assert!(said.contains("prixfixe.toml:4:7: tls.key: "), "{said}");
    assert!(
        said.contains("does not belong to the first certificate"),
        "{said}"
    );
}

#[test]
fn a_file_without_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let made = made("mx.example.com");
    made.write_as(folder.path(), "mx");
    std::fs::write(folder.path().join("mx.pem"), pem("PRIVATE KEY", &made.key)).unwrap();
    let said = refused(folder.path(), &format!("{LISTEN}{TLS}"));
    assert!(said.contains("tls.certificate: "), "{said}");
    assert!(said.contains("holds no certificate"), "{said}");
}

#[test]
fn an_expired_certificate_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let expired = expired("mx.example.com");
    expired.write_as(folder.path(), "mx");
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    let line = server.await_log("the certificate has expired on 2021-01-01; renew it");
    assert!(line.contains("tls.certificate"), "{line}");
    let client = start_tls(server.address(), "mx.example.com");
    assert_eq!(shown(&client), expired.certificate);
    let checked = check_config(folder.path());
    assert_eq!(checked.status.code(), Some(0));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.starts_with("warning: "), "{said}");
    assert!(said.contains("has expired on 2021-01-01"), "{said}");
}

#[test]
fn one_that_expires_within_a_month_is_a_warning_too() {
    let folder = tempfile::tempdir().unwrap();
    let ten_days = Duration::from_secs((10 * 24 + 12) * 60 * 60);
    made_until("mx.example.com", ten_days).write_as(folder.path(), "mx");
    let mut server = Server::start_with(folder.path(), &format!("{LISTEN}{TLS}"));
    server.await_log(", in 10 days; renew it");
}
