//! Loads that went on beside something else, which judges them.

use std::path::PathBuf;

use prixfixe_load::generator::Recording;
use prixfixe_load::resources::Resources;
use prixfixe_load::result::{Measurement, Part};

use super::Lab;
use crate::stress::background_load::Ended;

impl Lab {
    /// Takes a load as a part of this name. Whether its failures are faults is for the scenario to
    /// say; its ledger is compared at the end with the servers' stores.
    pub(in crate::stress) fn record(&mut self, name: &str, load: Ended, resources: &Resources) {
        let mut figures = load.figures;
        resources.write_into(&mut figures, load.recording.began());
        self.ledgers.extend(load.ledger);
        self.take_part(name, figures, load.recording);
    }

    /// The same for one whose ledger has been compared already.
    pub(in crate::stress) fn take_part(
        &mut self,
        name: &str,
        measured: Measurement,
        recording: Recording,
    ) {
        match &mut self.whole {
            Some(whole) => whole.append(&recording),
            None => self.whole = Some(recording),
        }
        self.parts.push(Part {
            name: name.to_owned(),
            measured,
        });
    }

    /// Where the ledger of a load of this name is kept.
    pub(in crate::stress) fn ledger_of(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("ledger-{name}"))
    }
}
