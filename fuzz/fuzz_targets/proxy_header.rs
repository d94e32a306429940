//! The parser of PROXY headers: no octets break it, what it asks for is never more than the header
//! has, and how the input was cut changes no outcome.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The file alone: the crate around it would bring a whole TLS library along.
#[path = "../../crates/prixfixe/src/proxy_header.rs"]
mod proxy_header;

use proxy_header::{BLOCK_MAX, FIXED, Header, HeaderError, parse};

fuzz_target!(|data: &[u8]| {
    let whole = parse(data);
    let (read, taken) = read_exactly(data);
    match whole {
        Ok(Header { length, .. }) => {
            assert!(length <= data.len() && length <= FIXED + BLOCK_MAX);
            assert_eq!((read, taken), (whole, length));
            assert_eq!(parse(&data[..length]), whole);
            let before = parse(&data[..length - 1]);
            assert_eq!(before, Err(HeaderError::Incomplete(1)));
        }
        Err(HeaderError::Incomplete(least)) => {
            assert!(least > 0 && data.len() + least <= FIXED + BLOCK_MAX);
            assert!(matches!(read, Err(HeaderError::Incomplete(_))));
        }
        // Pieces may end before the fault, but then they end in wanting more.
        Err(error) => assert!(
            read == Err(error) || matches!(read, Err(HeaderError::Incomplete(_))),
            "{read:?}"
        ),
    }
});

/// Reads as the driver does: never more than what is certainly part of the header.
fn read_exactly(sent: &[u8]) -> (Result<Header, HeaderError>, usize) {
    let mut taken = 0;
    loop {
        match parse(&sent[..taken]) {
            Err(HeaderError::Incomplete(least)) if taken + least <= sent.len() => taken += least,
            outcome => return (outcome, taken),
        }
    }
}
