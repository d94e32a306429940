//! The subcommands, a file each.

pub(crate) mod check_config;
pub(crate) mod completions;
pub(crate) mod healthcheck;
pub(crate) mod inbox;
pub(crate) mod man;
pub(crate) mod passwd;
pub(crate) mod serve;
