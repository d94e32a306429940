//! Settings that change while the server runs: SIGHUP reads them again, and certificates are also
//! read again when their files have changed. Sessions under way go on as they are.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::Arc, time::Duration};

use prixfixe::{PasswordFile, tls::Tls};
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::{
    config::{self, CertificateSource, Faults, Loaded, Sources},
    serve::{signals::HangUps, tls},
};

/// How often the files of certificates are looked at: renewed ones are in use within seconds, and
/// a few calls of `stat` in that time are nothing.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the log says that a certificate is about to expire.
const EXPIRY_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// What can change while the server runs, and where it comes from.
pub(crate) struct Reload {
    sources: Sources,
    /// What the server was started with: all but TLS stays like this until the next start.
    started: Loaded,
    /// What TLS was last made of.
    loaded: Loaded,
    tls: Option<Tls>,
    passwords: Option<Arc<PasswordFile>>,
    /// The files when they were last read.
    read: Vec<FileIdentity>,
    /// The files when they were last looked at.
    seen: Vec<FileIdentity>,
}

impl Reload {
    /// `tls` is what the certificates of `loaded` were made into.
    pub(crate) fn new(
        sources: Sources,
        loaded: Loaded,
        tls: Option<Tls>,
        passwords: Option<Arc<PasswordFile>>,
    ) -> Self {
        let read = identities(&loaded);
        Self {
            sources,
            started: loaded.clone(),
            loaded,
            tls,
            passwords,
            seen: read.clone(),
            read,
        }
    }

    /// What is said of the certificates at the start.
    pub(crate) fn certificate_lines(&self) -> Vec<String> {
        let Some(tls) = &self.tls else {
            return vec!["TLS is not offered: there is no certificate".to_owned()];
        };
        let self_signed = self.is_self_signed();
        let line = |(index, certificate): (usize, &prixfixe::tls::Certificate)| {
            let kind = if index == 0 && self_signed {
                "self-signed certificate"
            } else {
                "certificate"
            };
            format!(
                "TLS: {kind} for {} until {}, SHA-256 fingerprint {}",
                certificate.names().join(", "),
                tls::day(certificate.not_after()),
                certificate.fingerprint()
            )
        };
        tls.certificates().iter().enumerate().map(line).collect()
    }

    /// Says which certificates have expired or are about to.
    pub(crate) fn warn_of_expiry(&self) {
        for finding in self
            .tls
            .iter()
            .flat_map(|tls| tls::expiring(&self.loaded, tls))
        {
            tracing::warn!("{finding}");
        }
    }

    /// Watches until the runtime ends.
    pub(crate) async fn run(mut self, mut hang_ups: HangUps) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut expiry = interval_at(Instant::now() + EXPIRY_EVERY, EXPIRY_EVERY);
        loop {
            // Without files nobody has to be woken for looking at them.
            let has_files = self.tls.is_some() && !self.read.is_empty();
            tokio::select! {
                () = hang_ups.next() => self.read_settings().await,
                _ = look.tick(), if has_files => self.look().await,
                _ = expiry.tick(), if self.tls.is_some() => self.warn_of_expiry(),
            }
        }
    }

    /// Reads the certificates again if their files have changed, and do not change any more: who
    /// renews them writes one file after the other.
    async fn look(&mut self) {
        let now = identities(&self.loaded);
        if now != self.read && now == self.seen {
            let loaded = self.loaded.clone();
            self.replace_certificates(loaded, "their files have changed")
                .await;
        }
        self.seen = now;
    }

    async fn read_passwords(&self) {
        let Some(file) = self.passwords.clone() else {
            return;
        };
        match blocking(move || file.reload().map(|()| file.users())).await {
            Some(Ok(users)) => tracing::info!(users, "SIGHUP: password file read again"),
            Some(Err(error)) => {
                tracing::error!("SIGHUP: auth.password_file: {error}; the users stay as they are");
            }
            None => {}
        }
    }

    async fn read_settings(&mut self) {
        self.read_passwords().await;
        let sources = self.sources.clone();
        let new = match blocking(move || config::load(&sources)).await {
            Some(Ok(new)) => new,
            Some(Err(faults)) => {
                complain(
                    "SIGHUP: the settings have faults and stay as they are",
                    &faults,
                );
                return;
            }
            None => return,
        };
        let mut restart = self.started.changed_keys(&new);
        if self.tls.is_some() && new.settings.tls.certificate.is_some() {
            restart.retain(|key| !key.starts_with("tls."));
            self.replace_certificates(new, "SIGHUP").await;
        } else {
            tracing::info!("SIGHUP: settings read again");
        }
        if !restart.is_empty() {
            let keys = restart.join(", ");
            tracing::warn!("SIGHUP: these settings change with a restart only: {keys}");
        }
    }

    async fn replace_certificates(&mut self, new: Loaded, why: &str) {
        let Some(tls) = self.tls.clone() else { return };
        // Taken before the files are read, so that no change passes unnoticed.
        let (before, files) = (identities(&self.loaded), identities(&new));
        let is_self_signed = new.settings.tls.certificate == Some(CertificateSource::SelfSigned);
        let made = (is_self_signed && self.is_self_signed())
            .then(|| tls.certificates().into_iter().next())
            .flatten();
        let replaced = blocking(move || {
            let outcome = tls::replace(&new, &tls, made.as_ref());
            (new, outcome)
        });
        match replaced.await {
            Some((new, Ok(()))) => {
                self.loaded = new;
                self.read = files;
                tracing::info!("certificates read again: {why}");
                for line in self.certificate_lines() {
                    tracing::info!("{line}");
                }
                self.warn_of_expiry();
            }
            Some((_, Err(faults))) => {
                let text = format!("certificates read again ({why}); the old ones stay in use");
                complain(&text, &faults);
                self.read = before;
            }
            None => {}
        }
    }

    fn is_self_signed(&self) -> bool {
        self.loaded.settings.tls.certificate == Some(CertificateSource::SelfSigned)
    }
}

/// Reading files and opening keys takes its time, which the admin listener is not to wait for.
/// Nothing comes back if it panicked, which is in the log then.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

fn complain(text: &str, faults: &Faults) {
    for finding in faults.findings() {
        tracing::error!("{text}: {finding}");
    }
}

/// What tells one state of a file from another; none if there is no such file.
type FileIdentity = Option<(u64, u64, u64, i64, i64)>;

fn identities(loaded: &Loaded) -> Vec<FileIdentity> {
    let identity = |path: &Path| {
        let file = fs::metadata(path).ok()?;
        Some((
            file.dev(),
            file.ino(),
            file.size(),
            file.mtime(),
            file.mtime_nsec(),
        ))
    };
    tls::files(&loaded.settings)
        .into_iter()
        .map(identity)
        .collect()
}
