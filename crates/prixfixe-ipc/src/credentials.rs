//! Who is at the other end, and whether he may be.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroI32;
use std::sync::Arc;

use crate::sys;

/// Who a peer was when it connected, or when it began to listen, as the kernel attests it.
///
/// The numbers are those of this process's user and process namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credentials {
    /// The effective user; [the overflow uid](PeerPolicy) if this user namespace does not know him.
    pub uid: u32,
    /// The effective group, likewise.
    pub gid: u32,
    /// The process, unless it lives outside this process namespace. Numbers are used again: good for
    /// a log line, not for a decision.
    pub pid: Option<NonZeroI32>,
}

impl Credentials {
    /// As the system reports them, where no process is 0 or less.
    pub(crate) fn new(uid: u32, gid: u32, pid: i32) -> Self {
        Self {
            uid,
            gid,
            pid: NonZeroI32::new(pid).filter(|pid| pid.get() > 0),
        }
    }
}

/// Which peers are let in.
///
/// The overflow uid (65534, or what `/proc/sys/kernel/overflowuid` says) stands for every user that
/// this process's user namespace does not know: it is a stranger, even to a process that runs under
/// that number itself, and even when it is listed.
#[derive(Clone, Default)]
pub struct PeerPolicy {
    rule: Rule,
}

#[derive(Clone, Default)]
enum Rule {
    #[default]
    SameUserOrRoot,
    AnyUser,
    Users(Arc<BTreeSet<u32>>),
    Custom(Arc<dyn Fn(&Credentials) -> bool + Send + Sync>),
}

impl PeerPolicy {
    /// The user that this process acts for, and root. This is the default.
    #[must_use]
    pub fn same_user_or_root() -> Self {
        Self::default()
    }

    /// Everyone who can reach the socket, strangers included.
    #[must_use]
    pub fn any_user() -> Self {
        Self {
            rule: Rule::AnyUser,
        }
    }

    /// These users and nobody else, not even root.
    #[must_use]
    pub fn users(uids: impl IntoIterator<Item = u32>) -> Self {
        Self {
            rule: Rule::Users(Arc::new(uids.into_iter().collect())),
        }
    }

    /// Whoever `admits` says yes to. It is asked once for each connection and should not block.
    #[must_use]
    pub fn custom(admits: impl Fn(&Credentials) -> bool + Send + Sync + 'static) -> Self {
        Self {
            rule: Rule::Custom(Arc::new(admits)),
        }
    }

    /// Whether `peer` may be served.
    #[must_use]
    pub fn admits(&self, peer: &Credentials) -> bool {
        self.admits_among(peer, sys::effective_uid(), sys::overflow_uid)
    }

    fn admits_among(&self, peer: &Credentials, own: u32, overflow: impl Fn() -> u32) -> bool {
        match &self.rule {
            Rule::SameUserOrRoot => peer.uid == ROOT || (peer.uid == own && own != overflow()),
            Rule::AnyUser => true,
            Rule::Users(uids) => uids.contains(&peer.uid) && peer.uid != overflow(),
            Rule::Custom(admits) => admits(peer),
        }
    }
}

impl fmt::Debug for PeerPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::SameUserOrRoot => formatter.write_str("SameUserOrRoot"),
            Rule::AnyUser => formatter.write_str("AnyUser"),
            Rule::Users(uids) => formatter.debug_tuple("Users").field(uids).finish(),
            Rule::Custom(_) => formatter.write_str("Custom(..)"),
        }
    }
}

const ROOT: u32 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    const OVERFLOW: u32 = 65534;

    fn admits(policy: &PeerPolicy, peer: u32, own: u32) -> bool {
        policy.admits_among(&Credentials::new(peer, 1, 1), own, || OVERFLOW)
    }

    #[test]
    fn the_default_is_the_same_user_and_root() {
        let policy = PeerPolicy::default();
        assert!(admits(&policy, 1000, 1000));
        assert!(admits(&policy, ROOT, 1000));
        assert!(!admits(&policy, 1001, 1000));
        assert!(!admits(&policy, 1000, ROOT));
        let own = sys::effective_uid();
        assert!(policy.admits(&Credentials::new(ROOT, 0, 1)));
        assert!(!policy.admits(&Credentials::new(own + 1, 0, 1)));
    }

    #[test]
    fn the_overflow_uid_is_a_stranger_even_to_itself() {
        assert!(!admits(&PeerPolicy::default(), OVERFLOW, OVERFLOW));
        assert!(!admits(&PeerPolicy::users([OVERFLOW]), OVERFLOW, 1000));
        assert!(admits(&PeerPolicy::any_user(), OVERFLOW, 1000));
    }

    #[test]
    fn a_list_admits_who_is_on_it_and_nobody_else() {
        let policy = PeerPolicy::users([1000, 1002]);
        assert!(admits(&policy, 1000, 1));
        assert!(admits(&policy, 1002, 1));
        assert!(!admits(&policy, 1001, 1001));
        assert!(!admits(&policy, ROOT, ROOT));
    }

    #[test]
    fn a_closure_sees_all_the_credentials() {
        let policy = PeerPolicy::custom(|peer| peer.gid == 1);
        assert!(admits(&policy, 5, 6));
        assert!(!policy.admits(&Credentials::new(5, 2, 1)));
    }

    #[test]
    fn a_process_of_another_namespace_has_no_number() {
        assert_eq!(Credentials::new(1, 1, 0).pid, None);
        assert_eq!(Credentials::new(1, 1, 7).pid, NonZeroI32::new(7));
    }
}
