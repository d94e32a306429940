//! What calls of the levels carry: bytes made from client and call, and digested on arrival, on both
//! sides. Who calls stands in the caller's id, so that a message may have any length, none as well.

use std::hint::black_box;

use prixfixe_ipc::workload::{digest, expected_digest, fill, replying_to};
use prixfixe_ipc::{Refusal, Reply, Request};

use super::journal::ids;

/// Makes requests and checks replies, in buffers for the longest of them.
pub(super) struct Payloads {
    request: Vec<u8>,
    scratch: Vec<u8>,
}

impl Payloads {
    pub(super) fn new(longest: usize) -> Self {
        Self {
            request: vec![0; longest],
            scratch: vec![0; longest],
        }
    }

    /// The request of a call, `length` octets of it, which is no more than the longest.
    pub(super) fn request(&mut self, client: u64, call: u64, length: usize) -> &[u8] {
        let request = &mut self.request[..length];
        fill(request, client, call);
        request
    }

    /// Whether this is the reply to a request of `length` octets, all of it.
    pub(super) fn is_reply(&mut self, client: u64, call: u64, length: usize, reply: &[u8]) -> bool {
        let scratch = &mut self.scratch[..length];
        digest(black_box(reply)) == expected_digest(scratch, replying_to(client), call)
    }
}

/// A request as the server found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) client: u64,
    pub(super) call: u64,
    /// Whether all its bytes are those that belong to it.
    pub(super) intact: bool,
}

impl Seen {
    /// Reads all of a request; `None` for one without an id, which no caller of a level makes.
    pub(super) fn of(request: &Request<'_>, scratch: &mut Vec<u8>) -> Option<Self> {
        let (client, call) = ids(request.caller_id()?);
        let payload = request.payload();
        scratch.resize(payload.len(), 0);
        let intact = digest(black_box(payload)) == expected_digest(scratch, client, call);
        Some(Self {
            client,
            call,
            intact,
        })
    }

    /// Makes the reply, as long as the request and of other bytes.
    pub(super) fn answer(self, length: usize, reply: &mut Reply<'_>) -> Result<(), Refusal> {
        fill(reply.extend(length)?, replying_to(self.client), self.call);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_was_altered_anywhere_or_belongs_elsewhere_is_caught() {
        let mut payloads = Payloads::new(100);
        for length in [0, 1, 8, 100] {
            let mut reply = vec![0; length];
            fill(&mut reply, replying_to(7), 42);
            assert!(payloads.is_reply(7, 42, length, &reply));
            for place in 0..length {
                reply[place] ^= 1;
                assert!(!payloads.is_reply(7, 42, length, &reply), "octet {place}");
                reply[place] ^= 1;
            }
            if length > 0 {
                assert!(!payloads.is_reply(7, 43, length, &reply));
                assert!(!payloads.is_reply(8, 42, length, &reply));
                assert!(!payloads.is_reply(7, 42, length, &reply[1..]));
            }
        }
    }
}
