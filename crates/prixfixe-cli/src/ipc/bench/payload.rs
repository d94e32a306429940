//! What calls carry: requests and replies made from client and call, and checked on arrival, inside
//! the timed path of both sides.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prixfixe_ipc::workload::{digest, expected_digest, fill, replying_to};
use prixfixe_ipc::{Refusal, Reply, Request};

/// Client and call, in front of every request.
pub(super) const STAMP_BYTES: usize = 16;

/// The client's side of its calls.
pub(super) struct Caller {
    client: u64,
    request: Vec<u8>,
    scratch: Vec<u8>,
}

/// A reply whose bytes are not those that were sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("client {client} got an altered reply to call {call}")]
pub(super) struct Altered {
    client: u64,
    call: u64,
}

impl Caller {
    pub(super) fn new(client: u64, payload: u32) -> Self {
        let length = (payload as usize).max(STAMP_BYTES);
        Self {
            client,
            request: vec![0; length],
            scratch: vec![0; length],
        }
    }

    /// The bytes of call number `call`.
    pub(super) fn request(&mut self, call: u64) -> &[u8] {
        let (stamp, body) = self.request.split_at_mut(STAMP_BYTES);
        stamp[..8].copy_from_slice(&self.client.to_le_bytes());
        stamp[8..].copy_from_slice(&call.to_le_bytes());
        fill(body, self.client, call);
        &self.request
    }

    /// Bytes of every request and reply.
    pub(super) fn length(&self) -> usize {
        self.request.len()
    }

    /// Whether these are the bytes of the reply to call number `call`, all of them.
    pub(super) fn check(&mut self, call: u64, reply: &[u8]) -> Result<(), Altered> {
        let expected = expected_digest(&mut self.scratch, replying_to(self.client), call);
        if digest(black_box(reply)) == expected {
            Ok(())
        } else {
            Err(Altered {
                client: self.client,
                call,
            })
        }
    }
}

/// How many requests arrived altered.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<AtomicU64>);

impl Faults {
    pub(super) fn count(&self) -> u64 {
        // Relaxed: a count, read once the clients are done.
        self.0.load(Ordering::Relaxed)
    }

    /// Another one did.
    pub(super) fn note(&self) {
        // Relaxed: as above.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reads all of a request and makes a reply of the same length with other bytes. An altered request
/// is counted, which fails the run.
pub(super) fn answerer(
    faults: Faults,
) -> impl FnMut(Request<'_>, &mut Reply<'_>) -> Result<(), Refusal> + Send {
    let mut scratch = Vec::new();
    move |request, reply| {
        let payload = request.payload();
        let stamp = payload.split_first_chunk::<8>();
        let Some((client, (call, body))) =
            stamp.and_then(|(client, rest)| Some((client, rest.split_first_chunk::<8>()?)))
        else {
            faults.note();
            return Err(Refusal::UnknownType);
        };
        let (client, call) = (u64::from_le_bytes(*client), u64::from_le_bytes(*call));
        scratch.resize(body.len(), 0);
        if digest(black_box(body)) != expected_digest(&mut scratch, client, call) {
            faults.note();
        }
        fill(reply.extend(payload.len())?, replying_to(client), call);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_was_altered_anywhere_or_belongs_elsewhere_is_caught() {
        let mut caller = Caller::new(7, 100);
        let mut reply = vec![0; 100];
        fill(&mut reply, replying_to(7), 42);
        assert_eq!(caller.check(42, &reply), Ok(()));
        assert!(caller.check(43, &reply).is_err());
        for place in [0, 15, 16, 99] {
            reply[place] ^= 1;
            assert!(caller.check(42, &reply).is_err(), "byte {place}");
            reply[place] ^= 1;
        }
        assert!(caller.check(42, &reply[..99]).is_err());
    }
}
