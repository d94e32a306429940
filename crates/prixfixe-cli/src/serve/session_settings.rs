//! From the settings of the file to those of the library: what all sessions have to know.

use std::num::NonZeroU32;

use prixfixe::{BareNewline, Config, Domain, Limits, Quirks, Timeouts, tls::Tls};

use crate::config::{self, Settings};

/// The settings of a server.
pub(crate) fn server(settings: &Settings, domain: Domain, tls: Option<Tls>) -> prixfixe::Settings {
    let receiver = &settings.receiver;
    let mut server = prixfixe::Settings::new(domain.clone());
    server.max_connections = usize::try_from(receiver.max_connections.get()).unwrap_or(usize::MAX);
    server.tls = tls;
    server.handshake = settings.timeouts.handshake.get();
    server.drain = settings.timeouts.drain.get();
    server.exempt.clone_from(&settings.limits.exempt_networks);
    let at_once = settings.limits.failed_auths_per_minute.on();
    server.failed_logins_per_minute = at_once.and_then(|count| NonZeroU32::new(count.get()));
    let rules = settings.bare_newline_networks.iter();
    server.bare_newline_networks = rules
        .map(|rule| (rule.network, mode(rule.bare_newline)))
        .collect();
    server.session = Config::new(domain);
    server.session.limits = limits(settings);
    server.session.timeouts = timeouts(settings);
    server.session.quirks = quirks(settings, receiver.bare_newline);
    server
}

fn limits(settings: &Settings) -> Limits {
    let (receiver, given) = (&settings.receiver, &settings.limits);
    let octets = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.message_size = receiver.max_message_size.get();
    limits.recipients = usize::try_from(receiver.max_recipients.get()).unwrap_or(usize::MAX);
    limits.text_line = given
        .text_line
        .on()
        .map_or(usize::MAX, |size| octets(size.get()));
    limits.drain = given.discarded_body.get();
    limits.messages = given
        .messages_per_session
        .on()
        .map_or(u32::MAX, |count| count.get());
    limits.errors = given
        .command_errors
        .on()
        .map_or(u32::MAX, |count| count.get());
    limits.idle_commands = given
        .idle_commands
        .on()
        .map_or(u32::MAX, |count| count.get());
    limits.auth_failures = given.auth_failures_per_session.get();
    limits.received_fields = given
        .received_headers
        .on()
        .map_or(u32::MAX, |count| count.get());
    limits.reply_buffer = octets(given.reply_buffer.get());
    limits
}

fn timeouts(settings: &Settings) -> Timeouts {
    let given = &settings.timeouts;
    let mut timeouts = Timeouts::default();
    timeouts.banner = given.banner.get();
    timeouts.command = given.command.get();
    timeouts.body = given.body_block.get();
    timeouts.verdict = given.verdict.get();
    timeouts.message_verdict = given.message_verdict.get();
    timeouts
}

fn mode(bare_newline: config::BareNewline) -> BareNewline {
    match bare_newline {
        config::BareNewline::Reject => BareNewline::Reject,
        config::BareNewline::Normalise => BareNewline::Normalise,
        config::BareNewline::Accept => BareNewline::Accept,
    }
}

/// What is taken although the grammar forbids it.
pub(crate) fn quirks(settings: &Settings, bare_newline: config::BareNewline) -> Quirks {
    let receiver = &settings.receiver;
    let mut quirks = Quirks::default();
    quirks.bare_newline = mode(bare_newline);
    quirks.missing_brackets = receiver.allow_missing_brackets;
    quirks.strict_lengths = receiver.strict_lengths;
    quirks.refuse_nul = receiver.refuse_nul;
    quirks.refuse_early_talk = receiver.refuse_early_talk;
    quirks
}
