//! One server with a listener for each way to treat bare CR and LF.

use prixfixe::BareNewline;

use crate::server_process::Server;

/// Tables for the listeners, each of which has `more` beside its address and its mode.
pub(crate) fn listeners(more: &str) -> String {
    ["reject", "normalise", "accept"]
        .map(|mode| {
            format!("[[listener]]\naddress = \"127.0.0.1:0\"\nbare_newline = \"{mode}\"\n{more}")
        })
        .concat()
}

/// The same as a settings file where there is nothing else.
pub(crate) fn settings() -> String {
    format!("listen = []\n{}", listeners(""))
}

/// All modes.
pub(crate) const MODES: [BareNewline; 3] = [
    BareNewline::Reject,
    BareNewline::Normalise,
    BareNewline::Accept,
];

/// The listener for a mode.
pub(crate) fn address(server: &Server, mode: BareNewline) -> &str {
    let number = MODES.iter().position(|known| *known == mode).unwrap();
    &server.addresses[number]
}
