//! What calls carry: requests and replies made from client and call, and checked on arrival, inside
//! the timed path of both sides.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prixfixe_ipc::workload::{digest, expected_digest, fill, replying_to};
use serde::{Deserialize, Serialize};

/// Client and call, in front of every request.
pub(crate) const STAMP_BYTES: usize = 16;

/// Whether each message is made anew.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// Every message is made for its call, and all its bytes are checked.
    Made,
    /// The same bytes again but for the stamp: what the mode check copies.
    Copied,
}

/// The client's side of its calls: one request and one reply, used again and again.
pub(crate) struct Caller {
    client: u64,
    content: Content,
    request: Vec<u8>,
    reply: Vec<u8>,
    scratch: Vec<u8>,
}

/// A reply or request whose bytes are not those that were sent.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("client {client} got an altered reply to call {call}")]
pub(crate) struct Altered {
    client: u64,
    call: u64,
}

impl Caller {
    /// `payload` is at least [`STAMP_BYTES`], which the settings see to.
    pub(crate) fn new(client: u64, payload: usize, content: Content) -> Self {
        Self {
            client,
            content,
            request: vec![0; payload.max(STAMP_BYTES)],
            reply: vec![0; payload.max(STAMP_BYTES)],
            scratch: vec![0; payload.max(STAMP_BYTES)],
        }
    }

    /// The bytes of call number `call`.
    pub(crate) fn request(&mut self, call: u64) -> &[u8] {
        let (stamp, body) = self.request.split_at_mut(STAMP_BYTES);
        write_stamp(stamp, self.client, call);
        if self.content == Content::Made {
            fill(body, self.client, call);
        }
        &self.request
    }

    /// Where the transport puts a reply.
    pub(crate) fn reply(&mut self) -> &mut [u8] {
        &mut self.reply
    }

    /// Whether the bytes in [`Self::reply`] are the reply to call number `call`, all of them.
    pub(crate) fn check(&mut self, call: u64) -> Result<(), Altered> {
        let sound = match self.content {
            Content::Made => {
                let got = digest(black_box(&self.reply));
                got == expected_digest(&mut self.scratch, replying_to(self.client), call)
            }
            Content::Copied => {
                let reply = black_box(&self.reply);
                read_stamp(reply) == Some((replying_to(self.client), call))
            }
        };
        if sound {
            Ok(())
        } else {
            Err(Altered {
                client: self.client,
                call,
            })
        }
    }
}

/// How many requests of a run arrived altered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Arc<AtomicU64>);

impl Faults {
    pub(crate) fn count(&self) -> u64 {
        // Relaxed: a count, read once the clients are done.
        self.0.load(Ordering::Relaxed)
    }
}

/// The server's side of a connection: reads a request and makes its reply, used again and again.
#[derive(Debug)]
pub(crate) struct Answerer {
    content: Content,
    faults: Faults,
    reply: Vec<u8>,
    scratch: Vec<u8>,
}

impl Answerer {
    pub(crate) fn new(payload: usize, content: Content, faults: Faults) -> Self {
        Self {
            content,
            faults,
            reply: vec![0; payload.max(STAMP_BYTES)],
            scratch: vec![0; payload.max(STAMP_BYTES)],
        }
    }

    /// Reads all of `request` and makes a reply of equal length. An altered request is counted,
    /// which fails the run, and answered, which ends it.
    pub(crate) fn answer(&mut self, request: &[u8]) -> &[u8] {
        let length = request.len().min(self.reply.len());
        let Some((client, call)) = read_stamp(request) else {
            self.count_fault();
            return &self.reply[..length];
        };
        match self.content {
            Content::Made => {
                let body = &request[STAMP_BYTES..];
                let got = black_box(digest(body));
                let sound = body.len() <= self.scratch.len()
                    && got == expected_digest(&mut self.scratch[..body.len()], client, call);
                if !sound {
                    self.count_fault();
                }
                fill(&mut self.reply[..length], replying_to(client), call);
            }
            Content::Copied => {
                black_box(request);
                write_stamp(&mut self.reply, replying_to(client), call);
            }
        }
        &self.reply[..length]
    }

    fn count_fault(&self) {
        self.faults.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn write_stamp(into: &mut [u8], client: u64, call: u64) {
    into[..8].copy_from_slice(&client.to_le_bytes());
    into[8..STAMP_BYTES].copy_from_slice(&call.to_le_bytes());
}

/// None for a message too short to be one.
fn read_stamp(message: &[u8]) -> Option<(u64, u64)> {
    let (client, rest) = message.split_first_chunk()?;
    let call = rest.first_chunk()?;
    Some((u64::from_le_bytes(*client), u64::from_le_bytes(*call)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [usize; 7] = [16, 17, 24, 64, 100, 1024, 4099];

    fn exchanged(length: usize, content: Content) -> (Caller, Faults) {
        let faults = Faults::default();
        let mut caller = Caller::new(7, length, content);
        let mut server = Answerer::new(length, content, faults.clone());
        let reply = server.answer(caller.request(42)).to_vec();
        caller.reply().copy_from_slice(&reply);
        (caller, faults)
    }

    #[test]
    fn an_honest_exchange_verifies_on_both_sides() {
        for content in [Content::Made, Content::Copied] {
            for length in LENGTHS {
                let (mut caller, faults) = exchanged(length, content);
                assert_eq!(caller.check(42), Ok(()), "{length}");
                assert_eq!(faults.count(), 0, "{length}");
            }
        }
    }

    #[test]
    fn an_altered_reply_is_caught_wherever_it_was_altered() {
        for length in LENGTHS {
            for place in [0, 7, 15, length / 2, length - 1] {
                let (mut caller, _) = exchanged(length, Content::Made);
                caller.reply()[place] ^= 1;
                let caught = Err(Altered {
                    client: 7,
                    call: 42,
                });
                assert_eq!(caller.check(42), caught, "byte {place} of {length}");
            }
        }
    }

    #[test]
    fn the_reply_to_another_call_is_caught() {
        for content in [Content::Made, Content::Copied] {
            let (mut caller, _) = exchanged(1024, content);
            assert!(caller.check(43).is_err());
        }
    }

    #[test]
    fn an_altered_request_is_counted_wherever_it_was_altered() {
        for length in LENGTHS.into_iter().filter(|length| *length > STAMP_BYTES) {
            let faults = Faults::default();
            let mut server = Answerer::new(length, Content::Made, faults.clone());
            let mut request = Caller::new(7, length, Content::Made).request(42).to_vec();
            for place in STAMP_BYTES..length {
                request[place] ^= 0x80;
                server.answer(&request);
                assert_eq!(faults.count(), (place - STAMP_BYTES + 1) as u64);
                request[place] ^= 0x80;
            }
        }
    }

    #[test]
    fn a_request_of_a_wrong_length_is_counted_and_does_no_harm() {
        let faults = Faults::default();
        let mut server = Answerer::new(64, Content::Made, faults.clone());
        assert_eq!(server.answer(&[]).len(), 0);
        server.answer(&[1; 15]);
        server.answer(&[1; 1000]);
        assert_eq!(faults.count(), 3);
    }
}
