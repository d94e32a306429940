//! Unix and TCP streams under tokio, a server task per client.

use std::fs;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::frames::{Incoming, Outgoing, WINDOW_BYTES};
use super::{Link, Peer, PeerError, Supports, copy_reply};
use crate::content::Answerer;
use crate::roles::{Desk, give_up_on};
use crate::setting::Setting;

pub(crate) enum UdsTokio {}

pub(crate) enum TcpTokio {}

pub(crate) struct StreamLink<S> {
    stream: S,
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Peer for UdsTokio {
    const SUPPORTS: Supports = Supports {
        window_bytes: WINDOW_BYTES,
        ..Supports::everything("Unix stream socket under tokio, a server task per client")
    };
    type Link = StreamLink<UnixStream>;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        setting.runtime.build()?.block_on(async {
            let listener = UnixListener::bind(setting.socket())?;
            desk.open()?;
            loop {
                spawn(listener.accept().await?.0, setting, desk);
            }
        })
    }

    async fn connect(setting: &Setting, _client: u64) -> Result<Self::Link, PeerError> {
        let stream = UnixStream::connect(setting.socket()).await?;
        Ok(StreamLink::new(stream, setting))
    }
}

impl Peer for TcpTokio {
    const SUPPORTS: Supports = Supports {
        window_bytes: WINDOW_BYTES,
        ..Supports::everything("TCP over loopback (no delay) under tokio, a server task per client")
    };
    type Link = StreamLink<TcpStream>;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        setting.runtime.build()?.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            // The port is the kernel's choice; clients read it here.
            fs::write(setting.socket(), listener.local_addr()?.to_string())?;
            desk.open()?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                spawn(stream, setting, desk);
            }
        })
    }

    async fn connect(setting: &Setting, _client: u64) -> Result<Self::Link, PeerError> {
        let stream = TcpStream::connect(fs::read_to_string(setting.socket())?).await?;
        stream.set_nodelay(true)?;
        Ok(StreamLink::new(stream, setting))
    }
}

impl<S> StreamLink<S> {
    fn new(stream: S, setting: &Setting) -> Self {
        Self {
            stream,
            incoming: Incoming::new(setting.payload, setting.in_flight),
            outgoing: Outgoing::default(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Link for StreamLink<S> {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        self.outgoing.push(request);
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        loop {
            if let Some(message) = self.incoming.take() {
                return copy_reply(message, reply);
            }
            self.stream.write_all(self.outgoing.bytes()).await?;
            self.outgoing.clear();
            let count = self.stream.read(self.incoming.room()?).await?;
            if !self.incoming.filled(count) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}

fn spawn<S>(stream: S, setting: &Setting, desk: &Desk)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let incoming = Incoming::new(setting.payload, setting.in_flight);
    let answerer = desk.answerer();
    tokio::spawn(async { give_up_on(serve_client(stream, incoming, answerer).await) });
}

async fn serve_client<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    mut incoming: Incoming,
    mut answerer: Answerer,
) -> Result<(), PeerError> {
    let mut outgoing = Outgoing::default();
    loop {
        let count = stream.read(incoming.room()?).await?;
        if !incoming.filled(count) {
            return Ok(());
        }
        while let Some(request) = incoming.take() {
            outgoing.push(answerer.answer(request));
        }
        if !outgoing.bytes().is_empty() {
            stream.write_all(outgoing.bytes()).await?;
            outgoing.clear();
        }
    }
}
