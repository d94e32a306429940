//! Who this process is, and who nobody is.

use std::fs;

/// The user whose rights this process has.
pub(crate) fn effective_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The number under which this process sees every user that its user namespace does not know.
pub(crate) fn overflow_uid() -> u32 {
    fs::read_to_string("/proc/sys/kernel/overflowuid")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(DEFAULT_OVERFLOW_UID)
}

/// What the kernel starts with.
const DEFAULT_OVERFLOW_UID: u32 = 65534;
