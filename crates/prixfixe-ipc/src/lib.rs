//! Request and reply between processes of one machine over shared memory.

#[cfg(feature = "workload")]
pub mod workload;
