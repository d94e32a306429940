//! The store as its users hold it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{mpsc, oneshot};

use super::database::{Database, enable_wal};
use super::disk::Disk;
use super::error::Cause;
use super::fault::{FaultPoint, Faults};
use super::folder::{FolderError, LockedFolder, database_file};
use super::gathered::Pieces;
use super::health::Health;
use super::incoming::Incoming;
use super::keeper::Keeper;
use super::queue::Request;
use super::schema::{self, SchemaError};
use super::settings::StoreSettings;
use super::shared::Shared;
use super::writer::{Writer, WriterState};
use crate::{IdSequence, MessageId};

/// Keeps accepted mail in one SQLite file, each message durable before it is answered.
///
/// A handle; clones share the store. The order of calls: [`open`](Self::open), then for each
/// message [`incoming`](Self::incoming), [`Incoming::write`] for its bytes and
/// [`Incoming::commit`]; at the end [`close`](Self::close).
///
/// Two threads belong to it. One writes: it puts all messages that are ready into one
/// transaction, so they share a sync. The other copies the write-ahead log into the database
/// beside that. What a message goes through is in `docs/durability.md`.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    queue: mpsc::Sender<Request>,
    shared: Arc<Shared>,
    pieces: Arc<Pieces>,
    disk: Disk,
    writer: Mutex<Option<JoinHandle<()>>>,
}

/// A store that has just been opened.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The store, ready to take mail.
    pub store: SqliteStore,
    /// What had to be put right.
    pub recovery: Recovery,
}

/// What an opened store found from a server that had not ended in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Messages that had been half received or half deleted. Their remains are removed from
    /// now on, a few MiB at a time and between commits, so that nobody need wait for it.
    pub removed_remains: usize,
}

impl SqliteStore {
    /// Opens the store in a folder, making it if need be, and starts its threads.
    ///
    /// Blocks on the disk; it is meant for the start of a program.
    pub fn open(settings: &StoreSettings) -> Result<Opened, OpenError> {
        let path = &settings.path;
        let folder = LockedFolder::open(path).map_err(|error| OpenError::folder(path, error))?;
        let faults = Faults::new(settings.fault);
        let database = Database::new(database_file(path), settings.durability);
        let connection = open_database(&folder, &database, &faults)
            .map_err(|error| error.into_open_error(&database))?;
        let (ids, remains) = read_state(&connection)
            .map_err(|error| Trouble::from(error).into_open_error(&database))?;
        let recovery = Recovery {
            removed_remains: remains.len(),
        };

        let shared = Arc::new(Shared::new(ids, faults, remains));
        let disk = Disk::new(path.clone(), settings.min_free_disk);
        let (sender, queue) = mpsc::channel(QUEUE_LENGTH);
        let keeper = Keeper::start(database.clone(), Arc::clone(&shared), sender.downgrade())
            .map_err(OpenError::Thread)?;
        let writer = Writer {
            database,
            connection,
            queue,
            shared: Arc::clone(&shared),
            keeper,
            disk: disk.clone(),
            folder,
            state: WriterState::default(),
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(OpenError::Thread)?;
        let inner = Inner {
            queue: sender,
            shared,
            pieces: Arc::default(),
            disk,
            writer: Mutex::new(Some(thread)),
        };
        Ok(Opened {
            store: Self {
                inner: Arc::new(inner),
            },
            recovery,
        })
    }

    /// Begins a message. Nothing is stored, and no memory taken, until it is written to.
    pub fn incoming(&self) -> Incoming {
        Incoming::new(self.clone())
    }

    /// The names that this store gives, for those who name messages that it does not keep.
    pub fn ids(&self) -> &IdSequence {
        &self.shared().ids
    }

    /// Whether the store can take mail. Cheap enough for every request of a health check.
    pub fn health(&self) -> Health {
        let closed = self.inner.queue.is_closed();
        let space = self.inner.disk.space().ok();
        let health = self.shared().condition.health(space, closed);
        if !health.writable && !self.shared().condition.is_failing() {
            // The disk has become low while no mail came. The writer looks closer, and from then
            // on is asked every second. A full queue makes it look, too.
            let _ = self.inner.queue.try_send(Request::Probe);
        }
        health
    }

    /// Ends the store: what is queued is stored and answered, whatever comes after is refused
    /// with [`StoreError::Closed`](super::StoreError::Closed), the log is copied into the
    /// database, and the folder is free for the next. Messages that were begun and not committed
    /// are gone. Closing twice is no error.
    ///
    /// A store whose last handle is dropped ends the same way, but nobody can wait for it.
    pub async fn close(&self) {
        let (done, ended) = oneshot::channel();
        // Both fail only where the writer has ended already, and that is what we want.
        if self.inner.queue.send(Request::Close(done)).await.is_ok() {
            let _ = ended.await;
        }
        let thread = self
            .inner
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The answer was the last thing the thread did, so this does not wait.
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the store's writer thread had died");
        }
    }

    pub(crate) fn queue(&self) -> &mpsc::Sender<Request> {
        &self.inner.queue
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn pieces(&self) -> &Arc<Pieces> {
        &self.inner.pieces
    }
}

impl fmt::Debug for SqliteStore {
    /// Shows what is known already: whoever logs a store does not ask the disk.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("closed", &self.inner.queue.is_closed())
            .field("condition", &self.shared().condition)
            .finish_non_exhaustive()
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another server has it.
    #[error("{path}: the mail store is in use by another process; stop that server, or give this one another [store] path", path = .0.display())]
    Locked(PathBuf),
    /// The data folder cannot be made, or its files cannot be opened.
    #[error("{path}: the data folder cannot be used: {error}", path = .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// There is no store there.
    #[error("{path}: there is no mail store here", path = .0.display())]
    Missing(PathBuf),
    /// The file is not an SQLite database, or its start is damaged.
    #[error("{path}: this is not an SQLite database; move it away, or give another [store] path", path = .0.display())]
    NotADatabase(PathBuf),
    /// The database was made by another program.
    #[error("{path}: this database belongs to another program; give another [store] path", path = .0.display())]
    Foreign(PathBuf),
    /// The store was made by a newer version of this program.
    #[error("{path}: the mail store has schema version {found}, and this program knows none above {known}; run the newer program, or give another [store] path", path = .path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// The store has to be migrated, which only a server does.
    #[error("{path}: the mail store has schema version {found}; start the server once to bring it to {known}", path = .path.display())]
    Older {
        /// The database file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The one that this program reads.
        known: i64,
    },
    /// The file system lacks what write-ahead logging needs.
    #[error("{path}: the file system does not support write-ahead logging; use a local one", path = .0.display())]
    NoWal(PathBuf),
    /// The database reported an error.
    #[error("{path}: {cause}", path = .path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What it said.
        #[source]
        cause: Cause,
    },
    /// No thread could be started.
    #[error("no thread for the mail store could be started: {0}")]
    Thread(#[source] io::Error),
}

impl OpenError {
    fn folder(path: &std::path::Path, error: FolderError) -> Self {
        match error {
            FolderError::Locked => Self::Locked(path.to_owned()),
            FolderError::Io(error) => Self::Folder {
                path: path.to_owned(),
                error,
            },
        }
    }
}

/// What can go wrong with the database file, before it is said to which file it happened.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum Trouble {
    #[error("no write-ahead log")]
    NoWal,
    Schema(#[from] SchemaError),
    Sqlite(#[from] rusqlite::Error),
    Io(#[from] io::Error),
}

impl Trouble {
    pub(crate) fn into_open_error(self, database: &Database) -> OpenError {
        let path = database.file().to_owned();
        let known = schema::VERSION;
        match self {
            Self::NoWal => OpenError::NoWal(path),
            Self::Io(error) => OpenError::Folder { path, error },
            Self::Schema(SchemaError::Foreign) => OpenError::Foreign(path),
            Self::Schema(SchemaError::Newer(found)) => OpenError::Newer { path, found, known },
            Self::Schema(SchemaError::Older(found)) => OpenError::Older { path, found, known },
            Self::Sqlite(error) | Self::Schema(SchemaError::Sqlite(error)) => {
                match error.sqlite_error_code() {
                    Some(ErrorCode::NotADatabase) => OpenError::NotADatabase(path),
                    _ => OpenError::Database {
                        path,
                        cause: error.into(),
                    },
                }
            }
        }
    }
}

fn open_database(
    folder: &LockedFolder,
    database: &Database,
    faults: &Faults,
) -> Result<Connection, Trouble> {
    folder.make_database_file()?;
    faults.pass(FaultPoint::EmptyFile);
    let mut connection = database.open_to_write()?;
    // Before anything is changed in a file that may not be ours.
    schema::refuse_unknown(&connection)?;
    if !enable_wal(&connection)? {
        return Err(Trouble::NoWal);
    }
    schema::migrate(&mut connection, faults)?;
    folder.sync()?;
    Ok(connection)
}

/// Where the names go on, and the uploads that nobody owns.
fn read_state(connection: &Connection) -> rusqlite::Result<(IdSequence, Vec<MessageId>)> {
    let last: i64 = connection.query_one(
        "SELECT max(
            (SELECT value FROM meta WHERE key = 'high_water'),
            coalesce((SELECT max(id) FROM message), 0),
            coalesce((SELECT max(upload) FROM chunk), 0),
            coalesce((SELECT max(upload) FROM loose), 0)
        )",
        [],
        |row| row.get(0),
    )?;
    let mut loose = connection.prepare("SELECT upload FROM loose")?;
    let uploads = loose.query_map([], |row| row.get::<_, i64>(0))?;
    // What is no name was not written by us, and is left alone.
    let remains = uploads
        .filter_map(|upload| {
            upload
                .map(|number| MessageId::try_from(number).ok())
                .transpose()
        })
        .collect::<rusqlite::Result<_>>()?;
    Ok((IdSequence::after(MessageId::try_from(last).ok()), remains))
}

/// Requests that wait for the writer: a full batch while another is being written. Beyond that,
/// those who bring mail wait for a place, in their order.
const QUEUE_LENGTH: usize = 256;
