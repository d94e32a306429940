//! Which parameters are taken: those whose extension EHLO announces to this client, now.

use crate::{
    DeliverBy, Hold, MailParameters, OnExpiry, Promises, RcptParameters, Refusal, Session,
    check::{Objection, objection_to},
    command::SyntaxError,
};

/// Checks the parameters of MAIL.
pub(crate) fn check_mail(session: &Session, parameters: &MailParameters) -> Result<(), Objection> {
    let promises = &session.config.promises;
    let announced = (session.extended || *parameters == MailParameters::default())
        && (promises.dsn || parameters.dsn_return.is_none() && parameters.envelope_id.is_none())
        && (session.offers_require_tls() || !parameters.require_tls)
        && (promises.mt_priority || parameters.priority.is_none())
        && (promises.deliver_by.is_some() || parameters.deliver_by.is_none())
        && (session.latest_release().is_some() || parameters.hold.is_none())
        && (session.offers_auth() || parameters.auth.is_none())
        && (session.offers_prdr() || !parameters.prdr);
    if !announced {
        return Err(objection_to(SyntaxError::UnknownParameter));
    }
    if parameters
        .deliver_by
        .is_some_and(|by| is_too_soon(by, promises))
    {
        // RFC 2852 section 4.1.
        return Err(Objection::Refused(Refusal::fixed(
            555,
            5,
            4,
            "Cannot be delivered that soon",
        )));
    }
    if parameters
        .hold
        .is_some_and(|hold| is_too_long(session, hold))
    {
        // RFC 4865 section 4.
        return Err(Objection::Refused(Refusal::fixed(
            501,
            5,
            4,
            "Cannot be held that long",
        )));
    }
    Ok(())
}

/// Checks the parameters of RCPT; whether one needs SMTPUTF8 is known from MAIL.
pub(crate) fn check_rcpt(
    session: &Session,
    parameters: &RcptParameters,
    smtputf8: bool,
) -> Result<(), Objection> {
    let dsn = session.extended && session.config.promises.dsn;
    if !dsn && *parameters != RcptParameters::default() {
        return Err(objection_to(SyntaxError::UnknownParameter));
    }
    match &parameters.original_recipient {
        Some(recipient) if recipient.is_internationalized() && !smtputf8 => Err(
            Objection::Refused(Refusal::fixed(553, 6, 7, "Address needs SMTPUTF8")),
        ),
        _ => Ok(()),
    }
}

/// Only who wants the message back minds that it comes late.
fn is_too_soon(by: DeliverBy, promises: &Promises) -> bool {
    let least = promises.deliver_by.unwrap_or_default().as_secs();
    by.on_expiry == OnExpiry::Return && u64::try_from(by.seconds).is_ok_and(|asked| asked < least)
}

fn is_too_long(session: &Session, hold: Hold) -> bool {
    match hold {
        Hold::For(time) => session
            .config
            .promises
            .future_release
            .is_none_or(|longest| time > longest),
        Hold::Until(moment) => session
            .latest_release()
            .is_none_or(|latest| moment > latest),
    }
}
