//! Parameters of MAIL and RCPT (RFC 5321 section 4.1.2).
//!
//! ```abnf
//! esmtp-param   = esmtp-keyword ["=" esmtp-value]
//! esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//! esmtp-value   = 1*(%d33-60 / %d62-126)
//! ```

use crate::{BodyType, MailParameters, command::SyntaxError};

/// Parses what follows the path of MAIL.
pub(crate) fn mail_parameters(text: &str) -> Result<MailParameters, SyntaxError> {
    let mut parameters = MailParameters::default();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let (keyword, value) = parameter(word)?;
        if keyword.eq_ignore_ascii_case("SIZE") {
            set_once(&mut parameters.size, size(value)?)?;
        } else if keyword.eq_ignore_ascii_case("BODY") {
            set_once(&mut parameters.body, body_type(value)?)?;
        } else if keyword.eq_ignore_ascii_case("SMTPUTF8") {
            if value.is_some() || parameters.smtputf8 {
                return Err(SyntaxError::Parameter);
            }
            parameters.smtputf8 = true;
        } else {
            return Err(SyntaxError::UnknownParameter);
        }
    }
    Ok(parameters)
}

/// Parses what follows the path of RCPT; no parameter of RCPT is offered so far.
pub(crate) fn rcpt_parameters(text: &str) -> Result<(), SyntaxError> {
    match text.split(' ').find(|word| !word.is_empty()) {
        None => Ok(()),
        Some(word) => parameter(word).and(Err(SyntaxError::UnknownParameter)),
    }
}

fn parameter(word: &str) -> Result<(&str, Option<&str>), SyntaxError> {
    let (keyword, value) = match word.split_once('=') {
        None => (word, None),
        Some((keyword, value)) => (keyword, Some(value)),
    };
    let keyword_ok = keyword.starts_with(|c: char| c.is_ascii_alphanumeric())
        && keyword
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let value_ok = value.is_none_or(|value| {
        !value.is_empty() && value.bytes().all(|b| matches!(b, 33..=60 | 62..=126))
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
    [BodyType::SevenBit, BodyType::EightBitMime]
        .into_iter()
        .find(|body| body.as_str().eq_ignore_ascii_case(value))
        .ok_or(SyntaxError::ParameterValue)
}

fn set_once<T>(place: &mut Option<T>, value: T) -> Result<(), SyntaxError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(SyntaxError::Parameter),
    }
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
            ("BODY=BINARYMIME", SyntaxError::ParameterValue),
            ("=1", SyntaxError::Parameter),
            ("-X", SyntaxError::Parameter),
            ("X=a=b", SyntaxError::Parameter),
            ("X\u{e9}", SyntaxError::Parameter),
            ("RET=FULL", SyntaxError::UnknownParameter),
        ] {
            assert_eq!(mail_parameters(text), Err(error), "{text}");
        }
    }

    #[test]
    fn parameters_of_rcpt() {
        assert_eq!(rcpt_parameters("  "), Ok(()));
        assert_eq!(
            rcpt_parameters(" NOTIFY=NEVER"),
            Err(SyntaxError::UnknownParameter)
        );
        assert_eq!(rcpt_parameters(" ="), Err(SyntaxError::Parameter));
    }
}
