//! Patterns of accepted recipients, as the delivery knows them.

pub(crate) use prixfixe_delivery::RecipientPattern;

use super::TextSetting;

impl TextSetting for RecipientPattern {
    fn wording() -> String {
        "an address, a domain, \"*@DOMAIN\" or \"*\"".to_owned()
    }
}
