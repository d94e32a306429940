//! AUTH exchanges (RFC 4954 section 4): what is offered, challenges, responses, and their end.
//!
//! Nothing here knows a mechanism; what its messages mean is asked outside of the session.

use std::time::Instant;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{
    AuthDemand, AuthMessage, AuthVerdict, CloseReason, Mechanism, Mechanisms, Misuse, Refusal,
    Session, Step, TlsMode,
    check::{Objection, in_order},
    effect::{close, may_go_on, protocol_error},
    line::Framed,
    reply::write,
    session::Pending,
    state::Event,
};

/// An exchange under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exchange {
    /// The client's next response counts.
    Open(Mechanism),
    /// It has failed, and the client was told why; it may only say that it has heard.
    Lost,
}

impl Session {
    /// Answers the question of a [`Step::Ask`] with [`Stage::Auth`](crate::Stage::Auth).
    pub fn answer_auth(
        &mut self,
        verdict: AuthVerdict,
        output: &mut Vec<u8>,
        now: Instant,
    ) -> Result<(), Misuse> {
        if !matches!(self.pending, Some(Pending::Auth(_))) {
            return Err(Misuse::NoQuestion);
        }
        self.pending = None;
        self.deadline = now + self.config.timeouts.command;
        go_on(self, verdict, output);
        Ok(())
    }
}

/// What a client may choose from, now: nothing where passwords would travel in plain text, and
/// nothing once it has logged in.
pub(crate) fn offered(session: &Session) -> Mechanisms {
    let policy = session.config.auth;
    let usable = session.secure || policy.without_tls;
    if policy.demand == AuthDemand::Never || !usable || session.authenticated {
        return Mechanisms::default();
    }
    if session.secure {
        policy.mechanisms
    } else {
        policy.mechanisms.without(Mechanism::ScramSha256Plus)
    }
}

/// Whether the client has to log in before it may do more.
pub(crate) fn needs_login(session: &Session) -> bool {
    session.config.auth.demand == AuthDemand::Required && !session.authenticated
}

/// Whether AUTH may be carried out.
pub(crate) fn check(session: &Session, message: &AuthMessage) -> Result<(), Objection> {
    let error = |code, subject, detail, text| {
        Err(Objection::Error(Refusal::fixed(
            code, subject, detail, text,
        )))
    };
    let policy = session.config.auth;
    let can_encrypt = session.config.tls == TlsMode::StartTls;
    if policy.demand == AuthDemand::Never {
        return error(502, 5, 1, "Command not implemented");
    }
    if session.authenticated {
        return error(503, 5, 1, "Authenticated already");
    }
    in_order(session, Event::Auth)?;
    if !session.extended {
        return error(503, 5, 1, "Say EHLO first");
    }
    if !session.secure && !policy.without_tls {
        let text = if can_encrypt {
            "Encryption required, say STARTTLS first"
        } else {
            "Encryption required"
        };
        return error(538, 7, 11, text);
    }
    if !offered(session).contains(message.mechanism) {
        return Err(Objection::Error(UNKNOWN_MECHANISM));
    }
    Ok(())
}

/// Begins an exchange. `more` says that input follows the command already: AUTH ends a flight
/// (RFC 4954 section 4), and what is behind it is heard as the response to a challenge.
pub(crate) fn begin(
    session: &mut Session,
    message: AuthMessage,
    more: bool,
    output: &mut Vec<u8>,
    now: Instant,
) -> Option<Step<'static>> {
    session.facts.pipelining_misuse |= more;
    // Exchanges that are given up or cannot be decided are no failed logins, and no end of them
    // would be work for nothing.
    if !may_go_on(session, true, output) {
        return None;
    }
    session.go(Event::Auth);
    session.exchange = Some(Exchange::Open(message.mechanism));
    Some(session.ask(Pending::Auth(message), now))
}

/// Takes the client's line in an exchange.
pub(crate) fn take_line(
    session: &mut Session,
    framed: &Framed<'_>,
    output: &mut Vec<u8>,
    now: Instant,
) -> (usize, Option<Step<'static>>) {
    let (used, line) = match *framed {
        Framed::Line(used, line) => (used, line),
        Framed::Incomplete(used) => return (used, Some(Step::NeedInput)),
        Framed::TooLong(used) => {
            session.deadline = now + session.config.timeouts.command;
            if session.exchange == Some(Exchange::Lost) {
                lose(session, output);
            } else {
                let refusal = Refusal::fixed(500, 5, 6, "Authentication line too long");
                fail(session, &refusal, output);
            }
            return (used, None);
        }
        Framed::Endless => {
            let refusal = Refusal::fixed(421, 5, 6, "Line without an end, closing");
            close(session, CloseReason::EndlessLine, Some(&refusal), output);
            return (0, None);
        }
    };
    session.deadline = now + session.config.timeouts.command;
    (used, take_response(session, line, output, now))
}

fn take_response(
    session: &mut Session,
    line: &[u8],
    output: &mut Vec<u8>,
    now: Instant,
) -> Option<Step<'static>> {
    if session.exchange == Some(Exchange::Lost) {
        lose(session, output);
        return None;
    }
    if line == b"*" {
        end(session);
        Refusal::fixed(501, 7, 0, "Authentication cancelled").write_to(output);
        return None;
    }
    match (session.exchange, decode(line)) {
        (Some(Exchange::Open(mechanism)), Some(response)) => {
            let message = AuthMessage {
                mechanism,
                response: Some(response),
                first: false,
            };
            Some(session.ask(Pending::Auth(message), now))
        }
        _ => {
            fail(session, &MALFORMED, output);
            None
        }
    }
}

/// Goes on with an exchange, or ends it.
pub(crate) fn go_on(session: &mut Session, verdict: AuthVerdict, output: &mut Vec<u8>) {
    match verdict {
        AuthVerdict::Challenge(text) => challenge(&text, output),
        AuthVerdict::Explain(text) => {
            session.exchange = Some(Exchange::Lost);
            challenge(&text, output);
        }
        AuthVerdict::Success => {
            end(session);
            session.authenticated = true;
            output.extend_from_slice(b"235 2.7.0 Authentication succeeded\r\n");
        }
        AuthVerdict::Refuse(refusal) if refusal.closes() => {
            close(session, CloseReason::Refused, Some(&refusal), output);
        }
        AuthVerdict::Refuse(refusal) => {
            end(session);
            count_failure(session, &refusal, output);
        }
    }
}

fn challenge(text: &[u8], output: &mut Vec<u8>) {
    write(output, format_args!("334 {}", BASE64.encode(text)));
}

fn count_failure(session: &mut Session, refusal: &Refusal, output: &mut Vec<u8>) {
    let failures = &mut session.facts.auth_failures;
    *failures = failures.saturating_add(u32::from(!refusal.is_temporary()));
    if *failures > session.config.limits.auth_failures {
        let refusal = Refusal::fixed(421, 7, 0, "Too many failed logins");
        close(session, CloseReason::AuthFailures, Some(&refusal), output);
    } else {
        refusal.write_to(output);
    }
}

/// Ends an exchange that has failed, whatever its client had to say to that.
fn lose(session: &mut Session, output: &mut Vec<u8>) {
    end(session);
    count_failure(session, &Refusal::authentication_failed(), output);
}

/// Ends an exchange in which the client broke the protocol.
fn fail(session: &mut Session, refusal: &Refusal, output: &mut Vec<u8>) {
    end(session);
    protocol_error(session, refusal, output);
}

fn end(session: &mut Session) {
    session.exchange = None;
    session.go(Event::AuthEnd);
}

/// Undoes the base64 of a response; none if it is malformed.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(text).ok()
}

pub(crate) const UNKNOWN_MECHANISM: Refusal =
    Refusal::fixed(504, 5, 4, "Authentication mechanism not supported");
pub(crate) const MALFORMED: Refusal = Refusal::fixed(501, 5, 2, "Malformed base64");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_base64_is_taken() {
        assert_eq!(decode(b""), Some(Vec::new()));
        assert_eq!(decode(b"AGEAYg=="), Some(b"\0a\0b".to_vec()));
        for malformed in [
            &b"="[..],
            b"AGEAYg",
            b"AGEAYh==",
            b"AGEA Yg==",
            b"A*==",
            b"AGE\nAYg==",
        ] {
            assert_eq!(decode(malformed), None, "{}", malformed.escape_ascii());
        }
    }
}
