//! What an idle connection costs in memory.

use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::account::private_memory;
use crate::certificate::{Certificate, KeyKind};
use crate::plan::{self, Effort, MeasureError};
use crate::progress::Progress;
use crate::receivers::{Kind, Places};
use crate::smtp::{Message, Session};
use crate::transport::{Handshake, Security, client_config, source};

/// The growth of a receiver by connections that have delivered a message and are silent now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct IdleConnection {
    pub(crate) receiver: Kind,
    pub(crate) security: Security,
    pub(crate) connections: u32,
    /// RssAnon + RssShmem in octets, with no connection and with all of them.
    pub(crate) before: u64,
    pub(crate) after: u64,
}

impl IdleConnection {
    /// Octets for each connection.
    pub(crate) fn octets(&self) -> u64 {
        self.after.saturating_sub(self.before) / u64::from(self.connections.max(1))
    }
}

/// Measures each kind of connection on a receiver that was just started, with an ECDSA key.
pub(crate) fn measure(
    kind: Kind,
    effort: &Effort,
    places: &Places,
) -> Result<Vec<IdleConnection>, MeasureError> {
    raise_descriptor_limit();
    let kinds = [Security::Plain, Security::StartTls, Security::Implicit];
    let mut progress = Progress::of(kinds.len());
    let mut found = Vec::new();
    for security in kinds {
        progress.step(&format!("{kind}, idle connections, {security:?}"));
        let folder = plan::run_folder(places)?;
        let certificate = Certificate::make(KeyKind::EcdsaP256, folder.path())?;
        let mut receiver = plan::start(kind, &certificate, places, &folder)?;
        if security == Security::Implicit && receiver.ports.implicit.is_none() {
            continue;
        }
        let failed = |error| MeasureError::Load(kind, error);
        let tls = client_config(&certificate.der, Handshake::Full)
            .map_err(|error| failed(error.into()))?;
        thread::sleep(REST);
        let before = private_memory(receiver.root());
        let message = Message::of_size(MESSAGE_OCTETS);
        let mut sessions = Vec::new();
        for number in 0..effort.idle_connections {
            let session = Session::open(&receiver.ports, security, &tls, source(0, number.into()))
                .and_then(|mut session| session.deliver(&message).map(|()| session));
            sessions.push(session.map_err(|error| failed(error.into()))?);
        }
        thread::sleep(REST);
        receiver.settle()?;
        let after = private_memory(receiver.root());
        for session in sessions {
            session.quit().map_err(|error| failed(error.into()))?;
        }
        found.push(IdleConnection {
            receiver: kind,
            security,
            connections: effort.idle_connections,
            before,
            after,
        });
    }
    Ok(found)
}

const MESSAGE_OCTETS: usize = 1024;

/// Memory that was freed takes a moment to show.
const REST: Duration = Duration::from_secs(1);

/// Each connection is a descriptor here and one in the receiver, which inherits the limit.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where this is not allowed, the run says what it lacks.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
