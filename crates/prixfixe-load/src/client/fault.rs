//! What can go wrong with a connection, before it is said at which stage.

use std::io::{self, ErrorKind};

use rustix::io::Errno;

use super::reply::Malformed;
use crate::failure::{Failure, FailureKind};
use crate::stage::Stage;

#[derive(Debug)]
pub(super) enum Fault {
    /// The system says so.
    Io(io::Error),
    /// The peer sent no more.
    Closed,
    /// The deadline has passed.
    Expired,
    /// What came is no reply.
    Malformed(Malformed),
}

impl Fault {
    pub(super) fn at(self, stage: Stage) -> Failure {
        match self {
            Self::Io(error) => Failure::new(kind(&error), stage, error.to_string()),
            Self::Closed => Failure::new(
                FailureKind::Closed,
                stage,
                "the server closed the connection",
            ),
            Self::Expired => Failure::new(FailureKind::Timeout, stage, "no answer in time"),
            Self::Malformed(Malformed(why)) => Failure::new(FailureKind::Protocol, stage, why),
        }
    }

    /// Whether it tells that the peer is gone.
    pub(super) fn is_end(&self) -> bool {
        match self {
            Self::Io(error) => matches!(kind(error), FailureKind::Reset | FailureKind::Closed),
            Self::Closed => true,
            Self::Expired | Self::Malformed(_) => false,
        }
    }
}

/// The class of an error of a socket.
fn kind(error: &io::Error) -> FailureKind {
    // Rustls speaks through errors of this kind, and a peer that goes without a farewell is one.
    match error.kind() {
        ErrorKind::InvalidData => return FailureKind::Tls,
        ErrorKind::UnexpectedEof => return FailureKind::Closed,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            return FailureKind::Reset;
        }
        ErrorKind::TimedOut => return FailureKind::Timeout,
        _ => {}
    }
    match Errno::from_io_error(error) {
        Some(
            Errno::CONNREFUSED
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
            | Errno::HOSTDOWN
            | Errno::NETDOWN
            | Errno::ACCESS
            | Errno::PERM,
        ) => FailureKind::Refused,
        _ => FailureKind::Local,
    }
}
