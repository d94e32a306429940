//! Whether a command may be carried out: order and limits. Nothing here changes anything.

use crate::{
    BodyFault, BodyType, CloseReason, ForwardPath, Limits, MailParameters, Mailbox, Protocol,
    RcptParameters, Refusal, ReversePath, Session, TlsMode,
    address::LOCAL_PART_STRICT_MAX,
    command::{Command, SyntaxError},
    exchange, parameter,
    state::{Event, State},
    xclient,
};

/// Why a command is not carried out.
#[derive(Debug)]
pub(crate) enum Objection {
    /// The client broke the protocol. It is counted: one that keeps on is broken, or is no SMTP
    /// client at all.
    Error(Refusal),
    /// What it asks for cannot be had.
    Refused(Refusal),
    /// It has had enough; the session ends.
    Enough(CloseReason, Refusal),
}

/// Checks a command against the state of the session.
pub(crate) fn check(session: &Session, command: &Command) -> Result<(), Objection> {
    // RFC 4954 section 6; a command that is out of order anyway is told this first.
    let concerns_mail = matches!(
        command,
        Command::Mail(..) | Command::Rcpt(..) | Command::Data | Command::Bdat(_) | Command::Vrfy
    );
    if concerns_mail && exchange::needs_login(session) {
        return Err(Objection::Error(LOGIN_REQUIRED));
    }
    match command {
        Command::Mail(path, parameters) => check_mail(session, path, parameters),
        Command::Rcpt(path, parameters) => check_rcpt(session, path, parameters),
        Command::Data => check_data(session),
        Command::Bdat(_) => in_order(session, Event::Chunk),
        Command::Helo(_) | Command::Ehlo(_) => check_helo(session, Protocol::Smtp),
        Command::Lhlo(_) => check_helo(session, Protocol::Lmtp),
        Command::Rset => in_order(session, Event::Rset),
        Command::StartTls => check_starttls(session),
        Command::Auth(message) => exchange::check(session, message),
        Command::Xclient(told) => xclient::check(session, told),
        Command::Unimplemented | Command::Expn => Err(Objection::Error(NOT_IMPLEMENTED)),
        Command::Noop | Command::Quit | Command::Vrfy | Command::Help => Ok(()),
    }
}

/// The reply to a line that is no command.
pub(crate) fn objection_to(error: SyntaxError) -> Objection {
    const WRONG_ARGUMENT: Refusal = Refusal::fixed(501, 5, 4, "Wrong argument");
    Objection::Error(match error {
        // What follows could not be told from commands.
        SyntaxError::ChunkSize => {
            let refusal = Refusal::fixed(501, 5, 4, "Wrong size of a chunk, closing");
            return Objection::Enough(CloseReason::ChunkSize, refusal);
        }
        SyntaxError::UnknownCommand => Refusal::fixed(500, 5, 2, "Command unknown"),
        SyntaxError::HeloName => Refusal::fixed(501, 5, 4, "Wrong name").plain(),
        SyntaxError::Argument | SyntaxError::ChunkEnd(_) => WRONG_ARGUMENT,
        SyntaxError::ReversePath(_) => Refusal::fixed(501, 1, 7, "Malformed sender address"),
        SyntaxError::ForwardPath(_) => Refusal::fixed(501, 1, 3, "Malformed recipient address"),
        SyntaxError::Parameter => Refusal::fixed(501, 5, 4, "Wrong parameter"),
        SyntaxError::UnknownParameter => Refusal::fixed(555, 5, 4, "Parameter not supported"),
        SyntaxError::Mechanism => exchange::UNKNOWN_MECHANISM,
        SyntaxError::Base64 => exchange::MALFORMED,
        SyntaxError::ParameterValue => Refusal::fixed(504, 5, 4, "Parameter value not supported"),
    })
}

/// The reply to a body that the session refuses.
pub(crate) fn refusal_of_body(fault: BodyFault) -> Refusal {
    match fault {
        BodyFault::TooBig => TOO_BIG,
        BodyFault::BareNewline => Refusal::fixed(550, 6, 0, "A CR or LF stands alone"),
        BodyFault::Nul => Refusal::fixed(550, 6, 0, "A NUL is in the message"),
        BodyFault::LineTooLong => Refusal::fixed(500, 6, 0, "A line of the message is too long"),
        BodyFault::Loop => Refusal::fixed(554, 4, 6, "Too many hops, this is a loop"),
    }
}

pub(crate) const NOT_IMPLEMENTED: Refusal = Refusal::fixed(502, 5, 1, "Command not implemented");
const TOO_BIG: Refusal = Refusal::fixed(552, 3, 4, "Message too big");
const LOGIN_REQUIRED: Refusal = Refusal::fixed(530, 7, 0, "Authentication required");
const NEEDS_SMTPUTF8: Refusal = Refusal::fixed(553, 6, 7, "Address needs SMTPUTF8");

pub(crate) fn in_order(session: &Session, event: Event) -> Result<(), Objection> {
    if session.state.after(event).is_some() {
        return Ok(());
    }
    let text = match session.state {
        State::Greeted if session.config.protocol == Protocol::Lmtp => "Say LHLO first",
        State::Greeted => "Say EHLO first",
        State::Ready if event == Event::Chunk && session.chunk_refused => {
            // A client that pipelines cannot know yet that an earlier chunk was refused.
            return Err(Objection::Refused(Refusal::fixed(
                503,
                5,
                1,
                "A chunk before this one was refused",
            )));
        }
        State::Ready => "Say MAIL first",
        State::Sender if matches!(event, Event::Data | Event::Chunk) => {
            // A client that pipelines cannot know yet that all recipients were refused.
            return Err(Objection::Refused(Refusal::fixed(
                503,
                5,
                1,
                "No valid recipients",
            )));
        }
        _ => "Wrong order of commands",
    };
    Err(Objection::Error(Refusal::fixed(503, 5, 1, text)))
}

/// A binary body cannot be sent with DATA (RFC 3030 section 3).
fn check_data(session: &Session) -> Result<(), Objection> {
    in_order(session, Event::Data)?;
    let envelope = session.envelope.as_ref();
    if envelope.and_then(|e| e.parameters.body) == Some(BodyType::BinaryMime) {
        let refusal = Refusal::fixed(503, 5, 1, "BINARYMIME needs BDAT");
        return Err(Objection::Error(refusal));
    }
    Ok(())
}

/// RFC 2033 section 4.1: LMTP has a greeting of its own, so that nobody mistakes one for the other.
fn check_helo(session: &Session, protocol: Protocol) -> Result<(), Objection> {
    match (session.config.protocol, protocol) {
        (Protocol::Smtp, Protocol::Lmtp) => {
            Err(Objection::Error(Refusal::fixed(500, 5, 2, "This is SMTP")))
        }
        (Protocol::Lmtp, Protocol::Smtp) => Err(Objection::Error(
            Refusal::fixed(500, 5, 2, "This is LMTP, say LHLO").plain(),
        )),
        _ => in_order(session, Event::Helo),
    }
}

fn check_starttls(session: &Session) -> Result<(), Objection> {
    match session.config.tls {
        TlsMode::None => Err(Objection::Error(NOT_IMPLEMENTED)),
        _ if session.secure => Err(Objection::Error(Refusal::fixed(
            503,
            5,
            1,
            "TLS is active already",
        ))),
        _ => in_order(session, Event::StartTls),
    }
}

fn check_mail(
    session: &Session,
    path: &ReversePath,
    parameters: &MailParameters,
) -> Result<(), Objection> {
    in_order(session, Event::Mail)?;
    let Limits {
        message_size,
        messages,
        ..
    } = session.config.limits;
    if session.facts.messages >= messages {
        let refusal = Refusal::fixed(421, 7, 0, "Too many messages in one session");
        return Err(Objection::Enough(CloseReason::Messages, refusal));
    }
    parameter::check_mail(session, parameters)?;
    if parameters.size.is_some_and(|size| size > message_size) {
        return Err(Objection::Refused(TOO_BIG));
    }
    let too_long = Refusal::fixed(501, 1, 7, "Local part too long");
    check_mailbox(session, path.mailbox(), parameters.smtputf8, too_long)
}

fn check_rcpt(
    session: &Session,
    path: &ForwardPath,
    parameters: &RcptParameters,
) -> Result<(), Objection> {
    in_order(session, Event::Rcpt)?;
    let envelope = session.envelope.as_ref();
    if envelope.is_some_and(|e| e.recipients.len() >= session.config.limits.recipients) {
        return Err(Objection::Refused(Refusal::fixed(
            452,
            5,
            3,
            "Too many recipients",
        )));
    }
    let smtputf8 = envelope.is_some_and(|e| e.parameters.smtputf8);
    parameter::check_rcpt(session, parameters, smtputf8)?;
    let too_long = Refusal::fixed(501, 1, 3, "Local part too long");
    check_mailbox(session, path.mailbox(), smtputf8, too_long)
}

fn check_mailbox(
    session: &Session,
    mailbox: Option<&Mailbox>,
    smtputf8: bool,
    too_long: Refusal,
) -> Result<(), Objection> {
    match mailbox {
        Some(mailbox) if mailbox.is_internationalized() && !smtputf8 => {
            Err(Objection::Refused(NEEDS_SMTPUTF8))
        }
        Some(mailbox) if is_too_long(session, mailbox) => Err(Objection::Error(too_long)),
        _ => Ok(()),
    }
}

fn is_too_long(session: &Session, mailbox: &Mailbox) -> bool {
    session.config.quirks.strict_lengths && mailbox.local_part().len() > LOCAL_PART_STRICT_MAX
}
