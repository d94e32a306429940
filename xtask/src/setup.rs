//! Installs what the tests need on a Debian machine that has Rust and a C compiler.

mod clients;
mod needs;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::workspace::Workspace;

/// Leaves quickly and without the network when everything is there already.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let packages = needs::missing_packages(needs::Thing::is_here);
    if packages.is_empty() {
        println!("setup: every program that the tests need is here");
    } else {
        install(&packages)?;
    }
    clients::install(&workspace.target.join("clients"))?;
    check_toolchain()
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    if process::find("apt-get").is_none() {
        return Err(Failure::new(format!(
            "this machine has no apt-get; install what these Debian packages bring, then try again: {}",
            packages.join(" ")
        )));
    }
    if !is_root()? {
        return Err(Failure::new(format!(
            "missing Debian packages; run this once, then try again:\n\n  \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {}\n",
            packages.join(" ")
        )));
    }
    println!("setup: installing {}", packages.join(" "));
    let policy = ServicePolicy::hold_back(Path::new("/usr/sbin/policy-rc.d"))?;
    process::run(apt_get().args(["update", "--quiet"]))?;
    process::run(
        apt_get()
            .args(["install", "--quiet", "--yes", "--no-install-recommends"])
            .args(packages),
    )?;
    policy.release()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> Result<bool, Failure> {
    let output = process::capture(Command::new("id").arg("-u"))?;
    Ok(output.stdout.trim_ascii() == b"0")
}

/// Keeps freshly installed services from starting by themselves: the tests start what they need
/// on ports of their own, and a mail server on port 25 is nobody's wish.
struct ServicePolicy<'a> {
    path: &'a Path,
    ours: bool,
}

impl<'a> ServicePolicy<'a> {
    fn hold_back(path: &'a Path) -> Result<Self, Failure> {
        if path.exists() {
            return Ok(Self { path, ours: false });
        }
        let write = || {
            fs::write(path, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        };
        write().map_err(|error| Failure::at(path, &error))?;
        Ok(Self { path, ours: true })
    }

    /// Takes back only what was written here; a policy that the machine had stays.
    fn release(self) -> Result<(), Failure> {
        if self.ours {
            fs::remove_file(self.path).map_err(|error| Failure::at(self.path, &error))?;
        }
        Ok(())
    }
}

fn check_toolchain() -> Result<(), Failure> {
    for component in ["fmt", "clippy"] {
        let here = process::capture(process::cargo(Path::new(".")).args([component, "--version"]))?;
        if !here.status.success() {
            return Err(Failure::new(format!(
                "`cargo {component}` is missing; run: rustup component add rustfmt clippy"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_held_back_only_for_the_time_of_the_installation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy-rc.d");
        let policy = ServicePolicy::hold_back(&path).unwrap();
        assert!(fs::read_to_string(&path).unwrap().contains("exit 101"));
        policy.release().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_policy_of_the_machine_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy-rc.d");
        fs::write(&path, "#!/bin/sh\nexit 0\n").unwrap();
        ServicePolicy::hold_back(&path).unwrap().release().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "#!/bin/sh\nexit 0\n");
    }
}
