//! Clients that connect and do nothing, to be counted and weighed.

use std::io;
use std::ops::Range;

use prixfixe_ipc::{Client, Connector};

use super::payload::Caller;
use super::roles::{READY, hear, say};
use super::setting::Setting;
use crate::ipc::in_words;

/// The word after which each client makes one call.
pub(super) const CALL: &str = "call";

/// Connects every client, over a control socket of its own, each with as many channels as the
/// setting has calls in flight. They stay until the input ends.
pub(super) fn hold(setting: &Setting, clients: Range<u32>) -> io::Result<()> {
    let address = setting.address().map_err(|error| in_words(&error))?;
    let mut held: Vec<(u32, Client)> = Vec::new();
    for number in clients {
        let connector = Connector::new(address.clone());
        for _ in 0..setting.load.in_flight {
            let client = connector.client().map_err(|error| in_words(&error))?;
            held.push((number, client));
        }
    }
    say(READY)?;
    let mut call = 0;
    while hear()? == CALL {
        for (number, client) in &mut held {
            let mut caller = Caller::new(u64::from(*number), setting.load.payload);
            let reply = client
                .call(caller.request(call))
                .completed()
                .map_err(|error| in_words(&error))?;
            caller
                .check(call, reply)
                .map_err(|error| in_words(&error))?;
            call += 1;
        }
        say(READY)?;
    }
    Ok(())
}
