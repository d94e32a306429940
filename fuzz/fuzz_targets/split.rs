//! How the input is cut shows nowhere: whole, octet by octet, in even pieces and cut in two, a
//! session comes to the same. The first octet chooses the settings, the second the pieces.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use prixfixe_proto::Refusal;

#[path = "../../crates/prixfixe-proto/tests/driver/mod.rs"]
mod driver;
#[path = "../../crates/prixfixe-proto/tests/settings/mod.rs"]
mod settings;

fuzz_target!(|data: &[u8]| {
    let [bits, piece, input @ ..] = data else {
        return;
    };
    let config = Arc::new(settings::config(*bits));
    let piece = usize::from(*piece);
    let whole = driver::run(&config, &application, [input]);
    let octets = driver::run(&config, &application, input.chunks(1));
    assert_eq!(octets, whole, "octet by octet");
    let pieces = driver::run(&config, &application, input.chunks(piece + 2));
    assert_eq!(pieces, whole, "in pieces of {}", piece + 2);
    let (first, second) = input.split_at(input.len() * piece / 256);
    let cut = driver::run(&config, &application, [first, second]);
    assert_eq!(cut, whole, "cut at {}", first.len());
});

/// Refuses whoever asks for it.
fn application(question: &str) -> Option<Refusal> {
    let code = match question {
        _ if question.contains("no") => 550,
        _ if question.contains("bye") => 421,
        _ => return None,
    };
    Refusal::new(code, 7, 1, "As you wish").ok()
}
