//! Getting in where there is a crowd at the door, or nobody home yet.

use std::time::{Duration, Instant};

use prixfixe_ipc::{Client, ConnectError, Connector};

/// Connects, again and again if need be, and counts the attempts that came to nothing.
pub(super) fn get_in(connector: &Connector, turned_away: &mut u64) -> Result<Client, ConnectError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match connector.client() {
            Err(ConnectError::Refused(_) | ConnectError::Socket(_) | ConnectError::NoAnswer)
                if Instant::now() < deadline =>
            {
                *turned_away += 1;
                std::thread::sleep(BETWEEN_ATTEMPTS);
            }
            ended => return ended,
        }
    }
}

/// How long a client tries: beyond any crowd of a level.
const PATIENCE: Duration = Duration::from_secs(60);
/// As the library waits by itself before it tries again, at least.
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(5);
