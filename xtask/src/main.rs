//! Set-up, tidy checks and test entry points of the workspace.
#![forbid(unsafe_code)]

fn main() {}
