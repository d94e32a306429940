//! The limit of open descriptors, of which every connection takes one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Takes all that the process may have. Shells and service managers start programs with a low
/// limit for the sake of those that use `select`, and leave it to the others to raise it.
pub(crate) fn raise_limit(max_connections: u32) {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Raising it this far needs no right; without it the server accepts what it can.
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open descriptors stays as it is");
    }
    let wanted = u64::from(max_connections) + BESIDE_CONNECTIONS;
    if let Some(descriptors) = limit.maximum.filter(|maximum| *maximum < wanted) {
        tracing::warn!(
            descriptors,
            max_connections,
            "fewer descriptors than max_connections needs; raise the hard limit of the process"
        );
    }
}

/// Descriptors for all else: listeners, the store's files, runtimes, standard streams.
const BESIDE_CONNECTIONS: u64 = 64;
