//! Whether a command may be carried out: order and limits. Nothing here changes anything.

use crate::{
    BodyFault, ForwardPath, Limits, MailParameters, Mailbox, Refusal, ReversePath, Session,
    address::LOCAL_PART_STRICT_MAX,
    command::{Command, SyntaxError},
    state::{Event, State},
};

/// Checks a command against the state of the session.
pub(crate) fn check(session: &Session, command: &Command) -> Result<(), Refusal> {
    match command {
        Command::Mail(path, parameters) => check_mail(session, path, *parameters),
        Command::Rcpt(path) => check_rcpt(session, path),
        Command::Data => in_order(session, Event::Data),
        Command::Helo(_) | Command::Ehlo(_) => in_order(session, Event::Helo),
        Command::Rset => in_order(session, Event::Rset),
        Command::Unimplemented => Err(Refusal::fixed(502, 5, 1, "Command not implemented")),
        Command::Expn => Err(Refusal::fixed(502, 5, 1, "Lists are not expanded here")),
        Command::Noop | Command::Quit | Command::Vrfy | Command::Help | Command::Bdat => Ok(()),
    }
}

/// The reply to a line that is no command.
pub(crate) fn refusal_of(error: SyntaxError) -> Refusal {
    match error {
        SyntaxError::UnknownCommand => Refusal::fixed(500, 5, 2, "Command unknown"),
        SyntaxError::Argument => Refusal::fixed(501, 5, 4, "Wrong argument"),
        SyntaxError::ReversePath(_) => Refusal::fixed(501, 1, 7, "Malformed sender address"),
        SyntaxError::ForwardPath(_) => Refusal::fixed(501, 1, 3, "Malformed recipient address"),
        SyntaxError::Parameter => Refusal::fixed(501, 5, 4, "Wrong parameter"),
        SyntaxError::UnknownParameter => Refusal::fixed(555, 5, 4, "Parameter not supported"),
        SyntaxError::ParameterValue => Refusal::fixed(504, 5, 4, "Parameter value not supported"),
    }
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

const TOO_BIG: Refusal = Refusal::fixed(552, 3, 4, "Message too big");
const NEEDS_SMTPUTF8: Refusal = Refusal::fixed(553, 6, 7, "Address needs SMTPUTF8");

fn in_order(session: &Session, event: Event) -> Result<(), Refusal> {
    if session.state.after(event).is_some() {
        return Ok(());
    }
    let text = match session.state {
        State::Greeted => "Say EHLO first",
        State::Ready => "Say MAIL first",
        State::Sender if event == Event::Data => "No valid recipients",
        _ => "Wrong order of commands",
    };
    Err(Refusal::fixed(503, 5, 1, text))
}

fn check_mail(
    session: &Session,
    path: &ReversePath,
    parameters: MailParameters,
) -> Result<(), Refusal> {
    in_order(session, Event::Mail)?;
    let Limits {
        message_size,
        messages,
        ..
    } = session.config.limits;
    if session.facts.messages >= messages {
        return Err(Refusal::fixed(
            421,
            7,
            0,
            "Too many messages in one session",
        ));
    }
    if !session.extended && parameters != MailParameters::default() {
        return Err(refusal_of(SyntaxError::UnknownParameter));
    }
    if parameters.size.is_some_and(|size| size > message_size) {
        return Err(TOO_BIG);
    }
    match path.mailbox() {
        Some(mailbox) if mailbox.is_internationalized() && !parameters.smtputf8 => {
            Err(NEEDS_SMTPUTF8)
        }
        Some(mailbox) if is_too_long(session, mailbox) => {
            Err(Refusal::fixed(501, 1, 7, "Local part too long"))
        }
        _ => Ok(()),
    }
}

fn check_rcpt(session: &Session, path: &ForwardPath) -> Result<(), Refusal> {
    in_order(session, Event::Rcpt)?;
    let envelope = session.envelope.as_ref();
    if envelope.is_some_and(|e| e.recipients.len() >= session.config.limits.recipients) {
        return Err(Refusal::fixed(452, 5, 3, "Too many recipients"));
    }
    let smtputf8 = envelope.is_some_and(|e| e.parameters.smtputf8);
    match path.mailbox() {
        Some(mailbox) if mailbox.is_internationalized() && !smtputf8 => Err(NEEDS_SMTPUTF8),
        Some(mailbox) if is_too_long(session, mailbox) => {
            Err(Refusal::fixed(501, 1, 3, "Local part too long"))
        }
        _ => Ok(()),
    }
}

fn is_too_long(session: &Session, mailbox: &Mailbox) -> bool {
    session.config.quirks.strict_lengths && mailbox.local_part().len() > LOCAL_PART_STRICT_MAX
}
