//! `prixfixe check-config`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;

use crate::cli::{GlobalFlags, Outcome};
use crate::config::{self, Excerpt, Finding, Loaded};
use crate::serve::tls;
use crate::setting_flags::SettingFlags;

/// Say everything that is wrong with the settings, each with its key and line
///
/// Reads what `serve` would read: the file, the environment and the flags, and the certificates that
/// they name. Exit code 0 when the settings hold, 2 when they do not.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples: prixfixe check-config prixfixe.toml\n          \
    prixfixe check-config prixfixe.toml --print\n          \
    SMTP_PORT=25 prixfixe check-config --set limits.command_errors=5 --print"
)]
pub(crate) struct CheckConfig {
    /// The settings file, as --config FILE
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Print the settings in force as a file, with a comment where each came from
    #[arg(long)]
    print: bool,

    #[command(flatten)]
    settings: SettingFlags,
}

impl CheckConfig {
    /// Checks the settings.
    pub(crate) fn run(self, global: &GlobalFlags) -> io::Result<Outcome> {
        if self.file.is_some() && global.config.is_some() {
            let text = "check-config: two files are given; name it once, as FILE or by --config";
            writeln!(io::stderr(), "{text}")?;
            return Ok(Outcome::Misused);
        }
        let file = self.file.or_else(|| global.settings_file());
        let sources = self.settings.into_sources(file);
        let checked = config::load(&sources).and_then(|loaded| {
            let tls = tls::start(&loaded)?;
            let expiring = tls.map(|tls| tls::expiring(&loaded, &tls));
            Ok((loaded, expiring.unwrap_or_default()))
        });
        match checked {
            Ok((loaded, expiring)) => {
                show(&loaded.warnings, "warning: ")?;
                show(&expiring, "warning: ")?;
                if self.print {
                    io::stdout().write_all(loaded.to_toml().as_bytes())?;
                } else {
                    io::stdout().write_all(summary(&loaded).as_bytes())?;
                }
                Ok(Outcome::Done)
            }
            Err(faults) => {
                show(faults.findings(), "")?;
                let plural = if faults.findings().len() == 1 {
                    ""
                } else {
                    "s"
                };
                writeln!(io::stderr(), "{} fault{plural}", faults.findings().len())?;
                Ok(Outcome::Misused)
            }
        }
    }
}

/// Prints findings for whoever reads: with the line for a human, one on a line for a program.
pub(crate) fn show(findings: &[Finding], prefix: &str) -> io::Result<()> {
    let mut out = io::stderr().lock();
    for finding in findings {
        if out.is_terminal() {
            writeln!(out, "{prefix}{}", Excerpt(finding))?;
        } else {
            writeln!(out, "{prefix}{finding}")?;
        }
    }
    Ok(())
}

fn summary(loaded: &Loaded) -> String {
    let settings = &loaded.settings;
    let receiver = &settings.receiver;
    let listeners = settings
        .listeners
        .iter()
        .map(|listener| listener.address.to_string());
    let destinations = receiver
        .destination
        .as_slice()
        .iter()
        .map(ToString::to_string);
    format!(
        "ok\n  {} listens on {}\n  accepts up to {} for {} recipient pattern(s), on up to {} connections\n  mail goes to {}\n",
        receiver.domain,
        listeners.collect::<Vec<_>>().join(", "),
        receiver.max_message_size,
        receiver.recipients.patterns().count(),
        receiver.max_connections,
        destinations.collect::<Vec<_>>().join(", "),
    )
}
