//! One body by DATA and by BDAT: the same octets, and the same is noticed about them.

use std::sync::Arc;

use prixfixe_proto::{AuthPolicy, BareNewline, Config};

use crate::driver;

const ENVELOPE: &[u8] = b"EHLO c\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\n";
const BEHIND: &[u8] = b"RSET\r\nVRFY in-step\r\n";

/// Sends `body` both ways, in chunks of these sizes and an empty last one, and compares.
pub(crate) fn check(mut config: Config, body: &[u8], sizes: &[u8], piece: usize) {
    // Only in this mode does DATA keep what BDAT keeps.
    config.quirks.bare_newline = BareNewline::Accept;
    config.auth = AuthPolicy::default();
    let config = Arc::new(config);
    let mut body = body.to_vec();
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        body.extend_from_slice(b"\r\n");
    }
    let by_data = [ENVELOPE, b"DATA\r\n", &stuffed(&body), b".\r\n", BEHIND].concat();
    let by_bdat = [ENVELOPE, &in_chunks(&body, sizes), BEHIND].concat();
    let by_data = driver::run(&config, &|_| None, by_data.chunks(piece));
    let by_bdat = driver::run(&config, &|_| None, by_bdat.chunks(piece));
    assert_eq!(by_bdat.messages, by_data.messages, "chunks of {sizes:?}");
    for outcome in [by_data, by_bdat] {
        let replies = String::from_utf8_lossy(&outcome.replies);
        let last = replies.lines().next_back().unwrap_or_default();
        assert!(
            outcome.closed.is_some() || last.starts_with("252 "),
            "{replies}"
        );
        assert!(outcome.messages.iter().all(|message| message.body == body));
    }
}

fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    for &octet in body {
        if octet == b'.' && (sent.is_empty() || sent.ends_with(b"\r\n")) {
            sent.push(b'.');
        }
        sent.push(octet);
    }
    sent
}

fn in_chunks(body: &[u8], sizes: &[u8]) -> Vec<u8> {
    let (mut sent, mut rest) = (Vec::new(), body);
    for size in sizes
        .iter()
        .map(|size| usize::from(*size))
        .chain([body.len()])
    {
        let (chunk, behind) = rest.split_at(size.min(rest.len()));
        sent.extend(format!("BDAT {}\r\n", chunk.len()).into_bytes());
        sent.extend_from_slice(chunk);
        rest = behind;
    }
    sent.extend_from_slice(b"BDAT 0 LAST\r\n");
    sent
}
