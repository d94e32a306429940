//! XCLIENT: a trusted proxy says for which client it speaks (Postfix's XCLIENT_README).
//!
//! ```abnf
//! xclient   = "XCLIENT" 1*( SP attribute "=" xtext )
//! attribute = "NAME" / "ADDR" / "PORT" / "PROTO" / "HELO" / "LOGIN" / "DESTADDR" / "DESTPORT"
//! ```

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use crate::{
    HeloName, Refusal, Session,
    check::{NOT_IMPLEMENTED, Objection, in_order, objection_to},
    command::SyntaxError,
    effect,
    parameter::{self, Malformed, set_once, xtext},
    state::Event,
};

/// What a proxy has said about its client; nothing in a field stands for not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Xclient {
    /// `NAME`: the client's name in the DNS. Names that are no domains exist there too.
    pub name: Option<XclientValue<HeloName>>,
    /// `ADDR`: its address.
    pub address: Option<XclientValue<IpAddr>>,
    /// `PORT`: its port.
    pub port: Option<XclientValue<u16>>,
    /// `PROTO`: what it speaks with the proxy.
    pub protocol: Option<XclientProtocol>,
    /// `HELO`: what it called itself there.
    pub helo: Option<XclientValue<HeloName>>,
    /// `LOGIN`: as whom it has logged in there.
    pub login: Option<XclientValue<XclientLogin>>,
    /// `DESTADDR`: the address it connected to.
    pub destination_address: Option<XclientValue<IpAddr>>,
    /// `DESTPORT`: the port it connected to.
    pub destination_port: Option<XclientValue<u16>>,
}

/// The value of an attribute of XCLIENT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XclientValue<T> {
    /// This.
    Known(T),
    /// `[UNAVAILABLE]`: there is none.
    Unavailable,
    /// `[TEMPUNAVAIL]`: it cannot be found out now.
    TemporarilyUnavailable,
}

/// What the client of a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XclientProtocol {
    /// It said HELO.
    Smtp,
    /// It said EHLO.
    Esmtp,
}

/// The user that a proxy vouches for: 1 to 255 octets without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XclientLogin(Box<str>);

/// As long as the longest name of a mailbox or host that a command line has room for.
const LOGIN_MAX: usize = 255;

impl Xclient {
    /// What EHLO announces.
    pub(crate) const KEYWORD: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";

    /// Parses what follows the verb.
    pub(crate) fn parse(argument: &[u8]) -> Result<Self, SyntaxError> {
        let text = std::str::from_utf8(argument).map_err(|_| SyntaxError::Parameter)?;
        let mut told = Self::default();
        for word in parameter::words(text) {
            let (keyword, value) = parameter::parameter(word)?;
            let value = value.and_then(xtext::decode);
            let value = value.as_deref().ok_or(SyntaxError::Parameter)?;
            let is = |name: &str| keyword.eq_ignore_ascii_case(name);
            if is("NAME") {
                set_once(&mut told.name, value.parse()?)?;
            } else if is("ADDR") {
                set_once(&mut told.address, XclientValue::of(value, address)?)?;
            } else if is("PORT") {
                set_once(&mut told.port, XclientValue::of(value, port)?)?;
            } else if is("PROTO") {
                set_once(&mut told.protocol, value.parse()?)?;
            } else if is("HELO") {
                set_once(&mut told.helo, value.parse()?)?;
            } else if is("LOGIN") {
                set_once(&mut told.login, value.parse()?)?;
            } else if is("DESTADDR") {
                let value = XclientValue::of(value, address)?;
                set_once(&mut told.destination_address, value)?;
            } else if is("DESTPORT") {
                set_once(&mut told.destination_port, XclientValue::of(value, port)?)?;
            } else {
                return Err(SyntaxError::Parameter);
            }
        }
        if told == Self::default() {
            return Err(SyntaxError::Parameter);
        }
        Ok(told)
    }

    /// Adds what was said before, as Postfix does: all but HELO, PROTO and LOGIN, which belong to a
    /// session and not to its connection.
    fn over(self, before: &Self) -> Self {
        let before = before.clone();
        Self {
            name: self.name.or(before.name),
            address: self.address.or(before.address),
            port: self.port.or(before.port),
            destination_address: self.destination_address.or(before.destination_address),
            destination_port: self.destination_port.or(before.destination_port),
            ..self
        }
    }
}

/// Whether this client may still say for whom it speaks. Once it has said an address, what follows
/// may be that client's own words, passed on.
pub(crate) fn offered(session: &Session) -> bool {
    let told = session.xclient.as_deref();
    session.config.xclient && told.is_none_or(|told| told.address.is_none())
}

/// Whether XCLIENT may be carried out.
pub(crate) fn check(
    session: &Session,
    told: &Result<Box<Xclient>, SyntaxError>,
) -> Result<(), Objection> {
    if !session.config.xclient {
        return Err(Objection::Error(NOT_IMPLEMENTED));
    }
    in_order(session, Event::Xclient)?;
    if !offered(session) {
        let text = "The client's address was told already";
        return Err(Objection::Error(Refusal::fixed(550, 7, 0, text)));
    }
    match told {
        Ok(_) => Ok(()),
        Err(error) => Err(objection_to(*error)),
    }
}

/// Begins the session anew, with another client.
pub(crate) fn begin(session: &mut Session, told: Xclient, output: &mut Vec<u8>) {
    // The handler is asked each time, and no end of that would be work for nothing.
    if !effect::may_go_on(session, session.xclient.is_some(), output) {
        return;
    }
    let told = match &session.xclient {
        Some(before) => told.over(before),
        None => told,
    };
    session.helo = None;
    session.extended = false;
    session.authenticated = matches!(told.login, Some(XclientValue::Known(_)));
    session.chunk_refused = false;
    session.xclient = Some(Arc::new(told));
    session.go(Event::Xclient);
}

/// Forgets what was said of the session, when STARTTLS begins it anew. The connection's client
/// stays: whose words came through a proxy must not become the proxy by encrypting them.
pub(crate) fn forget_session(session: &mut Session) {
    if let Some(told) = &mut session.xclient {
        *told = Arc::new(Xclient::default().over(told));
    }
}

impl<T> XclientValue<T> {
    /// The value, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unavailable | Self::TemporarilyUnavailable => None,
        }
    }

    fn of(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Self, Malformed> {
        if text.eq_ignore_ascii_case("[UNAVAILABLE]") {
            Ok(Self::Unavailable)
        } else if text.eq_ignore_ascii_case("[TEMPUNAVAIL]") {
            Ok(Self::TemporarilyUnavailable)
        } else {
            parse(text).map(Self::Known).ok_or(Malformed)
        }
    }
}

impl<T: FromStr> FromStr for XclientValue<T> {
    type Err = Malformed;

    /// Parses a value whose xtext is undone.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::of(text, |text| text.parse().ok())
    }
}

impl FromStr for XclientProtocol {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.eq_ignore_ascii_case("SMTP") {
            Ok(Self::Smtp)
        } else if text.eq_ignore_ascii_case("ESMTP") {
            Ok(Self::Esmtp)
        } else {
            Err(Malformed)
        }
    }
}

impl XclientLogin {
    /// The name of the user.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for XclientLogin {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fits = (1..=LOGIN_MAX).contains(&text.len());
        if fits && !text.contains(char::is_control) {
            Ok(Self(text.into()))
        } else {
            Err(Malformed)
        }
    }
}

impl fmt::Display for XclientLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `IPV6:` stands before an address of IPv6; some proxies leave it out.
fn address(text: &str) -> Option<IpAddr> {
    const IPV6: &str = "IPV6:";
    let v6 = |text: &str| Some(text.parse::<Ipv6Addr>().ok()?.into());
    match text.split_at_checked(IPV6.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(IPV6) => v6(rest),
        _ => match text.parse::<Ipv4Addr>() {
            Ok(address) => Some(address.into()),
            Err(_) => v6(text),
        },
    }
}

fn port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|b| b.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::{Config, Step, TlsMode, Verdict};

    fn parse(text: &str) -> Result<Xclient, SyntaxError> {
        Xclient::parse(text.as_bytes())
    }

    #[test]
    fn every_attribute() {
        let told = parse(
            "NAME=spike.example ADDR=192.0.2.7 port=42 PROTO=esmtp HELO=[192.0.2.7] \
             LOGIN=a+2Bb@example.org DESTADDR=IPV6:2001:db8::1 DESTPORT=25",
        )
        .unwrap();
        let known = |value: Option<XclientValue<HeloName>>| value.unwrap().known().cloned();
        assert_eq!(known(told.name).unwrap().as_str(), "spike.example");
        assert_eq!(known(told.helo).unwrap().as_str(), "[192.0.2.7]");
        let address = "192.0.2.7".parse().unwrap();
        assert_eq!(told.address, Some(XclientValue::Known(address)));
        assert_eq!(told.port, Some(XclientValue::Known(42)));
        assert_eq!(told.protocol, Some(XclientProtocol::Esmtp));
        let login = told.login.unwrap().known().unwrap().to_string();
        assert_eq!(login, "a+b@example.org");
        let destination = "2001:db8::1".parse().unwrap();
        let told_destination = told.destination_address;
        assert_eq!(told_destination, Some(XclientValue::Known(destination)));
        assert_eq!(told.destination_port, Some(XclientValue::Known(25)));
    }

    #[test]
    fn what_is_not_known() {
        let told = parse("NAME=[TEMPUNAVAIL] ADDR=[unavailable] LOGIN=+5BUNAVAILABLE+5D").unwrap();
        assert_eq!(told.name, Some(XclientValue::TemporarilyUnavailable));
        assert_eq!(told.address, Some(XclientValue::Unavailable));
        assert_eq!(told.login, Some(XclientValue::Unavailable));
        assert_eq!(told.helo, None);
    }

    #[test]
    fn addresses() {
        for (text, same) in [
            ("ipv6:::1", "::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("0.0.0.0", "0.0.0.0"),
        ] {
            assert_eq!(address(text), same.parse().ok(), "{text}");
        }
    }

    #[test]
    fn malformed() {
        let long = "x".repeat(256);
        for text in [
            "",
            "ADDR",
            "ADDR=",
            "ADDR=192.0.2",
            "ADDR=192.0.2.256",
            "ADDR=IPV6:192.0.2.1",
            "ADDR=[192.0.2.1]",
            "ADDR=192.0.2.1 ADDR=192.0.2.1",
            "ADDR=\u{e9}",
            "ADDR=UNAVAILABLE",
            "PORT=65536",
            "PORT=+2B25",
            "PORT=-1",
            "PORT=smtp",
            "DESTPORT=1e3",
            "PROTO=LMTP",
            "PROTO=[UNAVAILABLE]",
            "NAME=a+20b",
            "NAME=a+0D+0Ab",
            "NAME=a(b)",
            "HELO=a+0Ab",
            "HELO=+",
            "HELO=+c3",
            &format!("HELO={long}"),
            "LOGIN=a+0D+0Ab",
            "LOGIN=a+00",
            "LOGIN=a+7F",
            "LOGIN=+FF",
            &format!("LOGIN={long}"),
            "LOGIN=a=b",
            "COUNTRY=NL",
            "ADDR=192.0.2.1 X=1",
        ] {
            assert_eq!(parse(text), Err(SyntaxError::Parameter), "{text}");
        }
        assert_eq!(Xclient::parse(b"NAME=\xff"), Err(SyntaxError::Parameter));
    }

    #[test]
    fn what_belongs_to_the_session_is_said_anew() {
        let first = parse("NAME=a.example PORT=1 HELO=a LOGIN=a PROTO=SMTP DESTPORT=25").unwrap();
        let second = parse("NAME=[UNAVAILABLE] ADDR=192.0.2.1").unwrap();
        let both = second.over(&first);
        let same = parse("NAME=[UNAVAILABLE] ADDR=192.0.2.1 PORT=1 DESTPORT=25");
        assert_eq!(Ok(both), same);
    }

    /// Says something, and yes to all questions; returns the replies.
    fn say(session: &mut Session, mut input: &[u8]) -> String {
        let (now, mut output) = (Instant::now(), Vec::new());
        loop {
            let progress = session.process(input, &mut output, now);
            input = &input[progress.consumed..];
            match progress.step {
                Step::Ask(_) => session.answer(Verdict::Accept, &mut output, now).unwrap(),
                Step::NeedInput => return String::from_utf8(output).unwrap(),
                Step::StartTls => session.secured(now).unwrap(),
                step => panic!("{step:?}"),
            }
        }
    }

    #[test]
    fn encryption_keeps_the_client_and_forgets_its_login() {
        let mut config = Config::new("mx.example.com".parse().unwrap());
        config.tls = TlsMode::StartTls;
        config.xclient = true;
        let mut session = Session::new(Arc::new(config), Instant::now());
        say(
            &mut session,
            b"XCLIENT ADDR=192.0.2.7 NAME=a.example LOGIN=a HELO=a\r\n",
        );
        assert!(session.is_authenticated());
        say(&mut session, b"STARTTLS\r\n");
        assert!(!session.is_authenticated());
        let told = session.xclient().map(|told| told.as_ref().clone());
        assert_eq!(told, parse("ADDR=192.0.2.7 NAME=a.example").ok());
        let replies = say(&mut session, b"XCLIENT ADDR=127.0.0.1\r\n");
        assert!(replies.starts_with("550 5.7.0 "), "{replies}");
    }

    #[test]
    fn tls_stays_when_the_session_begins_anew() {
        let mut config = Config::new("mx.example.com".parse().unwrap());
        config.tls = TlsMode::StartTls;
        config.xclient = true;
        let mut session = Session::new(Arc::new(config), Instant::now());
        say(&mut session, b"STARTTLS\r\n");
        say(&mut session, b"XCLIENT ADDR=192.0.2.7\r\n");
        assert!(session.is_secure());
        let replies = say(&mut session, b"EHLO a\r\nSTARTTLS\r\n");
        assert!(!replies.contains("250-STARTTLS"), "{replies}");
        assert!(
            replies.contains("503 5.5.1 TLS is active already"),
            "{replies}"
        );
    }
}
