//! Networks of clients, as the library knows them.

pub(crate) use prixfixe::{Network, PeerPattern as Peer};

use super::TextSetting;

impl TextSetting for Network {
    fn wording() -> String {
        "a network, such as \"10.0.0.0/8\"".to_owned()
    }
}

impl TextSetting for Peer {
    fn wording() -> String {
        "a network, such as \"10.0.0.0/8\", or \"unix\"".to_owned()
    }
}
