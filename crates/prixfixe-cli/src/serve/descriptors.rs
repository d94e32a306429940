//! The limit of open descriptors, of which every connection takes one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Takes all that the process may have. Shells and service managers start programs with a low
/// limit for the sake of those that use `select`, and leave it to the others to raise it.
pub(crate) fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Raising it this far needs no right; without it the server accepts what it can.
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open descriptors stays as it is");
    }
}
