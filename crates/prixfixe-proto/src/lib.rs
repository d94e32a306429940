//! The SMTP receiver's protocol machine, without IO.
#![forbid(unsafe_code)]
