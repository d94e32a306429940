//! `[[listener]]` and `[[bare_newline_network]]`.

use crate::config::key::{
    Missing,
    Status::{Built, BuiltExcept, Later},
};
use crate::config::section::section;
use crate::config::value::{ListenAddress, Network, Peer, choice};

section! {
    /// A listener with settings of its own, beside those of `listen`.
    pub(crate) struct ListenerKeys: Tables("listener") {
        /// Where it listens.
        address: ListenAddress = unset, Built;
        /// What it speaks.
        protocol: Protocol = "\"smtp\"", Built;
        /// When it encrypts; `"starttls"` once `tls.certificate` is set, else `"none"`.
        tls: Option<ListenerTls> = unset, Built;
        /// Whether clients can or must log in.
        auth: Auth = "\"never\"", Built;
        /// Offer the login also before TLS, where passwords travel in plain text.
        auth_without_tls: bool = "false", Built;
        /// What happens to a message with a bare CR or LF; unset, `bare_newline` decides.
        bare_newline: Option<BareNewline> = unset, Built;
        /// Clients that begin with a PROXY header, which tells the address behind them.
        proxy_protocol: Vec<Peer> = "[]", Built;
        /// Proxies that may say with XCLIENT for whom they speak, until they have named an address.
        /// Who one is, its own address says, or that of its PROXY header.
        xclient: Vec<Peer> = "[]", Built;
    }
}

section! {
    /// Clients of one network, for whom bare CR and LF are treated in another way. The smallest
    /// network that holds the client decides, before its listener.
    pub(crate) struct NetworkRule: Tables("bare_newline_network") {
        /// The clients.
        network: Network = unset, Built;
        /// What happens to a message of theirs with a bare CR or LF.
        bare_newline: BareNewline = unset, Built;
    }
}

choice! {
    /// The protocol of a listener.
    pub(crate) enum Protocol {
        /// RFC 5321.
        Smtp = "smtp",
        /// RFC 2033.
        Lmtp = "lmtp",
    }
}

choice! {
    /// When a listener encrypts.
    pub(crate) enum ListenerTls {
        /// Never.
        None = "none",
        /// When the client asks for it.
        Starttls = "starttls",
        /// From the first byte.
        Implicit = "implicit",
    }
}

choice! {
    /// Whether the clients of a listener log in.
    pub(crate) enum Auth {
        /// They cannot.
        Never = "never",
        /// They can.
        Optional = "optional",
        /// They must.
        Required = "required",
    }
}

choice! {
    /// What happens to a message with a CR or LF that is not part of a CRLF.
    pub(crate) enum BareNewline {
        /// It is refused, behind its true end.
        Reject = "reject",
        /// Each becomes a CRLF, and the message is marked.
        Normalise = "normalise",
        /// The bytes are kept.
        Accept = "accept",
    }
}
