//! Who this process is, and who nobody is.

use std::fs;
use std::sync::OnceLock;

/// The user whose rights this process has.
pub(crate) fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether `uid` is the user whose rights this process has. The overflow uid never is: under that number
/// this process sees others, too, even where it is its own.
pub(crate) fn is_own_user(uid: u32) -> bool {
    is_user(uid, effective_uid(), overflow_uid)
}

fn is_user(uid: u32, own: u32, overflow: impl FnOnce() -> u32) -> bool {
    uid == own && uid != overflow()
}

/// The number under which this process sees every user that its user namespace does not know.
pub(crate) fn overflow_uid() -> u32 {
    *OVERFLOW_UID.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/overflowuid")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(DEFAULT_OVERFLOW_UID)
    })
}

/// Read once: it is asked for with each long message, and who changes it does so when a machine starts.
static OVERFLOW_UID: OnceLock<u32> = OnceLock::new();

/// What the kernel starts with.
const DEFAULT_OVERFLOW_UID: u32 = 65534;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_the_own_user_under_the_overflow_uid() {
        assert!(is_user(1000, 1000, || 65534));
        assert!(!is_user(1001, 1000, || 65534));
        assert!(!is_user(65534, 65534, || 65534));
        assert_eq!(
            is_own_user(effective_uid()),
            effective_uid() != overflow_uid()
        );
    }
}
