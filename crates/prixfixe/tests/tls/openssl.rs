//! The program `openssl`, which makes keys in all the forms that lie in people's files, and is a
//! client of another make.

use std::{path::Path, process::Command};

/// Runs `openssl` in a folder, with the words of `arguments`, and returns what it prints.
pub(crate) fn run(folder: &Path, arguments: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder);
    let output = command
        .output()
        .expect("openssl is needed; `cargo xtask setup` installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
