//! The atomics, locks and threads of this crate: the standard ones, or loom's while a model is checked.

#[cfg(loom)]
pub(crate) mod modelled;
#[cfg(loom)]
pub(crate) mod thread;

#[cfg(not(loom))]
pub(crate) use std::{
    sync::atomic::{AtomicU64, Ordering, fence},
    sync::{Mutex, MutexGuard},
    thread,
};
#[cfg(loom)]
pub(crate) use {
    loom::sync::atomic::Ordering,
    loom::sync::{Mutex, MutexGuard},
    modelled::{AtomicU64, fence},
};
