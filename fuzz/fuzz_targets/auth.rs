//! The SASL mechanisms with a client that may say anything, and password files that may hold
//! anything. How an exchange goes on around them is part of `session`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prixfixe::auth::fuzzing::{converse, read_password_file};

fuzz_target!(|data: &[u8]| {
    converse(data);
    if let Ok(text) = std::str::from_utf8(data) {
        read_password_file(text);
    }
});
