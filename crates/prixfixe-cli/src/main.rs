//! The prixfixe command.
#![forbid(unsafe_code)]

fn main() {}
