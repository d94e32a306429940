//! Any octets as a control message: nothing panics, and what is understood is understood alike when it
//! is written anew.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prixfixe_ipc::fuzzing::{recode_from_client, recode_from_server};

fuzz_target!(|data: &[u8]| {
    for recode in [recode_from_client, recode_from_server] {
        if let Some(message) = recode(data) {
            assert_eq!(recode(&message), Some(message));
        }
    }
});
