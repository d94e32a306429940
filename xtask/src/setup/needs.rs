//! What tests and benchmarks need, and the Debian packages that bring it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process;

/// What can be looked for without asking a package manager, which may not be Debian's.
#[derive(Clone, Copy)]
pub(super) enum Thing {
    Program(&'static str),
    /// A file in a folder of libraries.
    Library(&'static str),
    PerlModule(&'static str),
}

use Thing::{Library, PerlModule, Program};

/// What is needed, and the package to install where it is missing.
const NEEDS: [(Thing, &str); 26] = [
    // Clients that the receiver has to get along with, and peers that it is measured against.
    (Program("postfix"), "postfix"),
    (Program("smtp-source"), "postfix"),
    (Program("smtp-sink"), "postfix"),
    (Program("posttls-finger"), "postfix"),
    (Program("swaks"), "swaks"),
    (Program("curl"), "curl"),
    (Program("msmtp"), "msmtp"),
    (Program("python3"), "python3"),
    (Program("openssl"), "openssl"),
    (Program("node"), "nodejs"),
    (Program("npm"), "npm"),
    // What swaks needs for TLS, and Postfix for logging in.
    (PerlModule("Net::SSLeay"), "libnet-ssleay-perl"),
    (PerlModule("IO::Socket::SSL"), "libio-socket-ssl-perl"),
    (Library("sasl2/libscram.so"), "libsasl2-modules"),
    // Exim itself is unpacked beside what cargo builds; these are its libraries.
    (Library("libgnutls-dane.so.0"), "libgnutls-dane0"),
    (Library("libidn.so.12"), "libidn12"),
    // A balancer in front, and two who look for weak TLS.
    (Program("haproxy"), "haproxy"),
    (Program("testssl"), "testssl.sh"),
    (Program("sslscan"), "sslscan"),
    // The order of writes, syncs and replies is proved by watching system calls.
    (Program("strace"), "strace"),
    // The store has to be readable with the ordinary tool.
    (Program("sqlite3"), "sqlite3"),
    // The store is tried on file systems that are full, read-only and failing. Containers come
    // without these two.
    (Program("mkfs.ext4"), "e2fsprogs"),
    (Program("mount"), "mount"),
    (Program("umount"), "mount"),
    // SQLite is compiled in, a test compiles a disk that fails, and the fuzzing engine is C++.
    (Program("cc"), "gcc"),
    (Program("g++"), "g++"),
];

/// The packages to install, each once.
pub(super) fn missing_packages(is_here: impl Fn(Thing) -> bool) -> Vec<&'static str> {
    let missing = NEEDS.iter().filter(|(thing, _)| !is_here(*thing));
    let mut packages: Vec<_> = missing.map(|(_, package)| *package).collect();
    packages.dedup();
    packages
}

impl Thing {
    pub(super) fn is_here(self) -> bool {
        match self {
            Program(name) => process::find(name).is_some(),
            Library(name) => library_folders().any(|folder| folder.join(name).exists()),
            PerlModule(name) => {
                let mut perl = Command::new("perl");
                perl.arg(format!("-M{name}")).args(["-e", "1"]);
                let found = perl.stdout(Stdio::null()).stderr(Stdio::null()).status();
                found.is_ok_and(|status| status.success())
            }
        }
    }
}

/// Where libraries lie: with and without a folder for each architecture.
fn library_folders() -> impl Iterator<Item = PathBuf> {
    let of_architectures = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    ["/usr/lib", "/usr/lib64", "/usr/local/lib"]
        .into_iter()
        .map(PathBuf::from)
        .chain(of_architectures.map(|entry| entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs_are_here(is_here: impl Fn(&str) -> bool) -> Vec<&'static str> {
        missing_packages(|thing| match thing {
            Program(name) => is_here(name),
            Library(_) | PerlModule(_) => true,
        })
    }

    #[test]
    fn a_missing_program_names_its_package_once() {
        assert_eq!(
            programs_are_here(|program| !program.starts_with("smtp-")),
            ["postfix"]
        );
        let of_file_systems = ["mkfs.ext4", "mount", "umount"];
        assert_eq!(
            programs_are_here(|program| !of_file_systems.contains(&program)),
            ["e2fsprogs", "mount"]
        );
        assert!(programs_are_here(|_| true).is_empty());
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        assert!(Library("libc.so.6").is_here());
        assert!(!Library("libnobody-has-this.so.1").is_here());
        assert!(!PerlModule("Nobody::Has::This").is_here());
        assert!(!Program("nobody-has-this").is_here());
    }
}
