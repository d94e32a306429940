//! Paths of sockets, of any length.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::net::SocketAddrUnix;

/// What to hand to the kernel to reach the socket at `path`. The descriptor, if there is one, must
/// stay open meanwhile.
///
/// A path that is too long for `sun_path` is reached through a descriptor of the socket itself,
/// which needs `/proc`.
pub(super) fn existing(path: &Path) -> io::Result<(SocketAddrUnix, Option<OwnedFd>)> {
    if path.as_os_str().len() <= MAX_PATH_SIZE {
        return Ok((SocketAddrUnix::new(path)?, None));
    }
    let socket = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    Ok((SocketAddrUnix::new(descriptor_path(&socket))?, Some(socket)))
}

/// What to hand to the kernel to make a socket called `name`, a short one, in `directory`, of which
/// `descriptor` is open.
pub(super) fn new(
    directory: &Path,
    descriptor: &OwnedFd,
    name: &OsStr,
) -> io::Result<SocketAddrUnix> {
    let path = directory.join(name);
    if path.as_os_str().len() <= MAX_PATH_SIZE {
        return Ok(SocketAddrUnix::new(path)?);
    }
    Ok(SocketAddrUnix::new(descriptor_path(descriptor).join(name))?)
}

/// The path of the file that `descriptor` refers to, whatever became of its name.
pub(super) fn descriptor_path(descriptor: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

/// Octets of `sun_path`, less the zero that ends a path.
const MAX_PATH_SIZE: usize = 107;
