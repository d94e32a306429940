//! Commands (RFC 5321 section 4.1.1).

use crate::{
    AddressError, AuthMessage, ForwardPath, HeloName, MailParameters, RcptParameters, ReversePath,
    Xclient, address, chunk::Chunk, exchange, parameter,
};

/// A command with its arguments parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `HELO SP Domain`
    Helo(HeloName),
    /// `EHLO SP ( Domain / address-literal )`
    Ehlo(HeloName),
    /// `LHLO SP ( Domain / address-literal )` (RFC 2033)
    Lhlo(HeloName),
    /// `MAIL FROM:Reverse-path [SP Mail-parameters]`
    Mail(ReversePath, MailParameters),
    /// `RCPT TO:( "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]`
    Rcpt(ForwardPath, RcptParameters),
    /// `DATA`
    Data,
    /// `BDAT SP chunk-size [SP LAST]` (RFC 3030)
    Bdat(Chunk),
    /// `RSET`
    Rset,
    /// `NOOP [SP String]`
    Noop,
    /// `QUIT`
    Quit,
    /// `VRFY SP String`
    Vrfy,
    /// `EXPN SP String`
    Expn,
    /// `HELP [SP String]`
    Help,
    /// `STARTTLS` (RFC 3207)
    StartTls,
    /// `AUTH SP mechanism [SP initial-response]` (RFC 4954)
    Auth(AuthMessage),
    /// `XCLIENT 1*( SP attribute "=" value )`. A fault in it counts only where it is offered.
    Xclient(Result<Box<Xclient>, SyntaxError>),
    /// A command of the standards that is not offered.
    Unimplemented,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyntaxError {
    /// The verb is unknown.
    #[error("command unknown")]
    UnknownCommand,
    /// The name of HELO or EHLO is missing or malformed.
    #[error("wrong name")]
    HeloName,
    /// An argument is missing, malformed or too much.
    #[error("wrong argument")]
    Argument,
    /// The size of BDAT is missing, malformed or above 64 bits.
    #[error("wrong size of a chunk")]
    ChunkSize,
    /// What follows this size of BDAT is not LAST.
    #[error("wrong argument behind the size of a chunk")]
    ChunkEnd(u64),
    /// The address of MAIL is malformed.
    #[error("sender: {0}")]
    ReversePath(AddressError),
    /// The address of RCPT is malformed.
    #[error("recipient: {0}")]
    ForwardPath(AddressError),
    /// A parameter is malformed or given twice.
    #[error("wrong parameter")]
    Parameter,
    /// A parameter that is not offered.
    #[error("parameter unknown")]
    UnknownParameter,
    /// A value of a parameter that is not offered.
    #[error("parameter value unknown")]
    ParameterValue,
    /// The mechanism of AUTH is none that is known.
    #[error("mechanism unknown")]
    Mechanism,
    /// The initial response of AUTH is no base64.
    #[error("malformed base64")]
    Base64,
}

/// Parses a line without its CRLF.
pub fn parse(line: &[u8], brackets_optional: bool) -> Result<Command, SyntaxError> {
    let line = trim_end(line);
    let (verb, argument) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    };
    let Some((_, parse_argument)) = VERBS
        .iter()
        .find(|(name, _)| verb.eq_ignore_ascii_case(name))
    else {
        return Err(SyntaxError::UnknownCommand);
    };
    parse_argument(argument, brackets_optional)
}

type ParseArgument = fn(&[u8], bool) -> Result<Command, SyntaxError>;

/// The verbs, the frequent ones first.
const VERBS: &[(&[u8], ParseArgument)] = &[
    (b"MAIL", mail),
    (b"RCPT", rcpt),
    (b"DATA", |argument, _| bare(argument, Command::Data)),
    (b"BDAT", |argument, _| {
        Chunk::parse(argument).map(Command::Bdat)
    }),
    (b"QUIT", |argument, _| bare(argument, Command::Quit)),
    (b"EHLO", |argument, _| {
        helo_name(argument).map(Command::Ehlo)
    }),
    (b"HELO", |argument, _| {
        helo_name(argument).map(Command::Helo)
    }),
    (b"LHLO", |argument, _| {
        helo_name(argument).map(Command::Lhlo)
    }),
    (b"RSET", |argument, _| bare(argument, Command::Rset)),
    (b"NOOP", |_, _| Ok(Command::Noop)),
    (b"VRFY", |argument, _| with_string(argument, Command::Vrfy)),
    (b"EXPN", |argument, _| with_string(argument, Command::Expn)),
    (b"HELP", |_, _| Ok(Command::Help)),
    (b"STARTTLS", |argument, _| bare(argument, Command::StartTls)),
    (b"AUTH", |argument, _| auth(argument).map(Command::Auth)),
    (b"ETRN", |_, _| Ok(Command::Unimplemented)),
    (b"TURN", |_, _| Ok(Command::Unimplemented)),
    (b"SEND", |_, _| Ok(Command::Unimplemented)),
    (b"SOML", |_, _| Ok(Command::Unimplemented)),
    (b"SAML", |_, _| Ok(Command::Unimplemented)),
    (b"XCLIENT", |argument, _| {
        Ok(Command::Xclient(Xclient::parse(argument).map(Box::new)))
    }),
];

/// Whether a line begins as a request of HTTP, made by a browser that someone aimed at this port,
/// as a TLS handshake, or as a PROXY header of somebody who is trusted with none. Looked for before
/// the line is whole, since neither has to end one, and a long path would get a request past the
/// limit as one bad line among good ones.
pub(crate) fn is_of_other_protocol(line: &[u8]) -> bool {
    const TLS_HANDSHAKE: &[u8] = &[0x16, 0x03];
    /// The third line of the signature of PROXY version 2; the two before it are empty.
    const PROXY_2: &[u8] = b"\0\r\n";
    const VERBS: [&[u8]; 11] = [
        b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"CONNECT", b"PATCH", b"TRACE",
        b"PRI", b"PROXY",
    ];
    let is_request = |verb: &[u8]| {
        line.split_at_checked(verb.len())
            .is_some_and(|(start, rest)| {
                start.eq_ignore_ascii_case(verb)
                    && rest.first().is_some_and(u8::is_ascii_whitespace)
            })
    };
    line.starts_with(TLS_HANDSHAKE)
        || line.starts_with(PROXY_2)
        || VERBS.into_iter().any(is_request)
}

fn bare(argument: &[u8], command: Command) -> Result<Command, SyntaxError> {
    if argument.is_empty() {
        Ok(command)
    } else {
        Err(SyntaxError::Argument)
    }
}

fn with_string(argument: &[u8], command: Command) -> Result<Command, SyntaxError> {
    if argument.is_empty() {
        Err(SyntaxError::Argument)
    } else {
        Ok(command)
    }
}

fn helo_name(argument: &[u8]) -> Result<HeloName, SyntaxError> {
    let text = std::str::from_utf8(argument).map_err(|_| SyntaxError::HeloName)?;
    let name = text.trim_start_matches(' ').parse();
    name.map_err(|_| SyntaxError::HeloName)
}

fn mail(argument: &[u8], brackets_optional: bool) -> Result<Command, SyntaxError> {
    let text = after_keyword(argument, b"FROM:", SyntaxError::ReversePath)?;
    let (path, rest) =
        address::reverse_path(text, brackets_optional).map_err(SyntaxError::ReversePath)?;
    let parameters = parameter::mail_parameters(after_space(rest)?)?;
    Ok(Command::Mail(path, parameters))
}

fn rcpt(argument: &[u8], brackets_optional: bool) -> Result<Command, SyntaxError> {
    let text = after_keyword(argument, b"TO:", SyntaxError::ForwardPath)?;
    let (path, rest) =
        address::forward_path(text, brackets_optional).map_err(SyntaxError::ForwardPath)?;
    let parameters = parameter::rcpt_parameters(after_space(rest)?)?;
    Ok(Command::Rcpt(path, parameters))
}

/// One `=` stands for an initial response without octets (RFC 4954 section 4).
fn auth(argument: &[u8]) -> Result<AuthMessage, SyntaxError> {
    let mut words = argument.split(|octet| *octet == b' ');
    let (name, initial) = (words.next().unwrap_or_default(), words.next());
    if name.is_empty() || words.next().is_some() {
        return Err(SyntaxError::Argument);
    }
    let mechanism = std::str::from_utf8(name)
        .ok()
        .and_then(|name| name.parse().ok());
    let response = match initial {
        None => None,
        Some(b"=") => Some(Vec::new()),
        Some(text) => Some(exchange::decode(text).ok_or(SyntaxError::Base64)?),
    };
    Ok(AuthMessage {
        mechanism: mechanism.ok_or(SyntaxError::Mechanism)?,
        response,
        first: true,
    })
}

/// What stands behind `FROM:` or `TO:`. Spaces behind the colon are taken, since many clients
/// send one.
fn after_keyword<'a>(
    argument: &'a [u8],
    keyword: &[u8],
    address_error: fn(AddressError) -> SyntaxError,
) -> Result<&'a str, SyntaxError> {
    let (start, rest) = argument
        .split_at_checked(keyword.len())
        .ok_or(SyntaxError::Argument)?;
    if !start.eq_ignore_ascii_case(keyword) {
        return Err(SyntaxError::Argument);
    }
    let text = std::str::from_utf8(rest).map_err(|_| address_error(AddressError::Utf8))?;
    Ok(text.trim_start_matches(' '))
}

/// Parameters are set off by a space.
fn after_space(rest: &str) -> Result<&str, SyntaxError> {
    if rest.is_empty() {
        Ok(rest)
    } else {
        rest.strip_prefix(' ').ok_or(SyntaxError::Argument)
    }
}

/// Trailing white space is taken, as RFC 5321 section 4.1.1 advises.
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line
        .iter()
        .rposition(|b| !matches!(b, b' ' | b'\t'))
        .map_or(0, |at| at + 1);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn verb_of(line: &str) -> Result<Command, SyntaxError> {
        parse(line.as_bytes(), false)
    }

    #[test]
    fn commands_are_case_insensitive_and_may_end_in_spaces() {
        for (line, command) in [
            ("data", Command::Data),
            ("DaTa  \t", Command::Data),
            ("noop anything <>", Command::Noop),
            ("help", Command::Help),
            ("vrfy x", Command::Vrfy),
            (
                "bdat  005 Last ",
                Command::Bdat(Chunk {
                    octets: 5,
                    last: true,
                }),
            ),
        ] {
            assert_eq!(verb_of(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn mail_and_rcpt() {
        let Ok(Command::Mail(path, parameters)) = verb_of("mail from: <a@b>  SIZE=7") else {
            panic!("a space behind the colon is taken");
        };
        assert_eq!(
            (path.to_string(), parameters.size),
            ("<a@b>".into(), Some(7))
        );
        assert!(matches!(
            verb_of("MAIL FROM:<>"),
            Ok(Command::Mail(ReversePath::Null, _))
        ));
        assert!(matches!(
            verb_of("RCPT TO:<Postmaster>"),
            Ok(Command::Rcpt(ForwardPath::Postmaster, _))
        ));
    }

    #[test]
    fn initial_responses() {
        let response = |line: &str| match verb_of(line) {
            Ok(Command::Auth(message)) => Some(message.response.clone()),
            _ => None,
        };
        assert_eq!(response("auth plain"), Some(None));
        assert_eq!(response("AUTH PLAIN ="), Some(Some(Vec::new())));
        assert_eq!(
            response("AUTH PLAIN AGEAYg=="),
            Some(Some(b"\0a\0b".to_vec()))
        );
    }

    #[test]
    fn syntax_errors() {
        use crate::DomainError;
        for (line, error) in [
            ("", SyntaxError::UnknownCommand),
            ("   ", SyntaxError::UnknownCommand),
            ("\0", SyntaxError::UnknownCommand),
            ("DATA now", SyntaxError::Argument),
            ("RSET x", SyntaxError::Argument),
            ("HELO", SyntaxError::HeloName),
            ("EHLO a b", SyntaxError::HeloName),
            ("VRFY", SyntaxError::Argument),
            ("MAIL", SyntaxError::Argument),
            ("MAIL <a@b>", SyntaxError::Argument),
            ("MAIL FROM <a@b>", SyntaxError::Argument),
            ("MAIL FROM:<a@b>SIZE=1", SyntaxError::Argument),
            (
                "MAIL FROM:a@b",
                SyntaxError::ReversePath(AddressError::Brackets),
            ),
            (
                "RCPT TO:<>",
                SyntaxError::ForwardPath(AddressError::LocalPart),
            ),
            (
                "RCPT TO:<a@b\nRCPT TO:<c@d>",
                SyntaxError::ForwardPath(AddressError::Domain(DomainError::Character)),
            ),
            ("RCPT TO:<a@b> FOO=BAR", SyntaxError::UnknownParameter),
            ("AUTH", SyntaxError::Argument),
            ("AUTH PLAIN AGEAYg== x", SyntaxError::Argument),
            ("AUTH  PLAIN", SyntaxError::Argument),
            ("AUTH CRAM-MD5", SyntaxError::Mechanism),
            ("AUTH PLAIN AGEAYg", SyntaxError::Base64),
            ("MAIL FROM:<a@b> BODY=BINARY", SyntaxError::ParameterValue),
            ("BDAT", SyntaxError::ChunkSize),
            ("BDAT LAST", SyntaxError::ChunkSize),
            ("BDAT -5", SyntaxError::ChunkSize),
            ("BDAT +5 LAST", SyntaxError::ChunkSize),
            ("BDAT 5LAST", SyntaxError::ChunkSize),
            ("BDAT 0x5", SyntaxError::ChunkSize),
            ("BDAT 18446744073709551616", SyntaxError::ChunkSize),
            (
                "BDAT 18446744073709551615 x",
                SyntaxError::ChunkEnd(u64::MAX),
            ),
            ("BDAT 7 LAST LAST", SyntaxError::ChunkEnd(7)),
        ] {
            assert_eq!(verb_of(line), Err(error), "{line:?}");
        }
        assert_eq!(
            parse(b"MAIL FROM:<\xff@b>", false),
            Err(SyntaxError::ReversePath(AddressError::Utf8))
        );
    }

    proptest! {
        #[test]
        fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..80), optional: bool) {
            let _ = parse(&line, optional);
        }

        #[test]
        fn no_argument_panics(
            verb in "MAIL FROM:|RCPT TO:|EHLO |VRFY |BDAT |MAIL FROM:<> ENVID=|RCPT TO:<a@b> ORCPT=utf-8;",
            argument in "[<>@:\",\\\\. \\[\\]a-zA-F0-9=é+{};-]{0,60}",
            optional: bool,
        ) {
            let _ = parse(format!("{verb}{argument}").as_bytes(), optional);
        }
    }
}
