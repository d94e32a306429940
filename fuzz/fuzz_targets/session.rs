//! Anything that a client, an application and a clock can do to a session, in any order. The
//! first octet chooses the settings.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/prixfixe-proto/tests/operations/mod.rs"]
mod operations;
#[path = "../../crates/prixfixe-proto/tests/settings/mod.rs"]
mod settings;

fuzz_target!(|data: &[u8]| {
    if let Some((bits, octets)) = data.split_first() {
        let config = Arc::new(settings::config(*bits));
        operations::check(&config, &operations::Operation::decode(octets));
    }
});
