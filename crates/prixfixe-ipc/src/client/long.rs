//! Calls whose request or reply is longer than a record: they go as the parts of one item each.

use super::ClientStatistics;
use super::channel::Channel;
use super::connector::Connection;
use super::stream::Stream;
use super::wait::Deadline;
use crate::call::Call;
use crate::outcome::{CallError, Cause, Executed, Outcome};
use crate::stream::StreamError;

/// One attempt of a long call.
pub(super) fn call(
    connection: &mut Connection,
    call: &Call<'_>,
    reply: &mut [u8],
    deadline: &mut Deadline,
    statistics: &mut ClientStatistics,
) -> Outcome<usize> {
    let limit = reply.len();
    let open = |channel: &mut Channel| channel.open_long(call, limit);
    let number = match connection.open(open, deadline, statistics) {
        Ok(number) => number,
        Err(CallError::Refused(refusal)) => return Outcome::Refused(refusal),
        Err(CallError::Failed(failure)) => return Outcome::Failed(failure),
    };
    let follows = call.payload().len() > connection.channel().sizes().max_payload() as usize;
    let mut stream = Stream::of_long_call(connection, statistics, number, deadline.at());
    let sent = if follows {
        stream.send(call.payload())
    } else {
        Ok(())
    };
    match sent {
        // What the server has ended early is refused, as the reply says.
        Ok(()) | Err(StreamError::Stopped) => stream.long_reply(reply),
        // The server executes nothing before it has the last part.
        Err(StreamError::Deadline) => Outcome::failed(Cause::Deadline, Executed::No),
        Err(_) => Outcome::failed(stream.cause(), Executed::No),
    }
}
