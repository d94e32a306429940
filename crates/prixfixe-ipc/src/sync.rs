//! The atomics of this crate: the standard ones, or loom's while a model is checked.

#[cfg(loom)]
pub(crate) mod modelled;

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{Ordering, fence};
#[cfg(loom)]
pub(crate) use {
    loom::sync::atomic::Ordering,
    modelled::{AtomicU64, fence},
};
