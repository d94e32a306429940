//! A configuration for every octet, so that chance can choose one.

use std::time::Duration;

use prixfixe_proto::{AuthDemand, BareNewline, Config, Protocol};

/// The settings that these bits stand for; the default for zero.
pub(crate) fn config(bits: u8) -> Config {
    let domain = "mx.example.com".parse();
    let mut config = Config::new(domain.unwrap_or_else(|e| panic!("{e}")));
    config.quirks.bare_newline = bare_newline(bits);
    config.quirks.missing_brackets = bits & 4 != 0;
    config.quirks.strict_lengths = bits & 8 != 0;
    config.quirks.refuse_nul = bits & 16 != 0;
    if bits & 32 != 0 {
        // Small enough to be met by chance.
        config.limits.message_size = 60;
        config.limits.drain = 60;
        config.limits.text_line = 20;
        config.limits.received_fields = 1;
    }
    if bits & 8 != 0 && bits & 16 != 0 {
        config.protocol = Protocol::Lmtp;
    }
    config.xclient = bits & 2 != 0;
    if bits & 4 != 0 {
        config.promises.dsn = true;
        config.promises.mt_priority = true;
        config.promises.deliver_by = Some(Duration::from_secs(60));
        config.promises.future_release = Some(Duration::from_secs(60));
    }
    if bits & 64 != 0 {
        config.limits.recipients = 2;
        config.limits.messages = 2;
        config.limits.errors = 3;
        config.limits.idle_commands = 3;
        config.limits.reply_buffer = 40;
        config.limits.auth_failures = 1;
    }
    if bits & 128 != 0 {
        config.auth.demand = match bits & 4 {
            0 => AuthDemand::Optional,
            _ => AuthDemand::Required,
        };
        config.auth.without_tls = true;
    }
    config
}

/// The line-end mode of these bits.
pub(crate) fn bare_newline(bits: u8) -> BareNewline {
    match bits & 3 {
        1 => BareNewline::Normalise,
        2 => BareNewline::Accept,
        _ => BareNewline::Reject,
    }
}
