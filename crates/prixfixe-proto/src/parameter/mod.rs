//! Parameters of MAIL and RCPT (RFC 5321 section 4.1.2, RFC 6531 section 3.3).
//!
//! ```abnf
//! esmtp-param   = esmtp-keyword ["=" esmtp-value]
//! esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//! esmtp-value   = 1*(%d33-60 / %d62-126 / UTF8-non-ascii)
//! ```

mod announced;
mod date_time;
mod dsn;
mod timing;
pub(crate) mod xtext;

use std::str::FromStr;

use crate::{BodyType, MailParameters, RcptParameters, ReversePath, command::SyntaxError};

pub(crate) use announced::{check_mail, check_rcpt};
pub use date_time::DateTime;
pub use dsn::{DsnReturn, EnvelopeId, Notify, OriginalRecipient};
pub use timing::{DeliverBy, Hold, OnExpiry, Priority};

/// The value of a parameter is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value of the parameter is malformed")]
pub struct Malformed;

impl From<Malformed> for SyntaxError {
    fn from(_: Malformed) -> Self {
        Self::Parameter
    }
}

/// Parses what follows the path of MAIL.
pub(crate) fn mail_parameters(text: &str) -> Result<MailParameters, SyntaxError> {
    let mut parameters = MailParameters::default();
    for word in words(text) {
        let (keyword, value) = parameter(word)?;
        let is = |name: &str| keyword.eq_ignore_ascii_case(name);
        if is("SIZE") {
            set_once(&mut parameters.size, size(value)?)?;
        } else if is("BODY") {
            set_once(&mut parameters.body, body_type(value)?)?;
        } else if is("SMTPUTF8") {
            flag(&mut parameters.smtputf8, value)?;
        } else if is("RET") {
            set_once(&mut parameters.dsn_return, parsed(value)?)?;
        } else if is("ENVID") {
            let id = EnvelopeId::from_xtext(given(value)?)?;
            set_once(&mut parameters.envelope_id, id)?;
        } else if is("REQUIRETLS") {
            flag(&mut parameters.require_tls, value)?;
        } else if is("MT-PRIORITY") {
            set_once(&mut parameters.priority, parsed(value)?)?;
        } else if is("BY") {
            set_once(&mut parameters.deliver_by, parsed(value)?)?;
        } else if is("HOLDFOR") {
            set_once(&mut parameters.hold, Hold::seconds(given(value)?)?)?;
        } else if is("HOLDUNTIL") {
            set_once(&mut parameters.hold, Hold::until(given(value)?)?)?;
        } else if is("AUTH") {
            set_once(&mut parameters.auth, submitter(given(value)?)?)?;
        } else if is("PRDR") {
            flag(&mut parameters.prdr, value)?;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    Ok(parameters)
}

/// Parses what follows the path of RCPT.
pub(crate) fn rcpt_parameters(text: &str) -> Result<RcptParameters, SyntaxError> {
    let mut parameters = RcptParameters::default();
    for word in words(text) {
        let (keyword, value) = parameter(word)?;
        if keyword.eq_ignore_ascii_case("NOTIFY") {
            set_once(&mut parameters.notify, parsed(value)?)?;
        } else if keyword.eq_ignore_ascii_case("ORCPT") {
            let recipient = OriginalRecipient::from_encoded(given(value)?)?;
            set_once(&mut parameters.original_recipient, recipient)?;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    Ok(parameters)
}

/// The words between spaces.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}

/// Parses a keyword and its value.
pub(crate) fn parameter(word: &str) -> Result<(&str, Option<&str>), SyntaxError> {
    let (keyword, value) = match word.split_once('=') {
        None => (word, None),
        Some((keyword, value)) => (keyword, Some(value)),
    };
    let keyword_ok = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let value_ok = value.is_none_or(|value| {
        !value.is_empty()
            && value
                .bytes()
                .all(|b| matches!(b, 33..=60 | 62..=126 | 128..))
    });
    if keyword_ok && value_ok {
        Ok((keyword, value))
    } else {
        Err(SyntaxError::Parameter)
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 section 3); what exceeds 64 bits exceeds every limit too.
fn size(value: Option<&str>) -> Result<u64, SyntaxError> {
    let digits = value.ok_or(SyntaxError::Parameter)?;
    if digits.len() > 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SyntaxError::Parameter);
    }
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn body_type(value: Option<&str>) -> Result<BodyType, SyntaxError> {
    let value = value.ok_or(SyntaxError::Parameter)?;
    let known = [
        BodyType::SevenBit,
        BodyType::EightBitMime,
        BodyType::BinaryMime,
    ];
    known
        .into_iter()
        .find(|body| body.as_str().eq_ignore_ascii_case(value))
        .ok_or(SyntaxError::ParameterValue)
}

/// Takes a value that may be given once.
pub(crate) fn set_once<T>(place: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::Parameter),
    }
}

fn flag(place: &mut bool, value: Option<&str>) -> Result<(), SyntaxError> {
    if value.is_some() || *place {
        return Err(SyntaxError::Parameter);
    }
    *place = true;
    Ok(())
}

fn given(value: Option<&str>) -> Result<&str, SyntaxError> {
    value.ok_or(SyntaxError::Parameter)
}

fn parsed<T: FromStr<Err = Malformed>>(value: Option<&str>) -> Result<T, SyntaxError> {
    Ok(given(value)?.parse()?)
}

/// `xtext` of a mailbox, or `<>` (RFC 4954 section 5).
fn submitter(value: &str) -> Result<ReversePath, SyntaxError> {
    let text = xtext::decode(value).ok_or(SyntaxError::Parameter)?;
    if text == "<>" {
        return Ok(ReversePath::Null);
    }
    let mailbox = text.parse().map_err(|_| SyntaxError::Parameter)?;
    Ok(ReversePath::Mailbox(mailbox))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_mail() {
        let parsed = mail_parameters(" size=0123  body=8bitmime SMTPUTF8 ").unwrap();
        assert_eq!(parsed.size, Some(123));
        assert_eq!(parsed.body, Some(BodyType::EightBitMime));
        assert!(parsed.smtputf8);
        assert_eq!(mail_parameters(""), Ok(MailParameters::default()));
        let huge = mail_parameters("SIZE=99999999999999999999").unwrap();
        assert_eq!(huge.size, Some(u64::MAX));
        for (text, error) in [
            ("SIZE", SyntaxError::Parameter),
            ("SIZE=", SyntaxError::Parameter),
            ("SIZE=-1", SyntaxError::Parameter),
            ("SIZE=+1", SyntaxError::Parameter),
            ("SIZE=1 SIZE=1", SyntaxError::Parameter),
            ("SIZE=100000000000000000000", SyntaxError::Parameter),
            ("SMTPUTF8=1", SyntaxError::Parameter),
            ("SMTPUTF8 SMTPUTF8", SyntaxError::Parameter),
            ("BODY=7BIT BODY=7BIT", SyntaxError::Parameter),
            ("BODY=BINARY", SyntaxError::ParameterValue),
            ("=1", SyntaxError::Parameter),
            ("-X", SyntaxError::Parameter),
            ("X=a=b", SyntaxError::Parameter),
            ("X\u{e9}", SyntaxError::Parameter),
            ("X=\u{e9}", SyntaxError::UnknownParameter),
            ("RET=SOME", SyntaxError::Parameter),
            ("ENVID", SyntaxError::Parameter),
            ("ENVID=a+0D+0AX:y", SyntaxError::Parameter),
            ("ENVID=a ENVID=a", SyntaxError::Parameter),
            ("REQUIRETLS=yes", SyntaxError::Parameter),
            ("MT-PRIORITY=10", SyntaxError::Parameter),
            ("BY=0;R", SyntaxError::Parameter),
            (
                "HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z",
                SyntaxError::Parameter,
            ),
            ("AUTH=a", SyntaxError::Parameter),
            ("AUTH=a@b+0D+0A", SyntaxError::Parameter),
            ("PRDR PRDR", SyntaxError::Parameter),
            ("NOTIFY=NEVER", SyntaxError::UnknownParameter),
        ] {
            assert_eq!(mail_parameters(text), Err(error), "{text}");
        }
    }

    #[test]
    fn every_parameter_of_mail_at_once() {
        let parsed = mail_parameters(
            "ret=hdrs ENVID=a+20b REQUIRETLS MT-PRIORITY=-3 BY=60;NT HOLDFOR=5 AUTH=<> PRDR",
        )
        .unwrap();
        assert_eq!(parsed.dsn_return, Some(DsnReturn::Headers));
        assert_eq!(parsed.envelope_id.unwrap().as_str(), "a b");
        assert!(parsed.require_tls && parsed.prdr);
        assert_eq!(parsed.priority.map(Priority::get), Some(-3));
        assert_eq!(parsed.deliver_by.map(|by| by.seconds), Some(60));
        assert_eq!(parsed.auth, Some(ReversePath::Null));
        let parsed = mail_parameters("AUTH=e+3Dmc2@example.com").unwrap();
        let submitter = parsed.auth.unwrap();
        assert_eq!(submitter.to_string(), "<e=mc2@example.com>");
    }

    #[test]
    fn parameters_of_rcpt() {
        assert_eq!(rcpt_parameters("  "), Ok(RcptParameters::default()));
        let parsed = rcpt_parameters(" notify=DELAY orcpt=rfc822;x@y").unwrap();
        assert!(parsed.notify.is_some_and(|notify| notify.delay));
        assert_eq!(parsed.original_recipient.unwrap().address(), "x@y");
        for (text, error) in [
            (" =", SyntaxError::Parameter),
            ("NOTIFY", SyntaxError::Parameter),
            ("NOTIFY=NEVER NOTIFY=NEVER", SyntaxError::Parameter),
            ("NOTIFY=SOMETIMES", SyntaxError::Parameter),
            ("ORCPT=rfc822;a+0D+0Ab", SyntaxError::Parameter),
            ("SIZE=1", SyntaxError::UnknownParameter),
        ] {
            assert_eq!(rcpt_parameters(text), Err(error), "{text}");
        }
    }
}
