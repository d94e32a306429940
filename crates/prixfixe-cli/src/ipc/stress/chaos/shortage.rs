//! A server that the system gives no more memory, and a client that asks for more.

use std::fs;
use std::io;

use prixfixe_ipc::{Client, ConnectError, Connector};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::ipc::in_words;
use crate::ipc::stress::setting::address;

/// What became of the channels that were asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked {
    pub(super) opened: u64,
    pub(super) refused: u64,
    pub(super) unanswered: u64,
}

/// The limit that was there, which comes back when this is dropped.
struct Shortage {
    pid: Pid,
    before: Rlimit,
}

/// Leaves the server room for a few channels, asks for many, and lets all go again.
pub(super) fn ask_for_more(server: u32, place: &str) -> io::Result<Asked> {
    let address = address(place).map_err(|error| in_words(&error))?;
    let connector = Connector::new(address);
    let _shortage = Shortage::of(server)?;
    let mut asked = Asked::default();
    let mut held: Vec<Client> = Vec::new();
    for _ in 0..WANTED {
        match connector.client() {
            Ok(client) => {
                held.push(client);
                asked.opened += 1;
            }
            Err(ConnectError::Refused(_)) => asked.refused += 1,
            Err(_) => asked.unanswered += 1,
        }
    }
    Ok(asked)
}

impl Shortage {
    fn of(server: u32) -> io::Result<Self> {
        let pid = i32::try_from(server).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or(io::ErrorKind::NotFound)?;
        let status = fs::read_to_string(format!("/proc/{server}/status"))?;
        let size = status
            .lines()
            .find_map(|line| line.strip_prefix("VmSize:"))
            .and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
            .ok_or(io::ErrorKind::NotFound)?;
        let limit = |current| Rlimit {
            current,
            maximum: None,
        };
        let before = prlimit(
            Some(pid),
            Resource::As,
            limit(Some(size * 1024 + LEFT_BYTES)),
        )?;
        Ok(Self { pid, before })
    }
}

impl Drop for Shortage {
    fn drop(&mut self) {
        // Fails where the server has ended, whose limit it was.
        let _ = prlimit(Some(self.pid), Resource::As, self.before);
    }
}

/// Channels that are asked for.
const WANTED: u32 = 32;
/// A channel of the usual sizes: a page, and two rings.
const CHANNEL_BYTES: u64 = 4096 + 2 * (256 << 10);
/// Room for four channels, and for the small things that any program needs: a program that gets none
/// of these ends, and that is not what is tried here.
const LEFT_BYTES: u64 = 4 * CHANNEL_BYTES + CHANNEL_BYTES / 2;
