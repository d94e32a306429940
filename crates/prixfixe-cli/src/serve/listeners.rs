//! The sockets that the settings name, bound or inherited.

use std::sync::Arc;

use prixfixe::{
    AuthDemand, Domain, ListenerSettings, PasswordFile, Protocol, Server, TlsMode, Verifier,
    tls::Tls,
};

use crate::{
    config::{self, Auth, ListenAddress, Listener, ListenerTls, Settings},
    serve::{
        inherited::{Inherited, InheritedSockets},
        receiver::RunError,
        session_settings,
    },
};

/// A server that listens where the settings say.
pub(crate) fn listen(
    settings: &Settings,
    domain: Domain,
    tls: Option<Tls>,
    passwords: Option<Arc<PasswordFile>>,
) -> Result<Server, RunError> {
    let mut server = session_settings::server(settings, domain, tls);
    server.verifier = passwords.map(|file| file as Arc<dyn Verifier>);
    let mut server = Server::new(server);
    let mut inherited = InheritedSockets::from_environment();
    for listener in &settings.listeners {
        let own = listener_settings(settings, listener);
        match &listener.address {
            ListenAddress::Tcp(address) => {
                server.listen_tcp(address, own)?;
            }
            ListenAddress::Unix(path) => server.listen_unix(path, own)?,
            ListenAddress::Inherited(which) => {
                for socket in inherited.take(which).map_err(RunError::Inherited)? {
                    match socket {
                        Inherited::Tcp(listener) => server.adopt_tcp(listener, own.clone())?,
                        Inherited::Unix(listener) => server.adopt_unix(listener, own.clone())?,
                    }
                }
            }
        }
    }
    Ok(server)
}

fn listener_settings(settings: &Settings, listener: &Listener) -> ListenerSettings {
    let mut own = ListenerSettings::default();
    own.backlog = Some(settings.receiver.listen_backlog.get());
    own.quirks = Some(session_settings::quirks(settings, listener.bare_newline));
    own.protocol = match listener.protocol {
        config::Protocol::Smtp => Protocol::Smtp,
        config::Protocol::Lmtp => Protocol::Lmtp,
    };
    own.tls = match listener.tls {
        ListenerTls::None => TlsMode::None,
        ListenerTls::Starttls => TlsMode::StartTls,
        ListenerTls::Implicit => TlsMode::Implicit,
    };
    own.auth.demand = match listener.auth {
        Auth::Never => AuthDemand::Never,
        Auth::Optional => AuthDemand::Optional,
        Auth::Required => AuthDemand::Required,
    };
    own.auth.without_tls = listener.auth_without_tls;
    own.proxy_protocol.clone_from(&listener.proxy_protocol);
    own.xclient.clone_from(&listener.xclient);
    own
}
