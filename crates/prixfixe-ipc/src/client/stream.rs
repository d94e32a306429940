//! Items in both directions, for a thread that waits for them.

use std::time::{Duration, Instant};

use super::ClientStatistics;
use super::connector::Connection;
use super::streams::{Direct, Fetched, PartSent, append, place};
use super::wait::{Deadline, Waited};
use crate::outcome::{Cause, Executed, Outcome, Refusal};
use crate::stream::StreamError;

/// A call of which the request and the reply are sequences of items, made by
/// [`Client::stream`](super::Client::stream). Dropping it gives the call up.
///
/// What one side has sent and the other has not received is bounded by
/// [`ClientOptions::stream_window`](super::ClientOptions) and
/// [`ServerConfig::stream_window`](crate::ServerConfig): who sends faster than the other receives waits.
/// Two sides that both send and never receive hence wait for each other until the time is over: where
/// both have much to send, [`try_receive`](Stream::try_receive) between two items, or use an
/// [`AsyncClient`](crate::AsyncClient), whose streams can be [split](crate::AsyncStream::split).
/// Each wait lasts at most as long as the [timeout](crate::Call::timeout) of the call; a stream that moves
/// may go on for ever.
///
/// ```
/// use prixfixe_ipc::{Address, Client, Outcome, OwnedReply, OwnedRequest, Server, ServerConfig};
///
/// let address = Address::abstract_name(format!("stream-{}", std::process::id()))?;
/// let server = Server::bind(&address, ServerConfig::default())?;
/// // Answers each item with its length, and in the end with their number.
/// let _running = server.spawn_async(|mut request: OwnedRequest, mut reply: OwnedReply| async move {
///     let (mut item, mut count) = (Vec::new(), 0_u64);
///     while request.next_item(&mut item).await? {
///         reply.send_item(item.len().to_string().as_bytes()).await?;
///         count += 1;
///     }
///     reply.write(count.to_string().as_bytes())
/// })?;
///
/// let mut client = Client::connect(&address)?;
/// let mut stream = client.stream(b"lengths")?;
/// stream.send(b"one")?;
/// stream.send(b"three")?;
/// stream.end()?;
/// let mut item = Vec::new();
/// assert!(stream.receive(&mut item)?);
/// assert_eq!(item, b"3");
/// assert!(stream.receive(&mut item)?);
/// assert_eq!(item, b"5");
/// assert!(!stream.receive(&mut item)?);
/// let mut count = [0; 20];
/// assert_eq!(stream.reply(&mut count), Outcome::Completed(1));
/// assert_eq!(count[0], b'2');
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Stream<'c> {
    connection: &'c mut Connection,
    statistics: &'c mut ClientStatistics,
    call: u64,
    timeout: Duration,
    /// Of a long call: when all of it has to be over.
    until: Option<Instant>,
    sent: u64,
    received: u64,
    /// The caller has the beginning of an item, and not its end.
    within_item: bool,
    /// The server has the beginning of an item, and will never have its end.
    broke_off: bool,
    /// Why nothing more can come.
    cut: Option<Cause>,
    /// It is ended or given up.
    over: bool,
}

impl<'c> Stream<'c> {
    pub(super) fn new(
        connection: &'c mut Connection,
        statistics: &'c mut ClientStatistics,
        call: u64,
        timeout: Duration,
    ) -> Self {
        Self {
            connection,
            statistics,
            call,
            timeout,
            until: None,
            sent: 0,
            received: 0,
            within_item: false,
            broke_off: false,
            cut: None,
            over: false,
        }
    }

    /// The parts of a long call, which has to be over at `until`.
    pub(super) fn of_long_call(
        connection: &'c mut Connection,
        statistics: &'c mut ClientStatistics,
        call: u64,
        until: Instant,
    ) -> Self {
        let mut stream = Self::new(connection, statistics, call, Duration::ZERO);
        stream.until = Some(until);
        stream
    }

    /// Sends an item, once there is room for it and the server has given leave.
    ///
    /// # Errors
    /// When the server wants no more or has ended the call (then its [reply](Stream::reply) says why), is
    /// gone, or nothing moved in time. After an item that failed in the middle no other can be sent, and
    /// the handler finds the stream cut there.
    pub fn send(&mut self, item: &[u8]) -> Result<(), StreamError> {
        self.own()?;
        if self.broke_off {
            return Err(StreamError::Stopped);
        }
        self.connection.give_back_unused();
        let mut from = 0;
        // Each turn sends a part or waits until something moves.
        loop {
            match self
                .connection
                .channel_mut()
                .send_part(self.call, item, from)
            {
                Ok(PartSent::Written(length)) => {
                    from += length;
                    self.broke_off = from < item.len();
                    self.connection.publish(self.statistics);
                    if !self.broke_off {
                        self.sent += 1;
                        return Ok(());
                    }
                }
                Ok(PartSent::Later) => self.wait()?,
                Ok(PartSent::Stopped) => return Err(StreamError::Stopped),
                Err(corrupt) => return Err(self.lose(Cause::Corrupt(corrupt))),
            }
        }
    }

    /// Says that no more items follow. The server may go on sending.
    ///
    /// # Errors
    /// When the server is gone, or had no room for that in time.
    pub fn end(&mut self) -> Result<(), StreamError> {
        self.own()?;
        while !self.connection.channel_mut().end_items(self.call) {
            self.wait()?;
        }
        self.connection.publish(self.statistics);
        Ok(())
    }

    /// Waits for the next item and puts it into `item`, in place of what that held. False when the server
    /// has ended the call, and no more come.
    ///
    /// # Errors
    /// When the server is gone, after all that had come before; when nothing came in time, and then what
    /// `item` holds is completed by the next call with it; or when the item is longer than
    /// [`ClientOptions::max_message`](super::ClientOptions), beyond which nothing is received.
    pub fn receive(&mut self, item: &mut Vec<u8>) -> Result<bool, StreamError> {
        self.own()?;
        if !self.within_item {
            item.clear();
        }
        // Each turn fetches what is there or waits until something moves.
        loop {
            if let Some(received) = self.fetch(item)? {
                return Ok(received);
            }
            self.wait()?;
        }
    }

    /// As [`Stream::receive`], without waiting. `None` when no item is there whole; what `item` holds then
    /// is completed by the next call with it.
    ///
    /// # Errors
    /// As [`Stream::receive`].
    pub fn try_receive(&mut self, item: &mut Vec<u8>) -> Result<Option<bool>, StreamError> {
        self.own()?;
        if self.arrive(None)? {
            // A server that had no room may sleep, and nobody need sleep here.
            self.connection.ring(self.statistics);
        }
        if !self.within_item {
            item.clear();
        }
        self.fetch(item)
    }

    /// Items that were sent whole.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Items that were received whole. Of a stream that was cut, so many are certain.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Ends the stream: sends no more, passes over items that still come, waits for the reply, puts it into
    /// `reply` and returns its length.
    pub fn reply(mut self, reply: &mut [u8]) -> Outcome<usize> {
        if self.own().is_err() {
            return Outcome::failed(Cause::Forked, Executed::Maybe);
        }
        if self.cut.is_none() {
            // What failed shows below, unless the reply is there all the same.
            let _ = self.end();
        }
        // Each turn takes something away or waits until something moves.
        loop {
            let channel = self.connection.channel_mut();
            channel.streams().skip(self.call);
            if let Some(outcome) = channel.take_stream_reply(self.call, reply, 0) {
                self.over = true;
                return outcome;
            }
            self.connection.publish(self.statistics);
            if self.wait().is_err() {
                return self.failed();
            }
        }
    }

    /// The reply to a long call, that came as an item if it is longer than a record.
    pub(super) fn long_reply(mut self, reply: &mut [u8]) -> Outcome<usize> {
        let mut length = 0;
        // Each turn fetches a part or waits until something moves.
        loop {
            let channel = self.connection.channel_mut();
            let take = |part: &[u8]| place(part, reply, &mut length);
            let waited = match channel.streams().fetch(self.call, take) {
                Fetched::Part(_) => {
                    self.connection.publish(self.statistics);
                    continue;
                }
                Fetched::Nothing => {
                    let direct = Direct {
                        call: self.call,
                        reply: &mut *reply,
                        length: &mut length,
                    };
                    self.wait_for(Some(direct))
                }
                Fetched::End => match channel.take_stream_reply(self.call, reply, length) {
                    Some(outcome) => {
                        self.over = true;
                        return outcome;
                    }
                    None => Err(StreamError::HungUp),
                },
                // The server was told how much room there is.
                Fetched::TooLarge => return Outcome::Refused(Refusal::TooLarge),
            };
            if waited.is_err() {
                return self.failed();
            }
        }
    }

    /// Why nothing more can come.
    pub(super) fn cause(&self) -> Cause {
        self.cut.unwrap_or(Cause::Deadline)
    }

    fn failed(&mut self) -> Outcome<usize> {
        self.over = true;
        let cause = self.cause();
        let executed = self.give_up();
        Outcome::failed(cause, executed)
    }

    /// Appends what has come of an item to `item`: true with its end, false when none will come.
    fn fetch(&mut self, item: &mut Vec<u8>) -> Result<Option<bool>, StreamError> {
        let max_message = self.connection.max_message();
        // Bounded by what lies here.
        loop {
            let channel = self.connection.channel_mut();
            let take = |part: &[u8]| append(item, max_message, part);
            match channel.streams().fetch(self.call, take) {
                Fetched::Part(ends_item) => {
                    self.within_item = !ends_item;
                    self.connection.publish(self.statistics);
                    if ends_item {
                        self.received += 1;
                        return Ok(Some(true));
                    }
                }
                Fetched::Nothing => return Ok(None),
                Fetched::End => return Ok(Some(false)),
                Fetched::TooLarge => return Err(StreamError::TooLarge),
            }
        }
    }

    /// The memory of the connection is not there in a forked child.
    fn own(&mut self) -> Result<(), StreamError> {
        if self.connection.is_forked() {
            self.over = true;
            return Err(StreamError::HungUp);
        }
        Ok(())
    }

    /// Waits until something has come, and takes it in.
    fn wait(&mut self) -> Result<(), StreamError> {
        self.wait_for(None)
    }

    /// As [`Stream::wait`]. Parts of a long reply go straight to its caller.
    fn wait_for(&mut self, mut direct: Option<Direct<'_>>) -> Result<(), StreamError> {
        if self.arrive(direct.as_mut().map(Direct::lend))? {
            return Ok(());
        }
        if self.cut.is_some() {
            return Err(StreamError::HungUp);
        }
        let mut deadline = match self.until {
            Some(until) => Deadline::at_instant(until),
            None => Deadline::new(self.timeout),
        };
        self.connection.give_back_unused();
        let waited = self.connection.wait(false, &mut deadline, self.statistics);
        match waited {
            Waited::Ready => self.arrive(direct).map(drop),
            Waited::Over(Cause::Deadline) => Err(StreamError::Deadline),
            Waited::Over(cause) => {
                // What was written before counts.
                let came = self.arrive(direct)?;
                self.connection.note_lost();
                self.cut = Some(cause);
                if came {
                    Ok(())
                } else {
                    Err(StreamError::HungUp)
                }
            }
        }
    }

    /// Takes in what has come. True when that was anything.
    fn arrive(&mut self, mut direct: Option<Direct<'_>>) -> Result<bool, StreamError> {
        let mut came = false;
        loop {
            let direct = direct.as_mut().map(Direct::lend);
            match self.connection.channel_mut().next_arrival_for(direct) {
                Ok(Some(_)) => {
                    came = true;
                    // What came straight to its caller made room for more.
                    self.connection.publish(self.statistics);
                }
                Ok(None) => break,
                Err(corrupt) => return Err(self.lose(Cause::Corrupt(corrupt))),
            }
        }
        self.connection.publish(self.statistics);
        Ok(came)
    }

    fn lose(&mut self, cause: Cause) -> StreamError {
        self.connection.note_lost();
        self.cut = Some(cause);
        StreamError::HungUp
    }

    fn give_up(&mut self) -> Executed {
        let executed = self.connection.channel_mut().give_up_stream(self.call);
        self.connection.publish(self.statistics);
        executed
    }
}

impl Drop for Stream<'_> {
    fn drop(&mut self) {
        if !self.over && !self.connection.is_forked() {
            let _: Executed = self.give_up();
        }
    }
}

impl std::fmt::Debug for Stream<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Stream")
            .field("sent", &self.sent)
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
