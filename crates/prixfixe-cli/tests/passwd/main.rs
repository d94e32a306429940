//! `prixfixe passwd`: alone, at a terminal, and beside a server.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod beside_server;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../server_process/mod.rs"]
mod server_process;
#[allow(dead_code, reason = "each test binary uses its own part")]
#[path = "../smtp_client/mod.rs"]
mod smtp_client;
mod terminal;

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

/// Runs it with this on standard input.
fn passwd(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prixfixe"));
    command.env_clear().current_dir(folder).arg("passwd");
    command.args(arguments).stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who refuses to begin does not read it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn done(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[track_caller]
fn failed(output: &Output, code: i32, reason: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(reason), "{said}");
}

#[test]
fn a_user_comes_changes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let (here, path) = (folder.path(), folder.path().join("users"));
    done(&passwd(here, &["users", "anna", "--stdin"], "first\n"));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let made = fs::read_to_string(&path).unwrap();
    assert!(made.starts_with("*:{SECRET}") && made.contains("\nanna:{SCRAM-SHA-256}40960$"));
    fs::write(
        &path,
        format!(
            "# ours\n\n{made}bert:{}",
            &made[made.find("{SCRAM").unwrap()..]
        ),
    )
    .unwrap();

    done(&passwd(
        here,
        &["users", "anna", "--stdin", "--scheme", "argon2id"],
        "second\r\n",
    ));
    let changed = fs::read_to_string(&path).unwrap();
    let names = changed.lines().map(|line| line.split(':').next().unwrap());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["# ours", "", "*", "anna", "bert"]
    );
    assert!(changed.contains("\nanna:{ARGON2ID}$argon2id$"));

    done(&passwd(
        here,
        &["users", "anna", "--verify", "--stdin"],
        "second",
    ));
    failed(
        &passwd(here, &["users", "anna", "--verify", "--stdin"], "first\n"),
        1,
        "wrong password",
    );
    done(&passwd(
        here,
        &["users", "bert", "--verify", "--stdin"],
        "first\n",
    ));
    failed(
        &passwd(here, &["users", "carl", "--verify", "--stdin"], "x\n"),
        1,
        "no user carl",
    );
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        changed,
        "nothing was written"
    );

    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    done(&passwd(here, &["users", "anna", "--delete"], ""));
    let left = fs::read_to_string(&path).unwrap();
    assert!(
        left.starts_with("# ours\n\n*:") && !left.contains("anna"),
        "{left}"
    );
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "as it was");
    failed(
        &passwd(here, &["users", "anna", "--delete"], ""),
        1,
        "no user anna",
    );
    assert_eq!(
        fs::read_dir(here).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

/// The server may run as another user than who changes a password.
#[test]
fn the_file_stays_where_and_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (here, place) = (folder.path(), folder.path().join("place"));
    fs::create_dir(&place).unwrap();
    fs::write(place.join("users"), "# ours\n").unwrap();
    symlink("place/users", here.join("users")).unwrap();
    // Only root can give a file away; who is not finds it as his own again.
    let _ = chown(place.join("users"), Some(12_345), Some(12_346));
    let before = fs::metadata(place.join("users")).unwrap();
    done(&passwd(here, &["users", "anna", "--stdin"], "first\n"));
    assert!(
        fs::symlink_metadata(here.join("users"))
            .unwrap()
            .is_symlink()
    );
    let after = fs::metadata(place.join("users")).unwrap();
    assert_ne!(before.ino(), after.ino(), "replaced as a whole");
    assert_eq!((before.uid(), before.gid()), (after.uid(), after.gid()));
}

/// Without a secret the salts of users that do not exist would change with each start.
#[test]
fn a_file_without_a_secret_gets_one() {
    let folder = tempfile::tempdir().unwrap();
    let (here, path) = (folder.path(), folder.path().join("users"));
    fs::write(&path, "# ours\n").unwrap();
    for password in ["first", "second"] {
        done(&passwd(here, &["users", "anna", "--stdin"], password));
        let text = fs::read_to_string(&path).unwrap();
        let names = text.lines().map(|line| line.split(':').next().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["*", "# ours", "anna"]);
    }
}

#[test]
fn the_settings_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("p.toml"), "[auth]\npassword_file = \"logins\"\n").unwrap();
    done(&passwd(
        here,
        &["--config", "p.toml", "anna", "--stdin"],
        "secret\n",
    ));
    assert!(here.join("logins").exists());
    failed(
        &passwd(here, &["anna", "--stdin"], "secret\n"),
        2,
        "no password file",
    );
}

#[test]
fn what_it_does_not_take() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for name in ["a:b", "#a", "*", "a\u{7}", ""] {
        failed(&passwd(here, &["users", name, "--stdin"], "x\n"), 2, "name");
    }
    failed(
        &passwd(here, &["users", "anna", "--stdin"], "\n"),
        1,
        "empty",
    );
    failed(
        &passwd(here, &["users", "anna", "--stdin"], "a\u{7}b\n"),
        1,
        "control",
    );
    failed(&passwd(here, &["users", "anna"], ""), 1, "--stdin");
    failed(
        &passwd(here, &["users", "anna", "--delete"], ""),
        1,
        "users: ",
    );
    assert!(!here.join("users").exists());
    fs::write(here.join("users"), "nonsense\n").unwrap();
    let broken = passwd(here, &["users", "anna", "--stdin"], "x\n");
    failed(&broken, 1, "line 1: write USER");
    assert_eq!(
        fs::read_to_string(here.join("users")).unwrap(),
        "nonsense\n"
    );
}
