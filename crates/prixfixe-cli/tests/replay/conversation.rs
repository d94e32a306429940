//! A dialogue over a socket.

use std::{io::Write, net::TcpStream, thread};

use crate::{
    dialogue::{Dialogue, Flight, Reply, replies_match},
    smtp_client::Client,
};

/// How the octets of a flight are written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cut {
    /// In one write.
    Whole,
    /// In two, behind so many thousandths.
    At(usize),
    /// In as many as there are octets.
    Octets,
}

/// Replays a dialogue flight by flight, and returns the names of the messages it was promised.
pub(crate) fn flight_by_flight(
    dialogue: &Dialogue,
    address: &str,
    cut: Cut,
) -> Result<Vec<String>, String> {
    replay(dialogue, &dialogue.flights, address, cut)
}

/// The same with all that the client sends in one flight, before any reply is read.
pub(crate) fn all_at_once(dialogue: &Dialogue, address: &str) -> Result<Vec<String>, String> {
    let flight = Flight {
        sent: dialogue.sent(),
        replies: dialogue.replies(),
    };
    replay(dialogue, &[flight], address, Cut::Whole)
}

fn replay(
    dialogue: &Dialogue,
    flights: &[Flight],
    address: &str,
    cut: Cut,
) -> Result<Vec<String>, String> {
    let mut client = Client::connect(address);
    let mut ids = Vec::new();
    for (number, flight) in flights.iter().enumerate() {
        let socket = client.socket();
        // Replies are read meanwhile: who sends and does not read makes the server wait.
        let lines = thread::scope(|scope| {
            scope.spawn(|| write(socket, &flight.sent, cut));
            read(&mut client, &flight.replies)
        });
        let ends =
            |line: &String| Some(line.strip_prefix("250 ")?.rsplit_once("id=")?.1.to_owned());
        ids.extend(lines.iter().filter_map(ends));
        // LMTP names a message once for each recipient.
        ids.dedup();
        check(&flight.replies, &lines).map_err(|fault| format!("in flight {number}:\n{fault}"))?;
    }
    let rest = if dialogue.closes {
        client.rest()
    } else {
        leave(dialogue, &mut client)
    };
    if rest.is_empty() {
        Ok(ids)
    } else {
        Err(format!("at the end there is also {rest:?}"))
    }
}

fn write(mut socket: TcpStream, octets: &[u8], cut: Cut) {
    let at = match cut {
        Cut::Whole => octets.len(),
        Cut::At(thousandths) => octets.len() * thousandths / 1000,
        Cut::Octets => 1,
    };
    // A server that has had enough closes; its replies tell whether it should.
    let _ = match cut {
        Cut::Octets => octets
            .chunks(at)
            .try_for_each(|octet| socket.write_all(octet)),
        _ => socket
            .write_all(&octets[..at])
            .and_then(|()| socket.write_all(&octets[at..])),
    };
}

/// Reads until the replies are there, or can no longer come.
fn read(client: &mut Client<TcpStream>, expected: &[Reply]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    while !matches(expected, &lines) || lines.last().is_some_and(|line| goes_on(line)) {
        let Ok(Some(line)) = client.try_line() else {
            break;
        };
        lines.push(line);
        // More show no more.
        if lines.len() > expected.len() + LINES_SPARE {
            break;
        }
    }
    lines
}

/// Whether another line of the same reply follows.
fn goes_on(line: &str) -> bool {
    line.as_bytes().get(3) == Some(&b'-')
}

/// Leaves a session that must still be open, and returns what it should not have said.
fn leave(dialogue: &Dialogue, client: &mut Client<TcpStream>) -> Vec<String> {
    let last = dialogue
        .flights
        .last()
        .and_then(|flight| flight.replies.last());
    // Within a body QUIT would be text, and within a login a response.
    let within = |reply: &Reply| {
        let reply = reply.to_string();
        reply.starts_with("S: 354") || reply.starts_with("S: 334")
    };
    let in_command = last.is_some_and(|reply| !within(reply));
    if in_command {
        client.send(b"QUIT\r\n");
    }
    client.finish_sending();
    let mut rest = client.rest();
    if in_command && rest.first().is_some_and(|line| line.starts_with("221 ")) {
        rest.remove(0);
    } else if in_command {
        rest.push("and no answer to QUIT".to_owned());
    }
    rest
}

fn check(expected: &[Reply], lines: &[String]) -> Result<(), String> {
    if matches(expected, lines) {
        return Ok(());
    }
    let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
    let (expected, got) = (expected.join("\n  "), lines.join("\n  "));
    Err(format!("expected\n  {expected}\ngot\n  {got}"))
}

fn matches(expected: &[Reply], lines: &[String]) -> bool {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    replies_match(expected, &lines)
}

/// Lines by which a flight may have more than its file shows, because one stands for several.
const LINES_SPARE: usize = 50;
