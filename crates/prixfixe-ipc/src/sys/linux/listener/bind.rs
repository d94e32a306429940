//! Taking a path: from a dead server, never from a live one.
//!
//! The socket is made under a temporary name, gets its permissions, listens, and is then renamed, so
//! that whoever finds it under its own name can connect to it. What is at that name before is asked
//! whether it is alive, by connecting.
//!
//! Between asking and renaming another server could do the same, and both would find the old socket
//! dead. So the directory is locked meanwhile: by `flock` on the directory itself, which the kernel
//! undoes when a process dies, and which leaves no file behind.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{AtFlags, FileType, FlockOperation, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;
use rustix::process::Pid;

use super::failure::BindFailure;
use crate::address::{Address, SocketAccess};
use crate::sys::linux::socket::{ConnectFailure, Socket};
use crate::sys::linux::socket_path;

/// A path that leads to our socket. On drop it is removed, if it still does.
#[derive(Debug)]
pub(super) struct BoundPath {
    directory: OwnedFd,
    name: OsString,
    file: FileId,
    /// The process that bound it: a forked child removes nothing.
    process: Pid,
}

/// What tells a file from every other while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId {
    device: u64,
    inode: u64,
}

/// Binds `socket` to `path` with the rights of `access`, and listens.
pub(super) fn at_path(
    socket: &OwnedFd,
    path: &Path,
    access: &SocketAccess,
) -> Result<BoundPath, BindFailure> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
    };
    let directory_path = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(directory_path, flags, Mode::empty())?;
    let lock = Lock::of(&directory, BIND_ATTEMPTS)?;
    let temporary = Temporary::bind(socket, directory_path, &directory, access)?;
    let file = temporary.grant(access)?;
    rustix::net::listen(socket, super::BACKLOG)?;
    vacant(directory_path.join(name), &directory, name)?;
    temporary.rename(name)?;
    drop(lock);
    Ok(BoundPath {
        directory,
        name: name.to_owned(),
        file,
        process: rustix::process::getpid(),
    })
}

impl Drop for BoundPath {
    fn drop(&mut self) {
        if rustix::process::getpid() != self.process {
            return;
        }
        // Under the lock, or a server that comes just now could have its socket removed. If it cannot
        // be had the path stays, and the next server replaces it.
        let Ok(_lock) = Lock::of(&self.directory, DROP_ATTEMPTS) else {
            return;
        };
        let found = rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        if found.is_ok_and(|stat| FileId::of(&stat) == self.file) {
            let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        }
    }
}

/// Fails unless nobody serves at `path`, which is `name` in `directory`: nothing is there, or the
/// socket of a server that is gone.
fn vacant(path: PathBuf, directory: &OwnedFd, name: &OsStr) -> Result<(), BindFailure> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno.into()),
        Ok(stat) if file_type(&stat) != FileType::Socket => return Err(BindFailure::NotASocket),
        Ok(_) => {}
    }
    let address = Address::path(path).map_err(io::Error::other)?;
    match Socket::connect_now(&address) {
        Ok(_) | Err(ConnectFailure::Busy) => Err(BindFailure::AlreadyServing),
        Err(ConnectFailure::Refused | ConnectFailure::NotFound) => Ok(()),
        Err(ConnectFailure::Denied) => Err(Errno::ACCESS.into()),
        // Somebody listens there, with another type of socket.
        Err(ConnectFailure::Other(error)) if is(&error, Errno::PROTOTYPE) => {
            Err(BindFailure::AlreadyServing)
        }
        Err(ConnectFailure::Other(error)) => Err(error.into()),
    }
}

/// The lock of a directory, given back on drop.
struct Lock<'a> {
    directory: &'a OwnedFd,
}

impl<'a> Lock<'a> {
    /// Tries up to `attempts` times: whoever may read the directory may also lock it for ever, and
    /// must not hold us up for ever.
    fn of(directory: &'a OwnedFd, attempts: u32) -> Result<Self, BindFailure> {
        for attempt in 0..attempts {
            if attempt > 0 {
                thread::sleep(LOCK_PAUSE);
            }
            match rustix::fs::flock(directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { directory }),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(BindFailure::DirectoryLocked)
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(self.directory, FlockOperation::Unlock);
    }
}

/// A socket under a name that nobody looks for; gone on drop unless it was renamed.
struct Temporary<'a> {
    directory: &'a OwnedFd,
    name: String,
    renamed: bool,
}

impl<'a> Temporary<'a> {
    /// Binds `socket` to the first temporary name that is free. The directory is locked, so a socket
    /// that has such a name already was left by a server that was killed just there: it is removed.
    fn bind(
        socket: &OwnedFd,
        path: &Path,
        directory: &'a OwnedFd,
        access: &SocketAccess,
    ) -> Result<Self, BindFailure> {
        if let Some(mode) = access.mode {
            // The file is made with the mode of the socket, less the umask: never with more.
            rustix::fs::fchmod(socket, Mode::from_raw_mode(mode))?;
        }
        for number in 0..TEMPORARY_NAMES {
            let name = format!(".binding-{number}");
            remove_socket(directory, &name);
            let address = socket_path::new(path, directory, OsStr::new(&name))?;
            match rustix::net::bind(socket, &address) {
                Ok(()) => {
                    return Ok(Self {
                        directory,
                        name,
                        renamed: false,
                    });
                }
                Err(Errno::ADDRINUSE) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::ADDRINUSE.into())
    }

    /// Sets mode and owner, and tells which file it is.
    fn grant(&self, access: &SocketAccess) -> Result<FileId, BindFailure> {
        // By a descriptor of the file itself: in a directory that others may write to, the name could
        // lead elsewhere by now.
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self.directory, &self.name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        if file_type(&stat) != FileType::Socket {
            return Err(BindFailure::NotASocket);
        }
        if let Some(mode) = access.mode
            && stat.st_mode & PERMISSIONS != mode & PERMISSIONS
        {
            let path = socket_path::descriptor_path(&file);
            rustix::fs::chmod(path, Mode::from_raw_mode(mode))?;
        }
        if access.uid.is_some() || access.gid.is_some() {
            let (uid, gid) = (access.uid.map(Uid::from_raw), access.gid.map(Gid::from_raw));
            rustix::fs::chownat(&file, "", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        Ok(FileId::of(&stat))
    }

    fn rename(mut self, name: &OsStr) -> Result<(), BindFailure> {
        rustix::fs::renameat(self.directory, &self.name, self.directory, name)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            remove_socket(self.directory, &self.name);
        }
    }
}

impl FileId {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

/// Removes `name` if it is a socket.
fn remove_socket(directory: &OwnedFd, name: &str) {
    let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    if found.is_ok_and(|stat| file_type(&stat) == FileType::Socket) {
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
}

fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

/// Temporary names tried: the first serves unless another user put something there that cannot be
/// removed.
const TEMPORARY_NAMES: u32 = 16;

/// The bits of a mode that say who may do what.
const PERMISSIONS: u32 = 0o7777;

/// Between two attempts to lock a directory. Whoever has it needs it for far less.
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Attempts of a server that starts: five seconds' worth.
const BIND_ATTEMPTS: u32 = 1000;
/// Attempts of a server that stops, which must not take long: a tenth of a second's worth.
const DROP_ATTEMPTS: u32 = 20;
