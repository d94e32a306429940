//! Memory for a typed call.

use super::call::Call;
use super::codec::{EncodeError, Output};
use super::{ReplyView, Request, header};
use crate::aligned::AlignedBuffer;
use crate::call::Call as RawCall;
use crate::outcome::{Cause, Executed, Outcome, Refusal};

/// Memory for a call: its request as it is sent, and its reply as it is read. To be kept and used
/// again, for it grows with the first calls and not after.
#[derive(Debug, Default)]
pub struct Buffer {
    request: Vec<u8>,
    reply: AlignedBuffer,
    /// The most octets that a reply may have, if that is less than a message can.
    reply_limit: Option<usize>,
}

impl Buffer {
    /// For replies of any size that a message can have.
    pub fn new() -> Self {
        Self::default()
    }

    /// For replies of at most `octets` octets, the 16 of the header included; longer ones are refused
    /// as too large. The server takes a call only when there is room for its longest reply, so calls
    /// that say less of it run side by side in greater number.
    pub fn for_replies_of(octets: usize) -> Self {
        Self {
            reply_limit: Some(octets),
            ..Self::default()
        }
    }

    /// As it is when this reply has come.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn with_reply(payload: &[u8]) -> Self {
        let mut buffer = Self::new();
        buffer.reply.room(payload.len()).copy_from_slice(payload);
        buffer
    }

    /// Encodes the request, and makes room for the reply. A message has at most `max_payload` octets.
    pub(super) fn prepare<R: Request>(
        &mut self,
        call: &Call<'_, R>,
        max_payload: usize,
    ) -> Result<(RawCall<'_>, &mut [u8]), Outcome<usize>> {
        self.request.clear();
        let mut output = Output::new(&mut self.request, max_payload);
        header::write::<R, R::Codec>(call.request, R::TYPE, R::VERSION, &mut output).map_err(
            |error| match error {
                EncodeError::TooLarge => Outcome::Refused(Refusal::TooLarge),
                EncodeError::Unencodable => Outcome::failed(Cause::Unencodable, Executed::No),
            },
        )?;
        let limit = self.reply_limit.unwrap_or(max_payload).min(max_payload);
        if self.reply.capacity() < limit {
            self.reply = AlignedBuffer::with_capacity(limit);
        }
        let raw = call
            .options
            .message_type(R::TYPE)
            .with_payload(&self.request);
        Ok((raw, self.reply.room(limit)))
    }

    /// Reads the reply of a call that ended so.
    pub(crate) fn finish<R: Request>(&self, outcome: Outcome<usize>) -> Outcome<ReplyView<'_, R>> {
        match outcome {
            Outcome::Completed(length) => {
                let payload = self.reply.payload(length);
                match header::read::<R::Reply, R::Codec>(payload, R::TYPE, R::VERSION) {
                    Ok(reply) => Outcome::Completed(reply),
                    Err(_) => Outcome::failed(Cause::BadReply, Executed::Maybe),
                }
            }
            Outcome::Refused(refusal) => Outcome::Refused(refusal),
            Outcome::Failed(failure) => Outcome::Failed(failure),
        }
    }
}
