//! gRPC with tonic over a Unix socket, a channel per client. The service is written as generated
//! code would be, with a codec that takes the bytes as they are, so protobuf costs it nothing.

use std::convert::Infallible;
use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::client;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{self, NamedService, UnaryService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};
use tower::{Service, service_fn};

use super::{Link, Peer, PeerError, Supports, copy_reply};
use crate::roles::Desk;
use crate::setting::{MOST_PAYLOAD_BYTES, Setting};

pub(crate) enum Grpc {}

pub(crate) struct GrpcLink {
    client: client::Grpc<Channel>,
    replies: FuturesOrdered<Reply>,
}

type Reply = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;

impl Peer for Grpc {
    const SUPPORTS: Supports = Supports::everything(
        "gRPC, tonic over a Unix socket, a channel per client, calls in flight as streams of it",
    );
    type Link = GrpcLink;

    fn serve(setting: &Setting, desk: &Desk) -> Result<(), PeerError> {
        setting.runtime.build()?.block_on(async {
            let listener = UnixListener::bind(setting.socket())?;
            desk.open()?;
            let server = Server::builder().add_service(Calls(desk.clone()));
            let incoming = UnixListenerStream::new(listener);
            Ok(server.serve_with_incoming(incoming).await?)
        })
    }

    async fn connect(setting: &Setting, _client: u64) -> Result<GrpcLink, PeerError> {
        let socket = setting.socket();
        let channel = Endpoint::from_static("http://localhost")
            .connect_with_connector(service_fn(move |_| {
                let stream = UnixStream::connect(socket.clone());
                async { stream.await.map(TokioIo::new) }
            }))
            .await?;
        let most = message_limit();
        Ok(GrpcLink {
            client: client::Grpc::new(channel).max_decoding_message_size(most),
            replies: FuturesOrdered::new(),
        })
    }
}

impl Link for GrpcLink {
    async fn send(&mut self, request: &[u8]) -> Result<(), PeerError> {
        let request = Request::new(Bytes::copy_from_slice(request));
        let mut client = self.client.clone();
        self.replies.push_back(Box::pin(async move {
            client
                .ready()
                .await
                .map_err(|error| Status::unavailable(error.to_string()))?;
            let path = PathAndQuery::from_static(PATH);
            let response = client.unary(request, path, AsBytes).await?;
            Ok(response.into_inner())
        }));
        Ok(())
    }

    async fn receive(&mut self, reply: &mut [u8]) -> Result<(), PeerError> {
        match self.replies.next().await {
            Some(got) => copy_reply(&got.map_err(Box::new)?, reply),
            None => Err(PeerError::NothingInFlight),
        }
    }
}

/// The service: one method, from bytes to bytes.
#[derive(Debug, Clone)]
struct Calls(Desk);

impl NamedService for Calls {
    const NAME: &'static str = "prixfixe.bench.Calls";
}

impl Service<http::Request<Body>> for Calls {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let calls = self.clone();
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(Status::unimplemented("there is one method").into_http());
            }
            let mut grpc = server::Grpc::new(AsBytes).max_decoding_message_size(message_limit());
            Ok(grpc.unary(calls, request).await)
        })
    }
}

impl UnaryService<Bytes> for Calls {
    type Response = Bytes;
    type Future = future::Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        future::ready(Ok(Response::new(self.0.answer(request.get_ref()))))
    }
}

/// A codec that leaves the bytes as they are.
#[derive(Debug, Clone, Copy)]
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// What a message may have, above which either side would refuse it.
fn message_limit() -> usize {
    usize::try_from(MOST_PAYLOAD_BYTES).unwrap_or(usize::MAX)
}

const PATH: &str = "/prixfixe.bench.Calls/Call";
