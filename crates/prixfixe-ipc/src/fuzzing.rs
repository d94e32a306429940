//! Insides for the fuzz targets. No part of the crate's interface.

use std::io;

use crate::aligned::AlignedBuffer;
use crate::credentials::Credentials;
use crate::handshake::{ClientMessage, ServerMessage};
use crate::memory::{Region, WORD};
use crate::outcome::{Outcome, Refusal};
use crate::record::RequestHeader;
use crate::ring::{Consumer, Corrupt, RingMemory};
use crate::server::{ClientIdentity, Handler, Reply, Request as RawRequest};
use crate::sync::Ordering;
use crate::sys::Mapping;
use crate::typed::{Buffer, ReplyView, Request};

/// A consumer, and the memory of its ring to be written by hand.
pub struct RingUnderAttack {
    memory: RingMemory,
    consumer: Consumer,
}

/// Where the two words of the producer and the records start in the memory made here.
const RECORDS: usize = 4096;

impl RingUnderAttack {
    /// Octets of the ring.
    pub const CAPACITY: usize = 4096;
    /// The most octets that a record may have.
    pub const MAX_CONTENT: u32 = 1024;

    /// An empty ring.
    ///
    /// # Errors
    /// When the system has no memory.
    pub fn new() -> io::Result<Self> {
        let region = Region::new(Mapping::private(RECORDS + Self::CAPACITY)?);
        let memory = RingMemory {
            producer_line: region.part(0, 2 * WORD),
            head: region.part(128, WORD),
            records: region.part(RECORDS, Self::CAPACITY),
        };
        Ok(Self {
            consumer: Consumer::new(&memory, Self::MAX_CONTENT),
            memory,
        })
    }

    /// Sets a word of the records, counted round.
    pub fn write(&self, word: usize, value: u64) {
        let place = word % (Self::CAPACITY / WORD) * WORD;
        // Relaxed: there is one thread.
        self.memory
            .records
            .word(place)
            .store(value, Ordering::Relaxed);
    }

    /// Sets the tail and the start.
    pub fn publish(&self, tail: u64, start: u64) {
        for (index, value) in [tail, start].into_iter().enumerate() {
            let word = self.memory.producer_line.word(index * WORD);
            // Relaxed: there is one thread.
            word.store(value, Ordering::Relaxed);
        }
    }

    /// Up to where the consumer has read.
    pub fn head(&self) -> u64 {
        self.consumer.head()
    }

    /// Reads a record as the server does: looks, then copies out, and looks again at a word.
    ///
    /// # Errors
    /// When what stands there cannot be.
    pub fn read(&mut self, between: impl FnOnce(&Self)) -> Result<Option<Vec<u8>>, Corrupt> {
        let Some(record) = self.consumer.peek()? else {
            return Ok(None);
        };
        between(self);
        let mut content = vec![0; record.frame.length() as usize];
        self.consumer.copy_out(&record, 0, &mut content);
        if content.len() >= 2 * WORD {
            self.consumer.content_word(&record, 1);
        }
        self.consumer.advance(&record);
        self.consumer.publish_head();
        Ok(Some(content))
    }
}

/// What a server reads in `bytes`, as its client would have written it.
pub fn recode_from_client(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = ClientMessage::decode(bytes).ok()?;
    Some(message.encode().to_vec())
}

/// What a client reads in `bytes`, as its server would have written it.
pub fn recode_from_server(bytes: &[u8]) -> Option<Vec<u8>> {
    let message = ServerMessage::decode(bytes).ok()?;
    Some(message.encode().to_vec())
}

/// What `handler` answers to a call with this payload, in buffers as the server has them.
///
/// # Errors
/// What it refuses the call for.
pub fn handle(
    handler: &mut impl Handler,
    message_type: u32,
    payload: &[u8],
) -> Result<Vec<u8>, Refusal> {
    let mut request = AlignedBuffer::with_capacity(payload.len());
    request.room(payload.len()).copy_from_slice(payload);
    let header = RequestHeader {
        call: 1,
        timeout_ns: 0,
        caller_id: 0,
        message_type,
        reply_limit: MAX_REPLY,
        reply_head: 0,
        priority: 0,
        slot: 0,
    };
    let client = ClientIdentity {
        number: 0,
        credentials: Credentials::new(0, 0, 0),
    };
    let mut answer = Vec::new();
    let request = RawRequest::new(request.payload(payload.len()), &header, client);
    let mut reply = Reply::new(&mut answer, MAX_REPLY as usize);
    handler.handle(request, &mut reply)?;
    Ok(answer)
}

/// The longest reply to a call made here.
const MAX_REPLY: u32 = 65_536;

/// Reads `payload` as the reply to a request of type `R`, as a client does.
pub fn read_reply<R: Request, T>(
    payload: &[u8],
    look: impl FnOnce(Outcome<ReplyView<'_, R>>) -> T,
) -> T {
    look(Buffer::with_reply(payload).finish::<R>(Outcome::Completed(payload.len())))
}
