//! One server with a listener for each way to treat bare CR and LF.

use prixfixe::BareNewline;

use crate::server_process::Server;

/// Settings, without other tables, that listen three times.
pub(crate) const LISTENERS: &str = r#"
[[listener]]
address = "127.0.0.1:0"
bare_newline = "reject"
[[listener]]
address = "127.0.0.1:0"
bare_newline = "normalise"
[[listener]]
address = "127.0.0.1:0"
bare_newline = "accept"
"#;

/// The same settings where there are no others.
pub(crate) fn settings() -> String {
    format!("listen = []\n{LISTENERS}")
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
