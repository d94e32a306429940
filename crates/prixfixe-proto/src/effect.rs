//! What commands and verdicts bring about: changes of the session, and replies.

use std::time::Instant;

use crate::{
    CloseReason, Envelope, HeloName, MessageVerdict, Protocol, QueueId, Recipient, Refusal,
    ReversePath, Session, Step, bdat,
    body_phase::BodyPhase,
    check::Objection,
    command::Command,
    exchange,
    greet::greet_extended,
    recipient_verdicts::{RecipientVerdicts, Told, UNDECIDED},
    reply::write,
    session::Pending,
    state::Event,
    xclient,
};

/// Carries out a command that was checked. `more` says that input follows it already.
pub(crate) fn proceed(
    session: &mut Session,
    command: Command,
    more: bool,
    output: &mut Vec<u8>,
    now: Instant,
) -> Option<Step<'static>> {
    match command {
        Command::Mail(path, mut parameters) => {
            if !session.authenticated && parameters.auth.is_some() {
                parameters.auth = Some(ReversePath::Null);
            }
            Some(session.ask(Pending::Mail(Envelope::new(path, parameters)), now))
        }
        Command::Rcpt(path, parameters) => {
            Some(session.ask(Pending::Rcpt(Recipient { path, parameters }), now))
        }
        Command::Data => {
            session.facts.pipelining_misuse |= more;
            if more && session.config.quirks.refuse_early_talk {
                close(
                    session,
                    CloseReason::EarlyTalk,
                    Some(&NOT_YOUR_TURN),
                    output,
                );
                return None;
            }
            session.body = Some(BodyPhase::dotted(&session.config));
            session.deadline = now + session.config.timeouts.body;
            session.go(Event::Data);
            output.extend_from_slice(b"354 End the message with <CR><LF>.<CR><LF>\r\n");
            Some(Step::BodyStart)
        }
        Command::Bdat(chunk) => bdat::begin(session, chunk, now),
        Command::Helo(name) => ask_helo(session, name, false, more, output, now),
        Command::Ehlo(name) | Command::Lhlo(name) => {
            ask_helo(session, name, true, more, output, now)
        }
        Command::Quit => {
            write(
                output,
                format_args!("221 2.0.0 {} closes", session.config.domain),
            );
            close(session, CloseReason::Quit, None, output);
            None
        }
        Command::StartTls if more => {
            // What came in the same flight may be an attacker's, and must not be heard as the
            // client's once the connection is encrypted.
            close(session, CloseReason::StartTlsInjection, None, output);
            None
        }
        Command::StartTls => {
            output.extend_from_slice(b"220 2.0.0 Go ahead\r\n");
            session.go(Event::StartTls);
            None
        }
        Command::Auth(message) => exchange::begin(session, message, more, output, now),
        Command::Xclient(told) => {
            // `check` refuses a malformed one.
            if let Ok(told) = told {
                xclient::begin(session, *told, output);
            }
            None
        }
        Command::Rset => {
            let idle = session.envelope.take().is_none();
            session.go(Event::Rset);
            idle_reply(session, idle, b"250 2.0.0 Reset\r\n", output);
            None
        }
        Command::Noop => {
            // A pooled client keeps its connection alive between messages with NOOP.
            let idle = session.facts.messages == 0;
            idle_reply(session, idle, b"250 2.0.0 Ok\r\n", output);
            None
        }
        Command::Vrfy => {
            let reply = b"252 2.5.0 Not verified, but mail to it may be accepted\r\n";
            idle_reply(session, true, reply, output);
            None
        }
        Command::Help => {
            let reply: &[u8] = if xclient::offered(session) {
                b"214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT XCLIENT\r\n"
            } else {
                b"214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
            };
            idle_reply(session, true, reply, output);
            None
        }
        // `check` refuses these.
        Command::Expn | Command::Unimplemented => None,
    }
}

const NOT_YOUR_TURN: Refusal = Refusal::fixed(503, 5, 0, "Wait for the reply");

/// Ends a session whose client talks before the banner, where that is refused.
pub(crate) fn refuses_early_talk(session: &mut Session, output: &mut Vec<u8>) -> bool {
    let refuses = session.facts.early_talk && session.config.quirks.refuse_early_talk;
    if refuses {
        // A banner is 220, 554 or 421 (RFC 5321 section 3.1), and has no enhanced code.
        let refusal = Refusal::fixed(554, 5, 0, "Wait for the banner").plain();
        close(session, CloseReason::EarlyTalk, Some(&refusal), output);
    }
    refuses
}

/// The application said yes.
pub(crate) fn accept(session: &mut Session, pending: Pending, output: &mut Vec<u8>) {
    match pending {
        Pending::Connect => {
            session.go(Event::Banner);
            let protocol = match session.config.protocol {
                Protocol::Smtp => "ESMTP",
                Protocol::Lmtp => "LMTP",
            };
            write(
                output,
                format_args!("220 {} {protocol} Prix Fixe", session.config.domain),
            );
        }
        Pending::Helo { name, extended } => {
            session.envelope = None;
            session.extended = extended;
            session.helo = Some(name);
            session.go(Event::Helo);
            if extended {
                greet_extended(session, output);
            } else {
                write(output, format_args!("250 {}", session.config.domain));
            }
        }
        Pending::Mail(envelope) => {
            session.recipients = 0;
            session.prdr = envelope.parameters.prdr;
            session.envelope = Some(envelope);
            session.facts.idle_commands = 0;
            session.chunk_refused = false;
            session.go(Event::Mail);
            output.extend_from_slice(b"250 2.1.0 Sender ok\r\n");
        }
        Pending::Rcpt(recipient) => {
            if let Some(envelope) = &mut session.envelope {
                envelope.recipients.push(recipient);
            }
            session.recipients += 1;
            session.go(Event::Rcpt);
            output.extend_from_slice(b"250 2.1.5 Recipient ok\r\n");
        }
        // Answered by `end_message` and `exchange::go_on` alone.
        Pending::Message | Pending::Auth(_) => {}
    }
}

/// The application said no.
pub(crate) fn refuse(
    session: &mut Session,
    pending: &Pending,
    refusal: &Refusal,
    output: &mut Vec<u8>,
) {
    if refusal.closes() || matches!(pending, Pending::Connect) {
        close(session, CloseReason::Refused, Some(refusal), output);
    } else if matches!(pending, Pending::Helo { .. }) {
        refusal.clone().plain().write_to(output);
    } else {
        refusal.write_to(output);
    }
}

/// Ends a transaction whose body has come to its end.
pub(crate) fn end_message(session: &mut Session, verdict: &MessageVerdict, output: &mut Vec<u8>) {
    session.body = None;
    session.envelope = None;
    session.go(Event::BodyEnd);
    let verdicts = RecipientVerdicts::new(session, verdict);
    let told = verdicts.told(session);
    match told {
        Told::AtOnce => tell(verdicts.first(), output),
        Told::Each => verdicts.iter().for_each(|verdict| tell(verdict, output)),
        Told::Announced => {
            output.extend_from_slice(b"353 A reply for each recipient follows\r\n");
            verdicts.iter().for_each(|verdict| tell(verdict, output));
            tell(verdicts.overall(), output);
        }
        Told::Undecided => return UNDECIDED.write_to(output),
    }
    if verdicts.overall().is_ok() {
        session.facts.messages = session.facts.messages.saturating_add(1);
    }
    if verdicts
        .iter()
        .any(|verdict| verdict.is_err_and(Refusal::closes))
    {
        close(session, CloseReason::Refused, None, output);
    }
}

fn tell(verdict: Result<&QueueId, &Refusal>, output: &mut Vec<u8>) {
    match verdict {
        Ok(id) => acknowledge(id, output),
        Err(refusal) => refusal.write_to(output),
    }
}

/// The one place that tells a client its message is accepted.
fn acknowledge(id: &QueueId, output: &mut Vec<u8>) {
    write(output, format_args!("250 2.0.0 Accepted, id={id}"));
}

/// Answers a command that was not carried out.
pub(crate) fn object(session: &mut Session, objection: &Objection, output: &mut Vec<u8>) {
    match objection {
        Objection::Error(refusal) => protocol_error(session, refusal, output),
        Objection::Refused(refusal) => refusal.write_to(output),
        Objection::Enough(reason, refusal) => close(session, *reason, Some(refusal), output),
    }
}

/// Answers a command with wrong syntax or order; too many of them end the session, since a client
/// that keeps on is broken, or is no SMTP client at all.
pub(crate) fn protocol_error(session: &mut Session, refusal: &Refusal, output: &mut Vec<u8>) {
    session.facts.errors = session.facts.errors.saturating_add(1);
    if session.facts.errors > session.config.limits.errors {
        let refusal = Refusal::fixed(421, 7, 0, "Too many errors");
        close(session, CloseReason::Errors, Some(&refusal), output);
    } else {
        refusal.write_to(output);
    }
}

/// Ends the session, with a last reply if there is one; a session that has ended says no more.
pub(crate) fn close(
    session: &mut Session,
    reason: CloseReason,
    refusal: Option<&Refusal>,
    output: &mut Vec<u8>,
) {
    if session.closed.is_some() {
        return;
    }
    if let Some(refusal) = refusal {
        refusal.write_to(output);
    }
    session.body = None;
    session.discard = None;
    session.closed = Some(reason);
    session.go(Event::Close);
}

fn ask_helo(
    session: &mut Session,
    name: HeloName,
    extended: bool,
    more: bool,
    output: &mut Vec<u8>,
    now: Instant,
) -> Option<Step<'static>> {
    session.facts.pipelining_misuse |= more;
    if more && session.config.quirks.refuse_early_talk {
        let refusal = NOT_YOUR_TURN.plain();
        close(session, CloseReason::EarlyTalk, Some(&refusal), output);
        return None;
    }
    let idle = session.helo.is_some();
    may_go_on(session, idle, output).then(|| session.ask(Pending::Helo { name, extended }, now))
}

/// Answers a command; `idle` says that it does nothing for a transaction.
fn idle_reply(session: &mut Session, idle: bool, reply: &[u8], output: &mut Vec<u8>) {
    if may_go_on(session, idle, output) {
        output.extend_from_slice(reply);
    }
}

/// Counts an idle command; too many of them in a row end the session.
pub(crate) fn may_go_on(session: &mut Session, idle: bool, output: &mut Vec<u8>) -> bool {
    session.facts.idle_commands = session.facts.idle_commands.saturating_add(u32::from(idle));
    let go_on = session.facts.idle_commands <= session.config.limits.idle_commands;
    if !go_on {
        let refusal = Refusal::fixed(421, 7, 0, "Too many commands without a message");
        close(session, CloseReason::IdleCommands, Some(&refusal), output);
    }
    go_on
}
