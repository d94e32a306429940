//! One connection: moving octets between socket and session, and questions to the handler.

use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Instant, SystemTime},
};

use prixfixe_proto::{
    CloseReason, Config, DateTime, Expiry, Progress, Question, Refusal, Session, SessionFacts,
    Stage, Step, TlsMode, Verdict,
};

use crate::{
    Client, Event, Handler, Observer, SessionEnd, Settings,
    auth::{Exchange, Logins},
    farewell::{linger, say_goodbye},
    message,
    server::Shared,
    shutdown::{Phase, StopSignal},
    stream::Stream,
    timer::{Timer, now},
    tls,
    wire::Wire,
};

/// Serves one connection to its end.
pub(crate) async fn serve<H: Handler>(
    handler: &H,
    shared: &Shared,
    config: Arc<Config>,
    stream: Stream,
    mut client: Client,
) {
    let start = now();
    client.protocol = config.protocol;
    let Shared {
        settings, shutdown, ..
    } = shared;
    let observer = &*settings.observer;
    let (mut wire, mut timer) = (Wire::new(stream), Timer::default());
    let mut stop = StopSignal::new(Arc::clone(shutdown));
    if config.tls == TlsMode::Implicit {
        let handshake = tls::secure(&mut wire, &mut timer, &mut stop, settings, &mut client);
        let made = Box::pin(handshake).await;
        if let Err(failure) = made {
            linger(&mut wire, &mut timer).await;
            let (end, duration) = (SessionEnd::HandshakeFailed(failure), now() - start);
            observer.observe(&Event::SessionEnded { end, duration });
            return;
        }
    }
    let channel = Channel {
        wire,
        session: Session::new(config, now()).beginning_at(date_time(client.connected_at)),
        block_deadline: None,
        timer,
        stop,
    };
    let verdict = Supervision {
        timer: Timer::default(),
        stop: StopSignal::new(Arc::clone(shutdown)),
    };
    let mut connection = Connection {
        handler,
        settings,
        observer,
        logins: &shared.logins,
        client,
        channel,
        verdict,
        exchange: None,
    };
    let end = connection.converse().await.unwrap_or_else(SessionEnd::from);
    let Connection {
        client,
        mut channel,
        ..
    } = connection;
    if end == SessionEnd::Disconnected {
        // Who ended its side in order waits for the server's end.
        say_goodbye(&mut channel.wire, &mut channel.timer).await;
    }
    log_end(&client, channel.session.facts(), end);
    observer.observe(&Event::SessionEnded {
        end,
        duration: now() - start,
    });
}

fn date_time(time: SystemTime) -> DateTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    DateTime::from_unix(since.map_or(0, |since| since.as_secs().cast_signed()))
}

/// Logs the end of a session. What happened in one that went in order was logged when it did, and
/// one in which nothing did is a health check.
fn log_end(client: &Client, facts: &SessionFacts, end: SessionEnd) {
    let (session, messages, errors) = (client.session, facts.messages, facts.errors);
    let (peer, end_name) = (client.peer.map(tracing::field::display), end.as_str());
    let in_order = matches!(
        end,
        // A failed handshake was logged with its reason.
        SessionEnd::Disconnected
            | SessionEnd::HandshakeFailed(_)
            | SessionEnd::Closed(CloseReason::Quit)
    );
    if in_order && errors == 0 {
        tracing::debug!(%session, peer, end = end_name, messages, errors, "session ended");
    } else {
        tracing::info!(%session, peer, end = end_name, messages, errors, "session ended");
    }
}

/// What the driver of a connection works with.
#[derive(Debug)]
pub(crate) struct Connection<'h, H> {
    pub(crate) handler: &'h H,
    pub(crate) settings: &'h Settings,
    pub(crate) observer: &'h dyn Observer,
    pub(crate) logins: &'h Logins,
    pub(crate) client: Client,
    pub(crate) channel: Channel,
    pub(crate) verdict: Supervision,
    pub(crate) exchange: Option<Box<Exchange>>,
}

/// What bounds the patience with a handler; apart from the channel, which the handler may hold.
#[derive(Debug)]
pub(crate) struct Supervision {
    timer: Timer,
    stop: StopSignal,
}

/// The part of a connection that a body reads from.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) wire: Wire,
    pub(crate) session: Session,
    /// When the next block of a body has to be there, from the moment that it is waited for. The
    /// session counts from the last block, and would charge the client for what the handler took.
    block_deadline: Option<Instant>,
    timer: Timer,
    stop: StopSignal,
}

/// The client can be heard no more.
#[derive(Debug)]
pub(crate) enum Lost {
    Disconnected,
    TimedOut,
    Stopped,
}

/// What became of a question to the handler.
pub(crate) enum Answer<T> {
    Given(T),
    TooLate,
    Panicked,
    Stopped,
}

/// A step of the session without the octets it may hold.
enum Next {
    NeedInput,
    Flush,
    Ask(Stage),
    Message,
    Drain,
    StartTls,
    Stuck,
    Close(CloseReason),
}

impl<H: Handler> Connection<'_, H> {
    async fn converse(&mut self) -> Result<SessionEnd, Lost> {
        let talk = self.channel.await_early_talk().await;
        talk.or_else(|lost| self.take_leave(lost))?;
        loop {
            match self.step() {
                Next::NeedInput => {
                    let read = self.channel.exchange().await;
                    read.or_else(|lost| self.take_leave(lost))?;
                }
                Next::Flush => self.channel.flush().await?,
                Next::Ask(stage) => {
                    match stage {
                        // Boxed, so that a connection has no room for it all its life.
                        Stage::Auth => Box::pin(self.ask_auth()).await,
                        _ => self.ask(stage).await,
                    }
                    // The session looks at what waits only behind commands that ask nothing.
                    let Channel { wire, session, .. } = &self.channel;
                    if wire.output.len() >= session.config().limits.reply_buffer {
                        self.channel.flush().await?;
                    }
                }
                Next::Message => {
                    // Boxed, so that the many connections without a message hold no room for one.
                    let received = Box::pin(message::receive(self)).await;
                    received.or_else(|lost| self.take_leave(lost))?;
                }
                Next::Drain => {}
                Next::StartTls => {
                    self.channel.flush().await?;
                    if let Some(end) = self.start_tls().await {
                        return Ok(end);
                    }
                }
                // A question is open that nobody was asked; to go on would be to spin.
                Next::Stuck => return Err(Lost::Disconnected),
                Next::Close(reason) => {
                    self.client.facts = *self.channel.session.facts();
                    // A client that has used up its time gets no more of it to read its replies.
                    if !matches!(reason, CloseReason::Timeout | CloseReason::Shutdown) {
                        self.channel.flush().await?;
                    }
                    let Channel { wire, timer, .. } = &mut self.channel;
                    if reason == CloseReason::Quit {
                        say_goodbye(wire, timer).await;
                    } else {
                        linger(wire, timer).await;
                    }
                    return Ok(SessionEnd::Closed(reason));
                }
            }
        }
    }

    fn step(&mut self) -> Next {
        let (input, output) = self.channel.wire.split();
        let Progress { consumed, step } = self.channel.session.process(input, output, now());
        let next = match step {
            Step::NeedInput => Next::NeedInput,
            Step::Flush => Next::Flush,
            Step::Ask(stage) => Next::Ask(stage),
            Step::BodyStart => Next::Message,
            Step::Close(reason) => Next::Close(reason),
            // What is left of a body after its handler is done comes from `message`, refused, and
            // a refused body is drained inside of the session.
            Step::Body(_) | Step::BodyEnd | Step::BodyRefused(_) | Step::BodyAborted => Next::Drain,
            Step::StartTls => Next::StartTls,
            Step::Waiting => Next::Stuck,
        };
        self.channel.wire.consume(consumed);
        self.clean_up_login(matches!(next, Next::Ask(Stage::Auth)), consumed);
        next
    }

    /// Makes the handshake that STARTTLS asked for; if it fails, the session ends like this.
    async fn start_tls(&mut self) -> Option<SessionEnd> {
        let Channel {
            wire,
            session,
            timer,
            stop,
            ..
        } = &mut self.channel;
        let end = if wire.has_unread() {
            SessionEnd::Closed(CloseReason::StartTlsInjection)
        } else {
            match tls::secure(wire, timer, stop, self.settings, &mut self.client).await {
                Ok(()) => {
                    let secured = session.secured(now());
                    debug_assert_eq!(secured, Ok(()), "the session asked for it");
                    self.client.helo = None;
                    self.client.extended = false;
                    self.client.identity = None;
                    self.client.xclient = session.xclient().cloned();
                    return None;
                }
                Err(failure) => SessionEnd::HandshakeFailed(failure),
            }
        };
        linger(wire, timer).await;
        Some(end)
    }

    /// Ends the session with a 421 that says why, unless nobody is there to hear it.
    fn take_leave(&mut self, lost: Lost) -> Result<(), Lost> {
        let (_, output) = self.channel.wire.split();
        match lost {
            Lost::TimedOut => {
                // No question is open here, so this ends the session.
                let _: Expiry = self.channel.session.expire(output, now());
                Ok(())
            }
            Lost::Stopped => {
                self.channel.session.shut_down(output);
                Ok(())
            }
            Lost::Disconnected => Err(lost),
        }
    }

    async fn ask(&mut self, stage: Stage) {
        let Channel { wire, session, .. } = &mut self.channel;
        self.client.facts = *session.facts();
        if let (Stage::Connect, Some(told)) = (stage, session.xclient()) {
            self.client.replace(told);
            let peer = self.client.peer.map(tracing::field::display);
            let proxy = self.client.connection_peer.map(tracing::field::display);
            tracing::debug!(session = %self.client.session, peer, proxy, "XCLIENT");
        }
        let deadline = session.deadline();
        let answer = match session.question() {
            Some(question) => {
                let verdict = verdict_of(self.handler, &self.client, question);
                self.verdict
                    .settle(verdict, || Some(deadline), || true)
                    .await
            }
            None => return,
        };
        let (_, output) = wire.split();
        let verdict = match answer {
            Answer::Given(verdict) => {
                if let Verdict::Refuse(refusal) = &verdict {
                    let (code, peer) = (refusal.code(), self.client.peer);
                    let peer = peer.map(tracing::field::display);
                    tracing::info!(session = %self.client.session, peer, stage = stage.as_str(),
                        reply = %refusal, "refused");
                    self.observer.observe(&Event::Refused { stage, code });
                }
                verdict
            }
            Answer::Stopped => return session.shut_down(output),
            Answer::TooLate | Answer::Panicked => {
                let panicked = matches!(answer, Answer::Panicked);
                tracing::error!(session = %self.client.session, stage = stage.as_str(), panicked,
                    "handler gave no verdict");
                self.observer
                    .observe(&Event::HandlerFailed { stage, panicked });
                // Late or fallen over, the client is told the same.
                let _: Expiry = session.expire(output, now());
                return;
            }
        };
        let answered = session.answer(verdict, output, now());
        debug_assert_eq!(answered, Ok(()), "a question was open");
        if stage == Stage::Helo {
            self.client.helo = session.helo().cloned();
            self.client.extended = session.is_extended();
        }
    }
}

async fn verdict_of<H: Handler>(handler: &H, client: &Client, question: Question<'_>) -> Verdict {
    match question {
        Question::Connect => handler.connect(client).await,
        Question::Helo(name) => handler.helo(client, name).await,
        Question::Mail(envelope) => handler.mail(client, envelope).await,
        Question::Rcpt(envelope, path) => handler.rcpt(client, envelope, path).await,
        _ => Verdict::Refuse(Refusal::try_later()),
    }
}

impl Supervision {
    /// Waits for the handler, but no longer than until `deadline` (which may move meanwhile) or
    /// until the server is forced to stop, if `give_up` lets go of it.
    pub(crate) async fn settle<T>(
        &mut self,
        answer: impl Future<Output = T>,
        deadline: impl Fn() -> Option<Instant>,
        give_up: impl Fn() -> bool,
    ) -> Answer<T> {
        let Self { timer, stop } = self;
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            match catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(cx))) {
                Ok(Poll::Ready(answer)) => return Poll::Ready(Answer::Given(answer)),
                Ok(Poll::Pending) => {}
                Err(_) => return Poll::Ready(Answer::Panicked),
            }
            let late = deadline().is_some_and(|deadline| timer.poll_past(cx, deadline).is_ready());
            if late && give_up() {
                return Poll::Ready(Answer::TooLate);
            }
            if stop.phase(cx) == Phase::Forced && give_up() {
                return Poll::Ready(Answer::Stopped);
            }
            Poll::Pending
        })
        .await
    }
}

impl Channel {
    /// Waits until the socket is known to the runtime, which is when it can be written to, and
    /// takes what a client has sent by then: it has not waited for the banner. Without early
    /// talk this makes no system call.
    async fn await_early_talk(&mut self) -> Result<(), Lost> {
        poll_fn(|cx| {
            if self.wire.poll_writable(cx).is_pending() {
                return self.poll_lost(cx);
            }
            match self.wire.poll_fill(cx) {
                Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(Lost::Disconnected)),
                Poll::Ready(Ok(_)) | Poll::Pending => Poll::Ready(Ok(())),
            }
        })
        .await
    }

    /// Invites a body: writes the 354, if its client waits for that, and from now on waits for no
    /// block yet.
    pub(crate) async fn invite_body(&mut self) -> Result<(), Lost> {
        if !self.session.body_is_chunked() {
            self.flush().await?;
        }
        self.block_deadline = None;
        Ok(())
    }

    /// Writes all replies, then reads more input.
    pub(crate) async fn exchange(&mut self) -> Result<(), Lost> {
        self.flush().await?;
        poll_fn(|cx| {
            if let Poll::Ready(read) = self.wire.poll_fill(cx) {
                self.block_deadline = None;
                return Poll::Ready(match read {
                    Ok(1..) => Ok(()),
                    Ok(0) | Err(_) => Err(Lost::Disconnected),
                });
            }
            self.poll_lost(cx)
        })
        .await
    }

    /// Writes all replies.
    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        poll_fn(|cx| match self.wire.poll_flush(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(())),
            Poll::Ready(Err(_)) => Poll::Ready(Err(Lost::Disconnected)),
            Poll::Pending => self.poll_lost(cx),
        })
        .await
    }

    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        let stopped = match self.stop.phase(cx) {
            Phase::Running => false,
            Phase::Draining => !self.session.in_transaction(),
            Phase::Forced => true,
        };
        if stopped {
            return Poll::Ready(Err(Lost::Stopped));
        }
        let deadline = if self.session.in_body() {
            let patience = self.session.config().timeouts.body;
            *self.block_deadline.get_or_insert_with(|| now() + patience)
        } else {
            self.session.deadline()
        };
        self.timer
            .poll_past(cx, deadline)
            .map(|()| Err(Lost::TimedOut))
    }
}

impl From<Lost> for SessionEnd {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Disconnected => Self::Disconnected,
            Lost::TimedOut => Self::Closed(CloseReason::Timeout),
            Lost::Stopped => Self::Closed(CloseReason::Shutdown),
        }
    }
}
