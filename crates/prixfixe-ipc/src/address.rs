//! Where a server is found.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The place of a server's socket: a path, or a name that no file system knows.
///
/// As text it is a path, or `@` and a name:
///
/// ```
/// # #[cfg(target_os = "linux")] {
/// use prixfixe_ipc::Address;
///
/// let address: Address = "/run/example.sock".parse()?;
/// assert_eq!(address, Address::path("/run/example.sock")?);
/// let address: Address = "@example".parse()?;
/// assert_eq!(address.to_string(), "@example");
/// # }
/// # Ok::<(), prixfixe_ipc::InvalidAddress>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    place: Place,
}

/// The two kinds of places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// Has a file name and no zero octet.
    Path(PathBuf),
    /// Not empty, short enough, and without a zero octet.
    Abstract(String),
}

/// Why something is not the address of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAddress {
    /// A path that names no file: it is empty, or ends with `..`, or is the root.
    #[error("the path of a socket must end with a file name")]
    NoFileName,
    /// `@` alone.
    #[error("the name of an abstract socket must not be empty")]
    EmptyName,
    /// An abstract name that the kernel has no room for.
    #[error("the name of an abstract socket must not be longer than {MAX_NAME_SIZE} octets")]
    NameTooLong,
    /// An octet that ends every name in the kernel.
    #[error("the address of a socket must not contain a zero octet")]
    ZeroOctet,
}

impl Address {
    /// A socket in the file system. Who may connect is then for the permissions of the directory and
    /// of the socket to say; see [`SocketAccess`].
    pub fn path(path: impl Into<PathBuf>) -> Result<Self, InvalidAddress> {
        let path = path.into();
        let octets = path.as_os_str().as_encoded_bytes();
        if octets.contains(&0) {
            return Err(InvalidAddress::ZeroOctet);
        }
        if path.file_name().is_none() {
            return Err(InvalidAddress::NoFileName);
        }
        // So that as text it is not taken for a name.
        let path = if octets.starts_with(b"@") {
            Path::new(".").join(path)
        } else {
            path
        };
        Ok(Self {
            place: Place::Path(path),
        })
    }

    /// A socket in the abstract name space of Linux. It vanishes with its server and belongs to a
    /// network namespace, whose every process may try to connect: nothing but the peer policy tells
    /// them apart, and anybody may take the name first.
    pub fn abstract_name(name: impl Into<String>) -> Result<Self, InvalidAddress> {
        let name = name.into();
        if name.is_empty() {
            Err(InvalidAddress::EmptyName)
        } else if name.len() > MAX_NAME_SIZE {
            Err(InvalidAddress::NameTooLong)
        } else if name.contains('\0') {
            Err(InvalidAddress::ZeroOctet)
        } else {
            Ok(Self {
                place: Place::Abstract(name),
            })
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }
}

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        match text.strip_prefix('@') {
            Some(name) => Self::abstract_name(name),
            None => Self::path(text),
        }
    }
}

/// As [`Address::from_str`] reads it. A path that is not UTF-8 is shown as well as can be.
impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Path(path) => path.display().fmt(formatter),
            Place::Abstract(name) => write!(formatter, "@{name}"),
        }
    }
}

/// Who may connect to a socket in the file system. Abstract sockets have no such thing.
///
/// Both are set before the socket can be found under its name. Whoever wants to connect needs the
/// right to write to the socket and to search the directories above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketAccess {
    /// The permission bits, whatever the umask is; what the umask leaves of all, if `None`.
    pub mode: Option<u32>,
    /// The user, if `Some`, to give the socket to. This takes privileges.
    pub uid: Option<u32>,
    /// The group, if `Some`, to give the socket to. An unprivileged server can choose among its own.
    pub gid: Option<u32>,
}

/// Only the user of the server: mode 0600.
impl Default for SocketAccess {
    fn default() -> Self {
        Self {
            mode: Some(0o600),
            uid: None,
            gid: None,
        }
    }
}

/// Octets of an abstract name: `sun_path` has 108, the first of which is zero.
const MAX_NAME_SIZE: usize = 107;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_address_are_each_others_inverse() {
        for text in [
            "/run/x.sock",
            "x.sock",
            "./@x",
            "dir/@x",
            "@x",
            "@a/b",
            "@@",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
        let path = Address::path("@x").unwrap();
        assert_eq!(path.to_string(), "./@x");
        assert_eq!(path.to_string().parse(), Ok(path));
    }

    #[test]
    fn the_at_sign_alone_decides_the_kind() {
        assert_eq!("@x".parse(), Address::abstract_name("x"));
        assert_eq!("x".parse(), Address::path("x"));
        assert_ne!("@x".parse(), Address::path("@x"));
    }

    #[test]
    fn what_names_no_socket_is_refused() {
        for text in ["", "/", "..", "/run/.."] {
            assert_eq!(text.parse::<Address>(), Err(InvalidAddress::NoFileName));
        }
        assert_eq!("@".parse::<Address>(), Err(InvalidAddress::EmptyName));
        assert_eq!(Address::path("a\0b"), Err(InvalidAddress::ZeroOctet));
        assert_eq!(
            Address::abstract_name("a\0b"),
            Err(InvalidAddress::ZeroOctet)
        );
        assert!(Address::abstract_name("x".repeat(MAX_NAME_SIZE)).is_ok());
        assert_eq!(
            Address::abstract_name("x".repeat(MAX_NAME_SIZE + 1)),
            Err(InvalidAddress::NameTooLong)
        );
    }
}
