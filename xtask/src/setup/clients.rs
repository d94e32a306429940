//! Mail programs that no package installs here: they go into a folder beside what cargo builds,
//! where the tests look for them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{apt_get, is_root};
use crate::failure::Failure;
use crate::process;

/// Installs in `folder` what is not there yet.
pub(super) fn install(folder: &Path) -> Result<(), Failure> {
    nodemailer(&folder.join("node"))?;
    exim(&folder.join("exim"))
}

const NODEMAILER: &str = "10.6.0";

fn nodemailer(folder: &Path) -> Result<(), Failure> {
    let description = folder.join("node_modules/nodemailer/package.json");
    if names_version(
        &fs::read_to_string(description).unwrap_or_default(),
        NODEMAILER,
    ) {
        return Ok(());
    }
    println!("setup: nodemailer {NODEMAILER} into {}", folder.display());
    process::run(
        Command::new("npm")
            .args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"])
            .arg(folder)
            .arg(format!("nodemailer@{NODEMAILER}")),
    )
}

/// Whether a `package.json` is that of this version.
fn names_version(description: &str, version: &str) -> bool {
    let wanted = format!("\"version\": \"{version}\"");
    description
        .lines()
        .any(|line| line.trim().trim_end_matches(',') == wanted)
}

/// The one mail server that sends its mail with BDAT. As a package it would put Postfix out, so it
/// is unpacked and not installed.
fn exim(folder: &Path) -> Result<(), Failure> {
    exim_user()?;
    if folder.join("usr/sbin/exim4").is_file() {
        return Ok(());
    }
    println!("setup: Exim into {}", folder.display());
    let failed = |error: io::Error| Failure::at(folder, &error);
    let downloads = folder.join("packages");
    fs::create_dir_all(&downloads).map_err(failed)?;
    let mut download = apt_get();
    download
        .args(["download", "--quiet", EXIM])
        .current_dir(&downloads);
    if process::run(&mut download).is_err() {
        // The list of packages may be missing or old.
        process::run(apt_get().args(["update", "--quiet"]))?;
        process::run(&mut download)?;
    }
    for package in packages_in(&downloads).map_err(failed)? {
        process::run(
            Command::new("dpkg")
                .arg("--extract")
                .args([&*package, folder]),
        )?;
    }
    fs::remove_dir_all(&downloads).map_err(failed)
}

const EXIM: &str = "exim4-daemon-light";

/// Debian's Exim looks for this name, compiled in, before it reads any setting.
fn exim_user() -> Result<(), Failure> {
    let user = "Debian-exim";
    if process::capture(Command::new("id").arg(user))?
        .status
        .success()
    {
        return Ok(());
    }
    if !is_root()? {
        return Err(Failure::new(format!(
            "the Exim of the tests needs a user; run this once, then try again:\n\n  \
             sudo useradd --system --no-create-home {user}\n"
        )));
    }
    process::run(Command::new("useradd").args(["--system", "--no-create-home", user]))
}

fn packages_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    Ok(entries
        .filter(|path| path.extension() == Some(OsStr::new("deb")))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_is_not_this_one() {
        let description = "{\n  \"name\": \"nodemailer\",\n  \"version\": \"10.6.0\",\n}";
        assert!(names_version(description, "10.6.0"));
        assert!(!names_version(description, "10.6.1"));
        assert!(!names_version("", "10.6.0"));
    }

    #[test]
    fn only_packages_are_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.deb", "b.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(
            packages_in(folder.path()).unwrap(),
            [folder.path().join("a.deb")]
        );
    }
}
