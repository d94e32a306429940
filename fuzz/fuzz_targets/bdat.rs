//! Chunks of BDAT in any order against a model that follows the words of the RFC, and one body by
//! DATA and by BDAT. The first octet chooses the settings, the second the pieces, the third how
//! many octets are sizes of chunks.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/prixfixe-proto/tests/chunk_sequence/mod.rs"]
mod chunk_sequence;
#[path = "../../crates/prixfixe-proto/tests/data_and_bdat/mod.rs"]
mod data_and_bdat;
#[path = "../../crates/prixfixe-proto/tests/driver/mod.rs"]
mod driver;
#[path = "../../crates/prixfixe-proto/tests/settings/mod.rs"]
mod settings;

fuzz_target!(|data: &[u8]| {
    let [bits, piece, sizes, rest @ ..] = data else {
        return;
    };
    let piece = usize::from(*piece) + 1;
    chunk_sequence::check(rest, piece);
    let (sizes, body) = rest.split_at(usize::from(*sizes).min(rest.len()));
    data_and_bdat::check(settings::config(*bits), body, sizes, piece);
});
