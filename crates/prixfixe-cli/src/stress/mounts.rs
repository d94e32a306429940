//! File systems that the lab has mounted: a lab that is killed cannot unmount them itself.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the kernel calls the source of a file system that the lab mounts: nobody else's is touched.
pub(super) const SOURCE: &str = "prixfixe-chaos";

/// Takes the lab's own file systems out of a folder, with all that is on them, and says where they
/// were. Whoever still looks at one keeps it until then.
pub(super) fn unmount_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = match folder.canonicalize() {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mounted = fs::read("/proc/self/mountinfo")?;
    let mut found = of_the_lab(&mounted);
    found.retain(|at| at.starts_with(&folder));
    for at in &found {
        unmount(at)?;
    }
    Ok(found)
}

/// Takes away one file system.
pub(super) fn unmount(at: &Path) -> io::Result<()> {
    let output = Command::new("umount").arg("-l").arg(at).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(format!(
        "a file system of a lab that was killed is still mounted; as root: umount {} ({})",
        at.display(),
        said.trim()
    )))
}

/// Where they are, from the table of the kernel (proc_pid_mountinfo(5)).
fn of_the_lab(table: &[u8]) -> Vec<PathBuf> {
    let lines = table.split(|octet| *octet == b'\n');
    lines
        .filter_map(|line| {
            let mut fields = line.split(|octet| *octet == b' ');
            let at = fields.nth(4)?;
            // Optional fields end with a dash; then come the kind of file system and its source.
            fields.find(|field| field == b"-")?;
            let is_ours = fields.next()? == b"tmpfs" && fields.next()? == SOURCE.as_bytes();
            is_ours.then(|| PathBuf::from(OsString::from_vec(unescaped(at))))
        })
        .collect()
}

/// Blanks and backslashes stand there as `\` and three octal digits.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digits = behind.first_chunk::<3>().filter(|_| *first == b'\\');
        let octet = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(octet) = octet {
            plain.push(octet);
            rest = &behind[3..];
        } else {
            plain.push(*first);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_lab_has_mounted_is_found() {
        let table = b"22 1 0:21 / / rw - ext4 /dev/a rw\n\
            30 22 0:5 / /tmp/a\\040b\\134c rw,nosuid shared:1 master:2 - tmpfs prixfixe-chaos rw\n\
            31 22 0:6 / /tmp/x rw - tmpfs tmpfs rw\n\
            32 22 0:7 / /tmp/y rw - ext4 prixfixe-chaos rw\n\
            33 22 0:8 / /tmp/\\04 rw - tmpfs prixfixe-chaos rw\n\
            34 22\n\n";
        let found = of_the_lab(table);
        assert_eq!(found, [Path::new("/tmp/a b\\c"), Path::new("/tmp/\\04")]);
    }

    #[test]
    fn a_folder_without_any_is_left_as_it_is() {
        assert_eq!(
            unmount_below(Path::new("/nowhere/at/all")).ok(),
            Some(Vec::new())
        );
    }
}
