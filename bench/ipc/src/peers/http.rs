//! HTTP/1.1 with axum and hyper over a Unix socket, kept alive. A connection carries one call at a
//! time, so a client with several in flight has a connection for each, as HTTP clients do.

use std::future::Future;
use std::pin::Pin;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};

use super::{Link, Peer, PeerError, Supports, copy_reply};
use crate::roles::Desk;
use crate::setting::Setting;

pub(crate) enum Http {}

pub(crate) struct HttpLink {
    connections: Vec<http1::SendRequest<Full<Bytes>>>,
    next: usize,
    replies: FuturesOrdered<Reply>,
}

type Reply = Pin<Box<dyn Future<Output = Result<Bytes, PeerError>> + Send>>;

impl Peer for Http {
    const SUPPORTS: Supports = Supports::everything(
        "HTTP/1.1, axum and hyper over a Unix socket, a kept connection per call in flight",
    );
    type Link = HttpLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        setting.runtime.build()?.block_on(async {
            let listener = UnixListener::bind(setting.socket())?;
            let router = Router::new()
                .route(PATH, post(answer))
                .layer(DefaultBodyLimit::max(setting.payload))
                .with_state(desk.clone());
            desk.open()?;
            Ok(axum::serve(listener, router).await?)
        })
    }

    async fn connect(setting: &Setting, _client: u64) -> Result<HttpLink, PeerError> {
        let mut connections = Vec::new();
        for _ in 0..setting.in_flight {
            let stream = UnixStream::connect(setting.socket()).await?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // Its end is told to whoever waits for a reply on it.
            tokio::spawn(async { drop(connection.await) });
            connections.push(sender);
        }
        Ok(HttpLink {
            connections,
            next: 0,
            replies: FuturesOrdered::new(),
        })
    }
}

impl Link for HttpLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        let request = Request::post(PATH)
            .header(header::HOST, "localhost")
            .body(Full::new(Bytes::copy_from_slice(request)))?;
        // The replies come in order, so the connection of the oldest call is free again.
        let connection = &mut self.connections[self.next];
        connection.ready().await?;
        let response = connection.send_request(request);
        self.next = (self.next + 1) % self.connections.len();
        self.replies.push_back(Box::pin(async {
            let response = response.await?;
            match response.status() {
                StatusCode::OK => Ok(response.into_body().collect().await?.to_bytes()),
                status => Err(PeerError::Status(status)),
            }
        }));
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        match self.replies.next().await {
            Some(got) => copy_reply(&got?, reply),
            None => Err(PeerError::NothingInFlight),
        }
    }
}

async fn answer(State(desk): State<Desk>, request: Bytes) -> Bytes {
    desk.answer(&request)
}

const PATH: &str = "/call";
