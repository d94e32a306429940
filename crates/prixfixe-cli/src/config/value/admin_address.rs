//! The address of the admin listener.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use super::TextSetting;
use super::listen_address::{ListenAddress, ListenAddressError};
use crate::config::place::Place;

/// Where the admin listener listens: at an address that whoever asks it knows from the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AdminAddress {
    /// `127.0.0.1:8025`, `[::1]:8025`.
    Tcp(SocketAddr),
    /// `unix:PATH`.
    Unix(PathBuf),
}

/// Why a text is not an address for the admin listener.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AdminAddressError {
    /// Not an IP address with a port.
    #[error(
        "{0:?} is not an address to listen on; write IP:PORT such as \"127.0.0.1:8025\" or \"[::1]:8025\", or \"unix:PATH\""
    )]
    Malformed(String),
    /// A socket of the service manager.
    #[error(
        "{0:?}: the admin listener takes no inherited socket; write IP:PORT such as \"127.0.0.1:8025\", or \"unix:PATH\""
    )]
    Inherited(String),
    /// Wrong for any listener.
    #[error(transparent)]
    Address(ListenAddressError),
}

impl FromStr for AdminAddress {
    type Err = AdminAddressError;

    fn from_str(text: &str) -> Result<Self, AdminAddressError> {
        text.parse::<ListenAddress>()?.try_into()
    }
}

impl From<ListenAddressError> for AdminAddressError {
    fn from(error: ListenAddressError) -> Self {
        // Those that would offer an inherited socket.
        match error {
            ListenAddressError::Malformed(text) => Self::Malformed(text),
            ListenAddressError::BadInherited(text) => Self::Inherited(text),
            other => Self::Address(other),
        }
    }
}

impl TryFrom<ListenAddress> for AdminAddress {
    type Error = AdminAddressError;

    fn try_from(address: ListenAddress) -> Result<Self, AdminAddressError> {
        match address {
            ListenAddress::Tcp(address) => Ok(Self::Tcp(address)),
            ListenAddress::Unix(path) => Ok(Self::Unix(path)),
            ListenAddress::Inherited(_) => Err(AdminAddressError::Inherited(address.to_string())),
        }
    }
}

impl From<AdminAddress> for ListenAddress {
    fn from(address: AdminAddress) -> Self {
        match address {
            AdminAddress::Tcp(address) => Self::Tcp(address),
            AdminAddress::Unix(path) => Self::Unix(path),
        }
    }
}

impl fmt::Display for AdminAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        ListenAddress::from(self.clone()).fmt(out)
    }
}

impl TextSetting for AdminAddress {
    fn wording() -> String {
        "an address: \"IP:PORT\" or \"unix:PATH\"".to_owned()
    }

    fn resolved(self, place: &Place) -> Result<Self, AdminAddressError> {
        ListenAddress::from(self).resolved(place)?.try_into()
    }
}
