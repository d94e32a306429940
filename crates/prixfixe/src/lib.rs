//! An embeddable SMTP receiver on tokio.
#![forbid(unsafe_code)]
