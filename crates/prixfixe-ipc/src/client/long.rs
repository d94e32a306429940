//! Calls whose request or reply is longer than a record: they go as the parts of one item each, or the
//! request in memory of its own.

use super::ClientStatistics;
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
    let opened = match connection.open_long(call, limit, deadline, statistics) {
        Ok(opened) => opened,
        Err(CallError::Refused(refusal)) => return Outcome::Refused(refusal),
        Err(CallError::Failed(failure)) => return Outcome::Failed(failure),
    };
    let mut stream = Stream::of_long_call(connection, statistics, opened.number, deadline.at());
    let sent = if opened.follows {
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
