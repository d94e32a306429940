//! The admin listener: is the server alive, and is it ready for mail?

mod bounded;

use std::{future::Future, io, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use prixfixe::{SocketFile, bind_unix};
use prixfixe_delivery::sqlite::SqliteStore;
use serde_json::{Value, json};
use tokio::net::{TcpListener, UnixListener};

use crate::{
    config::{AdminAddress, Switch},
    serve::admin::bounded::Bounded,
};

/// Connections that the system queues on a Unix socket.
const BACKLOG: u32 = 128;

/// What the answers are made of.
#[derive(Clone)]
pub(crate) struct Readiness {
    /// The store, if mail goes there.
    pub(crate) store: Option<SqliteStore>,
    /// Whether connections are accepted.
    pub(crate) accepting: Arc<dyn Fn() -> bool + Send + Sync>,
}

/// The admin listener, bound.
pub(crate) enum AdminListener {
    Tcp(std::net::TcpListener),
    Unix(SocketFile, std::os::unix::net::UnixListener),
}

impl AdminListener {
    /// Binds it, unless it is switched off.
    pub(crate) fn bind(setting: &Switch<AdminAddress>) -> io::Result<Option<Self>> {
        let Some(address) = setting.on() else {
            return Ok(None);
        };
        let named = |error: io::Error| {
            let kind = error.kind();
            io::Error::new(
                kind,
                format!("admin.listen: cannot listen on {address}: {error}"),
            )
        };
        let listener = match address {
            AdminAddress::Tcp(address) => {
                let listener = std::net::TcpListener::bind(address).map_err(named)?;
                listener.set_nonblocking(true)?;
                Self::Tcp(listener)
            }
            AdminAddress::Unix(path) => {
                let (listener, file) = bind_unix(path, BACKLOG).map_err(named)?;
                listener.set_nonblocking(true)?;
                Self::Unix(file, listener)
            }
        };
        Ok(Some(listener))
    }

    /// Where it listens, with the real port.
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(|a| a.to_string()),
            Self::Unix(_, listener) => listener.local_addr().map(|a| match a.as_pathname() {
                Some(path) => format!("unix:{}", path.display()),
                None => "a socket without a name".to_owned(),
            }),
        }
        .unwrap_or_else(|error| format!("a socket without an address: {error}"))
    }

    /// Answers until `stop` is done.
    pub(crate) async fn serve(
        self,
        readiness: Readiness,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let router = Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            // One request for each connection: one that is kept open would meet the end of its
            // time between two requests, or in the second.
            .layer(map_response(closing))
            .with_state(readiness);
        match self {
            Self::Tcp(listener) => {
                let listener = Bounded::new(TcpListener::from_std(listener)?, None);
                axum::serve(listener, router)
                    .with_graceful_shutdown(stop)
                    .await
            }
            Self::Unix(file, listener) => {
                let listener = Bounded::new(UnixListener::from_std(listener)?, Some(file));
                axum::serve(listener, router)
                    .with_graceful_shutdown(stop)
                    .await
            }
        }
    }
}

/// An answer behind which the connection is closed.
async fn closing(answer: Response) -> impl IntoResponse {
    ([(header::CONNECTION, "close")], answer)
}

async fn healthz() -> Json<Value> {
    Json(json!({ "alive": true }))
}

async fn readyz(State(readiness): State<Readiness>) -> impl IntoResponse {
    let mut reasons = Vec::new();
    if !(readiness.accepting)() {
        reasons.push("the server is stopping".to_owned());
    }
    let store = readiness.store.as_ref().map(|store| {
        let health = store.health();
        if let Some(trouble) = &health.trouble {
            reasons.push(format!("the store takes no mail: {trouble}"));
        }
        json!({
            "writable": health.writable,
            "disk_free_bytes": health.disk_free_bytes,
            "min_free_disk_bytes": health.min_free_disk_bytes,
            "wal_bytes": health.wal_bytes,
        })
    });
    let ready = reasons.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (
        status,
        Json(json!({ "ready": ready, "reasons": reasons, "store": store })),
    )
}
