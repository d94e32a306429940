//! `prixfixe serve`.

use std::io;

use clap::Args;

use crate::{
    cli::{GlobalFlags, Outcome},
    commands::check_config,
    config,
    serve::{log, receiver, tls},
    setting_flags::SettingFlags,
};

/// Receive mail
///
/// Needs no file: without settings it listens on port 2525 of the loopback addresses, accepts mail
/// for everybody, relays none, and keeps it in ./prixfixe-data. SIGTERM or Ctrl-C lets transactions
/// end, then it exits.
#[derive(Debug, Args)]
#[command(after_help = "Examples: prixfixe serve\n          \
    prixfixe serve --config prixfixe.toml\n          \
    prixfixe serve --domain mx.example.com --recipients example.com --listen 0.0.0.0:25")]
pub(crate) struct Serve {
    #[command(flatten)]
    settings: SettingFlags,
}

impl Serve {
    /// Serves until a signal ends it.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        let sources = self.settings.into_sources(global.settings_file());
        let loaded = match config::load(&sources) {
            Ok(loaded) => loaded,
            Err(faults) => {
                check_config::show(faults.findings(), "")?;
                return Ok(Outcome::Misused);
            }
        };
        // Before ports are bound and folders made.
        let tls = match tls::start(&loaded) {
            Ok(tls) => tls,
            Err(faults) => {
                check_config::show(faults.findings(), "")?;
                return Ok(Outcome::Misused);
            }
        };
        let _log = log::start(&loaded.settings.log)?;
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        receiver::run(sources, loaded, tls)
            .map(|()| Outcome::Done)
            .map_err(io::Error::other)
    }
}
