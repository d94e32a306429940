//! The receiver: one thread and runtime for each core, all on the same sockets.

use std::{io, num::NonZero, pin::pin, sync::Arc, thread};

use prixfixe::{
    Domain, Handler, ListenError, PasswordFile, Server,
    auth::{PasswordFileError, PasswordFileSettings},
    tls::Tls,
};
use prixfixe_delivery::{
    AcceptFor, Discard, Recipients, StoreHandler,
    sqlite::{MinFreeDisk, OpenError, SqliteStore, StoreSettings},
};
use tokio::{
    runtime,
    sync::{Notify, oneshot},
};

use crate::{
    config::{Auto, Destination, FilePath, Loaded, Settings, Sources, Switch},
    serve::{
        admin::{AdminListener, Readiness},
        descriptors,
        listeners::listen,
        reload::Reload,
        signals::{HangUps, Signals},
        summary,
    },
};

/// Why a server could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("auth.password_file: {0}")]
    Passwords(#[from] PasswordFileError),
    #[error("domain: {0}")]
    Domain(#[from] prixfixe::proto::DomainError),
    #[error("listen: {0}")]
    Inherited(#[source] io::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("a receiver thread ended early: {0}")]
    Worker(String),
}

/// Receives mail until a signal ends it. `tls` is what the certificates of the settings were made
/// into; the sources are those that SIGHUP reads again.
pub(crate) fn run(sources: Sources, loaded: Loaded, tls: Option<Tls>) -> Result<(), RunError> {
    let settings = &loaded.settings.clone();
    let domain: Domain = settings.receiver.domain.as_str().parse()?;
    descriptors::raise_limit(settings.receiver.max_connections.get());
    // Ports first: who has the wrong port should not find a data folder made.
    let passwords = passwords(settings)?;
    let server = listen(settings, domain.clone(), tls.clone(), passwords.clone())?;
    let reload = Reload::new(sources, loaded, tls, passwords);
    let admin = AdminListener::bind(&settings.admin.listen)?;
    let recipients: Recipients = settings.receiver.recipients.patterns().cloned().collect();
    match settings.receiver.destination.as_slice() {
        [Destination::Discard] => run_with(
            settings,
            server,
            admin,
            reload,
            AcceptFor::new(recipients, Discard::new()),
            None,
        ),
        _ => {
            let opened = SqliteStore::open(&store_settings(settings))?;
            let removed = opened.recovery.removed_remains;
            if removed > 0 {
                tracing::warn!(
                    removed,
                    "removing messages that were half received at a crash"
                );
            }
            let store = opened.store;
            let handler = AcceptFor::new(recipients, StoreHandler::new(store.clone(), domain));
            run_with(settings, server, admin, reload, handler, Some(store))
        }
    }
}

fn passwords(settings: &Settings) -> Result<Option<Arc<PasswordFile>>, PasswordFileError> {
    let path = settings.auth.password_file.as_ref();
    let open =
        |path: &FilePath| PasswordFile::open(path.as_path(), PasswordFileSettings::default());
    path.map(open).transpose().map(|file| file.map(Arc::new))
}

fn run_with<H: Handler>(
    settings: &Settings,
    server: Server,
    admin: Option<AdminListener>,
    reload: Reload,
    handler: H,
    store: Option<SqliteStore>,
) -> Result<(), RunError> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // Before anybody knows that the server is there, so that no stop is a disorderly one.
    let (mut signals, hang_ups) = {
        let _runtime = runtime.enter();
        (Signals::catch()?, HangUps::catch()?)
    };
    for line in summary::lines(settings, &server.addresses(), admin.as_ref()) {
        tracing::info!("{line}");
    }
    for line in reload.certificate_lines() {
        tracing::info!("{line}");
    }
    reload.warn_of_expiry();
    let (handler, any_ended) = (Arc::new(handler), Arc::new(Notify::new()));
    let workers = (0..worker_count(settings))
        .map(|number| {
            let (server, handler) = (server.try_clone()?, Arc::clone(&handler));
            start_worker(number, server, handler, Arc::clone(&any_ended))
        })
        .collect::<io::Result<Vec<_>>>()?;
    drop(handler);
    let shutdown = server.shutdown_handle();
    // The sockets are the workers' now: one more owner would keep them open through the drain,
    // and who connected then would wait for a greeting in vain.
    drop(server);
    let accepting = {
        let shutdown = shutdown.clone();
        Arc::new(move || shutdown.is_running())
    };
    let outcome = runtime.block_on(async {
        tokio::spawn(reload.run(hang_ups));
        let (admin_stop, admin_stopped) = oneshot::channel::<()>();
        if let Some(admin) = admin {
            let readiness = Readiness {
                store: store.clone(),
                accepting,
            };
            tokio::spawn(async move {
                let stop = async { drop(admin_stopped.await) };
                if let Err(error) = admin.serve(readiness, stop).await {
                    tracing::error!(%error, "the admin listener has failed");
                }
            });
        }
        let mut asked = tokio::select! {
            signal = signals.stop() => {
                tracing::info!(signal, "stopping: waiting for transactions to end");
                true
            }
            // Better no server, which is noticed and restarted, than half of one.
            () = any_ended.notified() => {
                tracing::error!("stopping: a receiver thread has ended");
                false
            }
        };
        shutdown.drain();
        let mut ended = pin!(end(workers));
        let failed = loop {
            tokio::select! {
                failed = &mut ended => break failed,
                signal = signals.stop() => {
                    // The first signal asks for an orderly stop, also where one was under way.
                    if asked {
                        tracing::warn!(signal, "a second signal: cutting off open transactions");
                        shutdown.force();
                    }
                    asked = true;
                }
            }
        };
        if let Some(store) = store {
            store.close().await;
        }
        drop(admin_stop);
        failed.map_or(Ok(()), |reason| Err(RunError::Worker(reason)))
    });
    tracing::info!("stopped");
    outcome
}

/// Waits for the ends of all workers, and says why the first one that failed did.
async fn end(workers: Vec<Worker>) -> Option<String> {
    let mut failed = None;
    for (thread, ended) in workers {
        // Without an answer the thread has panicked, and `join` says so.
        let outcome = ended.await.unwrap_or(Ok(()));
        if let Err(error) = outcome {
            failed.get_or_insert(error);
        }
        if thread.join().is_err() {
            failed.get_or_insert("it panicked".to_owned());
        }
    }
    failed
}

type Worker = (
    thread::JoinHandle<()>,
    oneshot::Receiver<Result<(), String>>,
);

fn start_worker<H: Handler>(
    number: usize,
    server: Server,
    handler: H,
    any_ended: Arc<Notify>,
) -> io::Result<Worker> {
    let (end, ended) = oneshot::channel();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let thread = thread::Builder::new()
        .name(format!("receiver-{number}"))
        .spawn(move || {
            let _tell = NotifyOnDrop(any_ended);
            let outcome = runtime
                .block_on(server.serve(handler))
                .map_err(|error| error.to_string());
            // Whoever started this thread waits for it.
            let _ = end.send(outcome);
        })?;
    Ok((thread, ended))
}

/// Tells of the end of a thread, also of one by panic.
struct NotifyOnDrop(Arc<Notify>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

fn worker_count(settings: &Settings) -> usize {
    match &settings.receiver.workers {
        // The rest is for the store's thread and the kernel's share of the network's work;
        // `docs/benchmarks.md` has what was measured.
        Auto::Automatic => thread::available_parallelism()
            .map_or(1, NonZero::get)
            .div_ceil(2),
        Auto::Given(count) => usize::try_from(count.get()).unwrap_or(1),
    }
}

fn store_settings(settings: &Settings) -> StoreSettings {
    let mut store = StoreSettings::at(settings.store.path.as_path());
    store.min_free_disk = match &settings.store.min_free_disk {
        Auto::Automatic => MinFreeDisk::Auto,
        Auto::Given(Switch::Off) => MinFreeDisk::Off,
        Auto::Given(Switch::On(size)) => MinFreeDisk::Bytes(size.get()),
    };
    #[cfg(debug_assertions)]
    crate::serve::test_fault::arm(&mut store);
    store
}
