//! A connection from its greeting to QUIT.

use std::sync::Arc;
use std::time::Instant;

use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::connector::{Encryption, Terms};
use super::course::Course;
use super::fault::Fault;
use super::offers::Offers;
use super::stream::Stream;
use super::wire::Wire;
use crate::failure::{Failure, FailureKind};
use crate::stage::Stage;

/// A connection on which messages can be sent, one at a time.
#[derive(Debug)]
pub struct Connection {
    pub(super) wire: Wire,
    pub(super) terms: Arc<Terms>,
    pub(super) offers: Offers,
    pub(super) state: State,
    /// Whether a transaction was ended on it: a server may have closed it since.
    pub(super) used: bool,
    resumed: Option<bool>,
}

/// What can be said next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A message can begin.
    Ready,
    /// The server still has a transaction, which RSET ends.
    Open,
    /// Nothing: replies are outstanding, or it is closed.
    Broken,
}

impl Connection {
    /// Reads the greeting and goes on to where a message can begin.
    pub(super) async fn begin(
        wire: Wire,
        terms: &Arc<Terms>,
        server_name: Option<&ServerName<'static>>,
        connected: Instant,
        course: &mut Course,
    ) -> Result<Self, Failure> {
        let (code, mut connection) =
            Self::greeted(wire, terms, server_name, connected, course).await?;
        if code != 220 {
            return Err(connection.unwelcome(code, Stage::Banner));
        }
        course.enter(Stage::Ehlo);
        connection.ehlo(course).await?;
        if let Encryption::StartTls(config) = &terms.encryption {
            course.enter(Stage::Tls);
            if !connection.offers.starttls {
                return Err(not_offered(Stage::Tls, "STARTTLS"));
            }
            let start = Instant::now();
            let code = connection.command(b"STARTTLS\r\n", Stage::Tls).await?;
            if code != 220 {
                return Err(connection.unwelcome(code, Stage::Tls));
            }
            if connection.wire.has_unasked() {
                // What came in the clear must not be taken for what comes under TLS.
                let what = "more than a reply before the handshake";
                return Err(Failure::new(FailureKind::Protocol, Stage::Tls, what));
            }
            let config = TlsConnector::from(Arc::clone(config));
            connection = connection.encrypt(&config, server_name).await?;
            course.done(start);
            course.enter(Stage::Ehlo);
            connection.ehlo(course).await?;
        }
        connection.login(course).await?;
        if terms.chunk.is_some() && !connection.offers.chunking {
            return Err(not_offered(Stage::Ehlo, "CHUNKING"));
        }
        if terms.smtputf8 && !connection.offers.smtputf8 {
            return Err(not_offered(Stage::Ehlo, "SMTPUTF8"));
        }
        Ok(connection)
    }

    /// Reads the greeting, through TLS if that comes first.
    pub(super) async fn greeted(
        wire: Wire,
        terms: &Arc<Terms>,
        server_name: Option<&ServerName<'static>>,
        connected: Instant,
        course: &mut Course,
    ) -> Result<(u16, Self), Failure> {
        let mut connection = Self {
            wire,
            terms: Arc::clone(terms),
            offers: Offers::default(),
            state: State::Ready,
            used: false,
            resumed: None,
        };
        let mut start = connected;
        if let Encryption::Implicit(config) = &terms.encryption {
            course.enter(Stage::Tls);
            let config = TlsConnector::from(Arc::clone(config));
            connection = connection.encrypt(&config, server_name).await?;
            start = course.done(start);
        }
        course.enter(Stage::Banner);
        let reply = connection.wire.reply(start + terms.timeouts.banner);
        let code = reply.await.map_err(|fault| fault.at(Stage::Banner))?;
        course.done(start);
        if code != 220 {
            connection.state = State::Broken;
        }
        Ok((code, connection))
    }

    /// EHLO, or HELO where the server does not know that (RFC 5321, section 3.2).
    async fn ehlo(&mut self, course: &mut Course) -> Result<(), Failure> {
        let start = Instant::now();
        let terms = Arc::clone(&self.terms);
        let mut code = self.command(&terms.commands.ehlo, Stage::Ehlo).await?;
        if code == 250 {
            self.offers = Offers::from_lines(self.wire.lines());
        } else if matches!(code, 500 | 502) {
            self.offers = Offers::default();
            code = self.command(&terms.commands.helo, Stage::Ehlo).await?;
        }
        if code != 250 {
            return Err(self.unwelcome(code, Stage::Ehlo));
        }
        // A second EHLO, after STARTTLS, is a part of the same step.
        let before = course.taken().find(|(stage, _)| *stage == Stage::Ehlo);
        let before = before.map(|(_, taken)| taken).unwrap_or_default();
        course.took(Stage::Ehlo, before + start.elapsed());
        Ok(())
    }

    async fn login(&mut self, course: &mut Course) -> Result<(), Failure> {
        let terms = Arc::clone(&self.terms);
        let Some(login) = &terms.commands.login else {
            return Ok(());
        };
        course.enter(Stage::Auth);
        let offered = match login.mechanism {
            "LOGIN" => self.offers.auth_login,
            _ => self.offers.auth_plain,
        };
        if !offered {
            return Err(not_offered(Stage::Auth, login.mechanism));
        }
        let start = Instant::now();
        let mut code = self.command(&login.command, Stage::Auth).await?;
        for answer in &login.answers {
            if code != 334 {
                return Err(self.unwelcome(code, Stage::Auth));
            }
            code = self.command(answer, Stage::Auth).await?;
        }
        if code != 235 {
            return Err(self.unwelcome(code, Stage::Auth));
        }
        course.done(start);
        Ok(())
    }

    async fn encrypt(
        mut self,
        config: &TlsConnector,
        server_name: Option<&ServerName<'static>>,
    ) -> Result<Self, Failure> {
        let failed = |what: String| Failure::new(FailureKind::Tls, Stage::Tls, what);
        let Some(name) = server_name.cloned() else {
            return Err(failed("the target has no name".to_owned()));
        };
        let (stream, mut alarm) = self.wire.into_parts();
        let Stream::Clear(stream) = stream else {
            return Err(failed("there is TLS already".to_owned()));
        };
        let deadline = Instant::now() + self.terms.timeouts.tls;
        let stream = alarm
            .guard(deadline, config.connect(name, stream))
            .await
            .map_err(|fault| match fault {
                // A peer that speaks no TLS, or closes in the middle of it.
                Fault::Io(error) => failed(error.to_string()),
                fault => fault.at(Stage::Tls),
            })?;
        let kind = stream.get_ref().1.handshake_kind();
        self.resumed = Some(kind == Some(HandshakeKind::Resumed));
        self.wire = Wire::new(Stream::Tls(Box::new(stream)), alarm);
        Ok(self)
    }

    /// Whether its TLS session was taken up again; `None` in the clear.
    pub fn resumed(&self) -> Option<bool> {
        self.resumed
    }

    /// The first line of the last reply.
    pub fn last_line(&self) -> String {
        let line = self.wire.lines().next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }

    /// NOOP: whether the connection still answers.
    pub async fn noop(&mut self) -> Result<(), Failure> {
        self.simple(b"NOOP\r\n").await
    }

    /// RSET: gives up what the server has of a transaction.
    pub async fn rset(&mut self) -> Result<(), Failure> {
        self.simple(b"RSET\r\n").await?;
        self.state = State::Ready;
        Ok(())
    }

    async fn simple(&mut self, command: &[u8]) -> Result<(), Failure> {
        let code = self.command(command, Stage::Mail).await?;
        if code != 250 {
            return Err(self.unwelcome(code, Stage::Mail));
        }
        Ok(())
    }

    /// After a failed delivery: whether another one can begin, with RSET if that takes it.
    pub async fn recover(&mut self) -> bool {
        match self.state {
            State::Ready => true,
            State::Open => self.rset().await.is_ok(),
            State::Broken => false,
        }
    }

    /// QUIT, its reply, and the end of the connection. A connection that ends otherwise is nobody's
    /// loss. The code of another reply than 221 or 421 is given back: it may be an answer to something
    /// that was said before, and so may all others of this connection.
    pub async fn quit(mut self) -> Option<u16> {
        if self.state == State::Broken {
            return None;
        }
        let code = self.command(b"QUIT\r\n", Stage::Mail).await.ok()?;
        if self.resumed.is_some() {
            let deadline = Instant::now() + self.terms.timeouts.command;
            let _ = self.wire.shutdown(deadline).await;
        }
        (!matches!(code, 221 | 421)).then_some(code)
    }

    /// A reply that is there before anything was asked is the farewell of a server that closes, or
    /// nonsense: it answers nothing that is said from here on.
    pub(super) async fn nothing_unasked(&mut self, stage: Stage) -> Result<(), Failure> {
        if !self.wire.finds_unasked().await {
            return Ok(());
        }
        let deadline = Instant::now() + self.terms.timeouts.command;
        let reply = self.wire.reply(deadline).await;
        self.state = State::Broken;
        Err(match reply {
            Ok(421) => self.unwelcome(421, stage),
            Ok(_) => {
                let what = format!("a reply that nobody asked for: {}", self.last_line());
                Failure::new(FailureKind::Protocol, stage, what)
            }
            Err(fault) => fault.at(stage),
        })
    }

    /// A command and the code of its reply.
    async fn command(&mut self, command: &[u8], stage: Stage) -> Result<u16, Failure> {
        self.nothing_unasked(stage).await?;
        let patience = self.terms.timeouts.command;
        let exchange = async {
            let now = Instant::now();
            self.wire.write([command], now, patience).await?;
            self.wire.reply(now + patience).await
        };
        let result = exchange.await;
        result.map_err(|fault| {
            self.state = State::Broken;
            fault.at(stage)
        })
    }

    /// The failure that a reply of another code than the wished-for one is.
    pub(super) fn unwelcome(&mut self, code: u16, stage: Stage) -> Failure {
        let kind = match code {
            400..=499 => FailureKind::Transient(code),
            500..=599 => FailureKind::Permanent(code),
            _ => FailureKind::Protocol,
        };
        // After 421 the server closes; after another reply than the rules know, nothing is sure.
        if code == 421 || kind == FailureKind::Protocol {
            self.state = State::Broken;
        }
        let lines: Vec<&[u8]> = self.wire.lines().collect();
        Failure::new(kind, stage, String::from_utf8_lossy(&lines.join(&b'\n')))
    }
}

pub(super) fn not_offered(stage: Stage, what: &str) -> Failure {
    let detail = format!("the server does not announce {what}");
    Failure::new(FailureKind::NotOffered, stage, detail)
}
