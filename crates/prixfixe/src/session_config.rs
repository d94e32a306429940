//! The settings of a listener's sessions, in the two forms that there are.

use std::sync::Arc;

use prixfixe_proto::Config;

/// Settings for ordinary clients, and for those to whom the limits of a session do not apply.
#[derive(Debug, Clone)]
pub(crate) struct SessionConfig {
    limited: Arc<Config>,
    exempt: Arc<Config>,
}

impl SessionConfig {
    pub(crate) fn new(config: Config) -> Self {
        let mut exempt = config.clone();
        exempt.limits.messages = u32::MAX;
        exempt.limits.errors = u32::MAX;
        exempt.limits.idle_commands = u32::MAX;
        Self {
            limited: Arc::new(config),
            exempt: Arc::new(exempt),
        }
    }

    pub(crate) fn of(&self, exempt: bool) -> Arc<Config> {
        Arc::clone(if exempt { &self.exempt } else { &self.limited })
    }
}
