//! The table of keys, section by section, and the settings made of it.

mod limits;
mod listener;
mod operation;
mod receiver;
mod store;
mod timeouts;
mod tls;

pub(crate) use limits::Limits;
pub(crate) use listener::{Auth, BareNewline, ListenerKeys, ListenerTls, NetworkRule, Protocol};
pub(crate) use operation::{Admin, Log, LogFormat, LogLevel};
pub(crate) use receiver::Receiver;
pub(crate) use store::Store;
pub(crate) use timeouts::Timeouts;
pub(crate) use tls::{AuthKeys, ClientCertificates, Sni, Tls, TlsVersion};

use super::key::{Key, Shape};
use super::place::Place;
use super::reader::{Reader, Row};
use super::section::Section;
use super::value::{ListenAddress, Peer};

/// All settings of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The keys at the top of the file.
    pub(crate) receiver: Receiver,
    /// Those of `listen` and then those of `[[listener]]`; never empty.
    pub(crate) listeners: Vec<Listener>,
    /// `[[bare_newline_network]]`.
    pub(crate) bare_newline_networks: Vec<NetworkRule>,
    /// `[tls]`.
    pub(crate) tls: Tls,
    /// `[[tls.sni]]`.
    pub(crate) sni: Vec<Sni>,
    /// `[auth]`.
    pub(crate) auth: AuthKeys,
    /// `[store]`.
    pub(crate) store: Store,
    /// `[limits]`.
    pub(crate) limits: Limits,
    /// `[timeouts]`.
    pub(crate) timeouts: Timeouts,
    /// `[admin]`.
    pub(crate) admin: Admin,
    /// `[log]`.
    pub(crate) log: Log,
}

/// A listener with nothing left open: what it does not say itself is filled in from the rest of
/// the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Where it listens.
    pub(crate) address: ListenAddress,
    /// What it speaks.
    pub(crate) protocol: Protocol,
    /// When it encrypts.
    pub(crate) tls: ListenerTls,
    /// Whether clients log in.
    pub(crate) auth: Auth,
    /// Whether they may do so in plain text.
    pub(crate) auth_without_tls: bool,
    /// What happens to bare CR and LF.
    pub(crate) bare_newline: BareNewline,
    /// Who speaks the PROXY protocol.
    pub(crate) proxy_protocol: Vec<Peer>,
    /// Who may send XCLIENT.
    pub(crate) xclient: Vec<Peer>,
    /// Where it comes from; [`Place::Default`] for the two that nobody asked for.
    pub(crate) place: Place,
}

/// All sections as they were read, before they are put together.
pub(crate) struct Sections {
    pub(crate) receiver: Receiver,
    pub(crate) listeners: Vec<Row<ListenerKeys>>,
    pub(crate) networks: Vec<Row<NetworkRule>>,
    pub(crate) tls: Tls,
    pub(crate) sni: Vec<Row<Sni>>,
    pub(crate) auth: AuthKeys,
    pub(crate) store: Store,
    pub(crate) limits: Limits,
    pub(crate) timeouts: Timeouts,
    pub(crate) admin: Admin,
    pub(crate) log: Log,
}

impl Sections {
    /// Every table, in the order of the documentation.
    pub(crate) const SHAPES: &'static [Shape] = &[
        Receiver::SHAPE,
        ListenerKeys::SHAPE,
        NetworkRule::SHAPE,
        Tls::SHAPE,
        Sni::SHAPE,
        AuthKeys::SHAPE,
        Store::SHAPE,
        Limits::SHAPE,
        Timeouts::SHAPE,
        Admin::SHAPE,
        Log::SHAPE,
    ];

    /// Every key of every table.
    pub(crate) fn keys() -> impl Iterator<Item = &'static Key> {
        Self::SHAPES.iter().flat_map(|shape| shape.keys)
    }

    /// Reads all sections. Tables with a missing key are left out; that fault ends the load.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let receiver = Receiver::read(reader);
        let listeners = reader.read_rows();
        let networks = reader.read_rows();
        let tls = Tls::read(reader);
        let sni = reader.read_rows();
        let auth = AuthKeys::read(reader);
        let store = Store::read(reader);
        let limits = Limits::read(reader);
        let timeouts = Timeouts::read(reader);
        let admin = Admin::read(reader);
        let log = Log::read(reader);
        Some(Self {
            receiver: receiver?,
            listeners,
            networks,
            tls: tls?,
            sni,
            auth: auth?,
            store: store?,
            limits: limits?,
            timeouts: timeouts?,
            admin: admin?,
            log: log?,
        })
    }

    /// Puts the sections together. `listen_place` is where `listen` was given.
    pub(crate) fn into_settings(self, listen_place: &Place) -> Settings {
        let tls_default = match self.tls.certificate {
            Some(_) => ListenerTls::Starttls,
            None => ListenerTls::None,
        };
        let bare_newline = self.receiver.bare_newline;
        let short = self.receiver.listen.iter().map(|address| Listener {
            address: address.clone(),
            protocol: Protocol::Smtp,
            tls: tls_default,
            auth: Auth::Never,
            auth_without_tls: false,
            bare_newline,
            proxy_protocol: Vec::new(),
            xclient: Vec::new(),
            place: listen_place.clone(),
        });
        let long = self.listeners.into_iter().map(|row| Listener {
            address: row.keys.address,
            protocol: row.keys.protocol,
            tls: row.keys.tls.unwrap_or(tls_default),
            auth: row.keys.auth,
            auth_without_tls: row.keys.auth_without_tls,
            bare_newline: row.keys.bare_newline.unwrap_or(bare_newline),
            proxy_protocol: row.keys.proxy_protocol,
            xclient: row.keys.xclient,
            place: row.place,
        });
        let listeners = short.chain(long).collect();
        Settings {
            listeners,
            receiver: self.receiver,
            bare_newline_networks: self.networks.into_iter().map(|row| row.keys).collect(),
            tls: self.tls,
            sni: self.sni.into_iter().map(|row| row.keys).collect(),
            auth: self.auth,
            store: self.store,
            limits: self.limits,
            timeouts: self.timeouts,
            admin: self.admin,
            log: self.log,
        }
    }
}
