//! The answer to EHLO and LHLO: what is offered to this client, now.

use crate::{Session, TlsMode, exchange, reply::write};

/// Writes the greeting with the extensions that hold in the session's present state.
pub(crate) fn greet_extended(session: &Session, output: &mut Vec<u8>) {
    let config = &*session.config;
    write(output, format_args!("250-{}", config.domain));
    output.extend_from_slice(b"250-PIPELINING\r\n");
    write(
        output,
        format_args!("250-SIZE {}", config.limits.message_size),
    );
    output.extend_from_slice(b"250-8BITMIME\r\n250-SMTPUTF8\r\n");
    if config.tls == TlsMode::StartTls && !session.secure {
        output.extend_from_slice(b"250-STARTTLS\r\n");
    }
    let offered = exchange::offered(session);
    if !offered.is_empty() {
        output.extend_from_slice(b"250-AUTH");
        for mechanism in offered.iter() {
            output.push(b' ');
            output.extend_from_slice(mechanism.as_str().as_bytes());
        }
        output.extend_from_slice(b"\r\n");
    }
    output.extend_from_slice(b"250 ENHANCEDSTATUSCODES\r\n");
}
