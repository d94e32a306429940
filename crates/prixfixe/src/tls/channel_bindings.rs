//! What a login can be bound to, so that it is worth nothing on another connection.

use rustls::ServerConnection;

use super::{Certificate, TlsVersion};

/// The channel bindings of a connection; each is computed when it is asked for.
#[derive(Debug)]
pub(crate) struct ChannelBindings<'s> {
    pub(super) connection: &'s ServerConnection,
    pub(super) certificate: &'s Certificate,
    pub(super) version: TlsVersion,
}

const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";
const EXPORTER_LEN: usize = 32;

impl ChannelBindings<'_> {
    /// `tls-exporter` (RFC 9266). Only of TLS 1.3: below, it binds to one connection only with the
    /// extended master secret, and whether that was agreed the library does not tell.
    pub(crate) fn exporter(&self) -> Option<[u8; EXPORTER_LEN]> {
        if self.version < TlsVersion::Tls13 {
            return None;
        }
        let exported =
            self.connection
                .export_keying_material([0; EXPORTER_LEN], EXPORTER_LABEL, Some(&[]));
        exported.ok()
    }

    /// `tls-server-end-point` (RFC 5929 section 4): the hash of the server's certificate.
    pub(crate) fn server_end_point(&self) -> Option<&[u8]> {
        self.certificate.end_point()
    }
}
