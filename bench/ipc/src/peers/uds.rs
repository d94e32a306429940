//! A Unix stream socket, blocking on both sides, with a server thread per client.

use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};

use super::frames::{Incoming, Outgoing, WINDOW_BYTES};
use super::{Link, Peer, PeerError, Supports, copy_reply};
use crate::content::Answerer;
use crate::roles::{Desk, serve_in_thread};
use crate::setting::{MOST_IN_FLIGHT, Setting};

pub(crate) enum Uds {}

pub(crate) struct UdsLink {
    stream: UnixStream,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Peer for Uds {
    const SUPPORTS: Supports = Supports {
        most_in_flight: MOST_IN_FLIGHT,
        window_bytes: WINDOW_BYTES,
        ..Supports::blocking("blocking Unix stream socket, a server thread per client")
    };
    type Link = UdsLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        let listener = UnixListener::bind(setting.socket())?;
        desk.open()?;
        loop {
            let (stream, _) = listener.accept()?;
            let incoming = Incoming::new(setting.payload, setting.in_flight);
            let answerer = desk.answerer();
            serve_in_thread(move || serve_client(stream, incoming, answerer))?;
        }
    }

    async fn connect(setting: &Setting, _client: u64) -> Result<UdsLink, PeerError> {
        Ok(UdsLink {
            stream: UnixStream::connect(setting.socket())?,
            incoming: Incoming::new(setting.payload, setting.in_flight),
            outgoing: Outgoing::default(),
        })
    }
}

impl Link for UdsLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.outgoing.push(request);
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        loop {
            if let Some(message) = self.incoming.take() {
                return copy_reply(message, reply);
            }
            self.stream.write_all(self.outgoing.bytes())?;
            self.outgoing.clear();
            let count = self.stream.read(self.incoming.room()?)?;
            if !self.incoming.filled(count) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

fn serve_client(
    mut stream: UnixStream,
    mut incoming: Incoming,
    mut answerer: Answerer,
) -> Result<(), PeerError> {
    let mut outgoing = Outgoing::default();
    loop {
        let count = stream.read(incoming.room()?)?;
        if !incoming.filled(count) {
            return Ok(());
        }
        while let Some(request) = incoming.take() {
            outgoing.push(answerer.answer(request));
        }
        if !outgoing.bytes().is_empty() {
            stream.write_all(outgoing.bytes())?;
            outgoing.clear();
        }
    }
}
