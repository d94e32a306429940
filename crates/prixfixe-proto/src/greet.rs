//! The answer to EHLO and LHLO: what is offered to this client, now.

use crate::{
    AuthDemand, DateTime, Protocol, Session, TlsMode, Xclient, exchange, reply::write, xclient,
};

/// Writes the greeting with the extensions that hold in the session's present state.
pub(crate) fn greet_extended(session: &Session, output: &mut Vec<u8>) {
    let config = &*session.config;
    let promises = &config.promises;
    let mut offer = |extension: std::fmt::Arguments<'_>| {
        write(output, format_args!("250-{extension}"));
    };
    offer(format_args!("{}", config.domain));
    offer(format_args!("PIPELINING"));
    offer(format_args!("SIZE {}", config.limits.message_size));
    offer(format_args!("8BITMIME"));
    offer(format_args!("SMTPUTF8"));
    offer(format_args!("CHUNKING"));
    offer(format_args!("BINARYMIME"));
    if config.tls == TlsMode::StartTls && !session.secure {
        offer(format_args!("STARTTLS"));
    }
    let mechanisms = exchange::offered(session);
    if !mechanisms.is_empty() {
        offer(format_args!("AUTH {mechanisms}"));
    }
    if session.offers_prdr() {
        offer(format_args!("PRDR"));
    }
    if promises.dsn {
        offer(format_args!("DSN"));
    }
    if session.offers_require_tls() {
        offer(format_args!("REQUIRETLS"));
    }
    if promises.mt_priority {
        offer(format_args!("MT-PRIORITY"));
    }
    match promises.deliver_by.map(|least| least.as_secs()) {
        None => {}
        Some(0) => offer(format_args!("DELIVERBY")),
        Some(least) => offer(format_args!("DELIVERBY {}", least.min(NINE_DIGITS))),
    }
    if let (Some(longest), Some(latest)) = (promises.future_release, session.latest_release()) {
        let longest = longest.as_secs().min(NINE_DIGITS);
        offer(format_args!("FUTURERELEASE {longest} {latest}"));
    }
    if xclient::offered(session) {
        offer(format_args!("{}", Xclient::KEYWORD));
    }
    offer_limits(session, &mut offer);
    write(output, format_args!("250 ENHANCEDSTATUSCODES"));
}

impl Session {
    /// A reply for each recipient is part of LMTP, where nobody has to ask for it.
    pub(crate) fn offers_prdr(&self) -> bool {
        self.config.protocol == Protocol::Smtp
    }

    /// RFC 8689 section 2: only under TLS.
    pub(crate) fn offers_require_tls(&self) -> bool {
        self.config.promises.require_tls && self.secure
    }

    pub(crate) fn offers_auth(&self) -> bool {
        let policy = &self.config.auth;
        policy.demand != AuthDemand::Never && (self.secure || policy.without_tls)
    }

    /// Until when a message can be held back, if it can.
    pub(crate) fn latest_release(&self) -> Option<DateTime> {
        let longest = self.config.promises.future_release?;
        Some(self.began?.after(longest))
    }
}

/// RFC 9422: a limit has at most six digits, and a higher one is as good as none.
fn offer_limits(session: &Session, offer: &mut impl FnMut(std::fmt::Arguments<'_>)) {
    let limits = &session.config.limits;
    let said = |limit: u64| (1..=SIX_DIGITS).contains(&limit).then_some(limit);
    let messages = said(limits.messages.into());
    let recipients = u64::try_from(limits.recipients).ok().and_then(said);
    match (messages, recipients) {
        (None, None) => {}
        (Some(most), None) => offer(format_args!("LIMITS MAILMAX={most}")),
        (None, Some(most)) => offer(format_args!("LIMITS RCPTMAX={most}")),
        (Some(messages), Some(recipients)) => offer(format_args!(
            "LIMITS MAILMAX={messages} RCPTMAX={recipients}"
        )),
    }
}

/// The most that a limit of RFC 9422 section 4 can say.
const SIX_DIGITS: u64 = 999_999;
/// The most seconds that RFC 2852 and RFC 4865 can say.
const NINE_DIGITS: u64 = 999_999_999;
