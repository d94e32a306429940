//! The running server: from settings to threads, and to an orderly end.

mod admin;
mod descriptors;
mod inherited;
mod listeners;
pub(crate) mod log;
mod log_writer;
pub(crate) mod receiver;
mod reload;
mod session_settings;
mod signals;
mod summary;
#[cfg(debug_assertions)]
mod test_fault;
pub(crate) mod tls;
