//! The tables, and the way from each version of them to the next.
//!
//! The text below is what SQLite keeps, comments included: `.schema` in any SQLite shell shows
//! the documentation of the file.

use rusqlite::Connection;

use super::fault::{FaultPoint, Faults};

/// The version that this program reads and writes: the number of steps.
#[expect(clippy::cast_possible_wrap, reason = "a handful of steps")]
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// "PFix": tells our file from other SQLite databases.
pub(crate) const APPLICATION_ID: i64 = 0x5046_6978;

/// Why a database is not ours to use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("the database belongs to another program")]
    Foreign,
    #[error("schema version {0} is newer than {VERSION}")]
    Newer(i64),
    #[error("schema version {0} is older than {VERSION}")]
    Older(i64),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

/// Says whether the database may be brought to the version that this program knows.
pub(crate) fn refuse_unknown(connection: &Connection) -> Result<(), SchemaError> {
    match version(connection)? {
        ..=VERSION => Ok(()),
        newer => Err(SchemaError::Newer(newer)),
    }
}

/// Says whether the database has exactly the tables that this program knows.
pub(crate) fn check(connection: &Connection) -> Result<(), SchemaError> {
    match version(connection)? {
        VERSION => Ok(()),
        older if older < VERSION => Err(SchemaError::Older(older)),
        newer => Err(SchemaError::Newer(newer)),
    }
}

/// Brings the database to [`VERSION`], one transaction for each step: whenever the process dies,
/// the file holds one whole version.
pub(crate) fn migrate(connection: &mut Connection, faults: &Faults) -> Result<(), SchemaError> {
    refuse_unknown(connection)?;
    let found = version(connection)?;
    for (step, number) in STEPS
        .iter()
        .zip(1..)
        .skip_while(|(_, number)| *number <= found)
    {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        faults.pass(FaultPoint::Migration);
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
        if found > 0 {
            tracing::info!(
                from = number - 1,
                to = number,
                "the mail database was migrated"
            );
        }
    }
    Ok(())
}

/// The version of the tables; 0 for a database in which nothing has been made yet.
fn version(connection: &Connection) -> Result<i64, SchemaError> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables = "SELECT count(*) FROM sqlite_schema";
    let empty = connection.query_one(tables, [], |row| row.get::<_, i64>(0))? == 0;
    match (application, version) {
        (APPLICATION_ID, 1..) => Ok(version),
        // A crash at the first start can leave an empty database behind.
        (0, 0) if empty => Ok(0),
        _ => Err(SchemaError::Foreign),
    }
}

/// Step *n* makes version *n* out of version *n* − 1. Steps are never changed, only added.
const STEPS: &[&str] = &[TABLES, INBOX_VIEW];

/// Version 1.
///
/// All keys ascend with time, so rows are added at the end of each tree, and storing costs the
/// same however much is stored. A body of usual size is part of its message's row, as its last
/// column: one insertion less than with a table of its own, worth 5 % of the rate for 10 KB and
/// 12 % for 1 KB. The price is that a search over all messages reads more pages.
const TABLES: &str = "
CREATE TABLE message (
    -- Microseconds since 1970 at the commit, always ascending. The text form of it is in the
    -- view inbox.
    id INTEGER PRIMARY KEY,
    -- Milliseconds since 1970.
    received_at INTEGER NOT NULL,
    -- MAIL FROM; empty for the null path.
    sender TEXT NOT NULL,
    -- HELO or EHLO, address of the client, and the WITH keyword of RFC 3848.
    helo TEXT NOT NULL,
    peer TEXT NOT NULL,
    protocol TEXT NOT NULL,
    -- The Subject header, unfolded and otherwise raw, cut when very long.
    subject TEXT,
    -- Bytes of the body, header included.
    size INTEGER NOT NULL,
    -- 7BIT, 8BITMIME or BINARYMIME, and whether SMTPUTF8 was asked for.
    body_type TEXT NOT NULL,
    smtputf8 INTEGER NOT NULL,
    -- What was noticed in the bytes. If normalised, bare line ends were made CRLF.
    bare_newline INTEGER NOT NULL,
    nul INTEGER NOT NULL,
    eight_bit INTEGER NOT NULL,
    normalised INTEGER NOT NULL,
    -- What has become of it.
    state TEXT NOT NULL DEFAULT 'stored',
    -- Header lines to put in front when it is shown; they are not part of the body.
    trace TEXT NOT NULL,
    -- Not null if the body is in the table chunk, under this number.
    upload INTEGER,
    -- The bytes as they were received.
    body BLOB,
    CHECK ((upload IS NULL) <> (body IS NULL))
) STRICT;

CREATE TABLE recipient (
    message INTEGER NOT NULL,
    -- The place in the order of RCPT TO, from 0. Every message has at least one.
    position INTEGER NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (message, position)
) STRICT, WITHOUT ROWID;

-- The bodies of large messages in pieces, stored while they come in.
CREATE TABLE chunk (
    upload INTEGER NOT NULL,
    position INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (upload, position)
) STRICT, WITHOUT ROWID;

-- Uploads that no message owns: still coming in, or on their way out. What is here when a
-- server starts is left over from a crash and is removed.
CREATE TABLE loose (
    upload INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES
    -- No message will be given this id or a lower one, even when those above are deleted.
    ('high_water', 0),
    -- Counts the test writes that find out whether the disk works again.
    ('probe', 0);
";

/// Version 2: a view for people with a SQLite shell. Programs use the tables.
const INBOX_VIEW: &str = "
CREATE VIEW inbox AS
WITH digit (letters) AS (VALUES ('0123456789ABCDEFGHJKMNPQRSTVWXYZ'))
SELECT
    -- The id as in the 250 reply: base 32, eleven digits.
    substr(letters, (id >> 50 & 31) + 1, 1) || substr(letters, (id >> 45 & 31) + 1, 1) ||
    substr(letters, (id >> 40 & 31) + 1, 1) || substr(letters, (id >> 35 & 31) + 1, 1) ||
    substr(letters, (id >> 30 & 31) + 1, 1) || substr(letters, (id >> 25 & 31) + 1, 1) ||
    substr(letters, (id >> 20 & 31) + 1, 1) || substr(letters, (id >> 15 & 31) + 1, 1) ||
    substr(letters, (id >> 10 & 31) + 1, 1) || substr(letters, (id >> 5 & 31) + 1, 1) ||
    substr(letters, (id & 31) + 1, 1) AS name,
    strftime('%Y-%m-%dT%H:%M:%fZ', received_at / 1000.0, 'unixepoch') AS received,
    sender,
    (SELECT group_concat(address, ', ') FROM recipient WHERE message = id) AS recipients,
    subject, size, state
FROM message, digit;
";

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &Faults::default()).unwrap();
        connection
    }

    #[test]
    fn migration_ends_at_the_known_version_and_is_idempotent() {
        let mut connection = fresh();
        assert_eq!(version(&connection).unwrap(), VERSION);
        migrate(&mut connection, &Faults::default()).unwrap();
        check(&connection).unwrap();
    }

    #[test]
    fn an_older_version_is_migrated_with_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        connection
            .execute("UPDATE meta SET value = 7 WHERE key = 'high_water'", [])
            .unwrap();
        assert!(matches!(check(&connection), Err(SchemaError::Older(1))));
        migrate(&mut connection, &Faults::default()).unwrap();
        check(&connection).unwrap();
        let kept: i64 = connection
            .query_one(
                "SELECT value FROM meta WHERE key = 'high_water'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(kept, 7);
    }

    #[test]
    fn a_newer_or_foreign_database_is_refused() {
        let mut connection = fresh();
        connection
            .pragma_update(None, "user_version", VERSION + 1)
            .unwrap();
        let newer = migrate(&mut connection, &Faults::default());
        assert!(matches!(newer, Err(SchemaError::Newer(found)) if found == VERSION + 1));

        connection
            .pragma_update(None, "application_id", 42)
            .unwrap();
        assert!(matches!(check(&connection), Err(SchemaError::Foreign)));

        let mut unnamed = Connection::open_in_memory().unwrap();
        unnamed.execute_batch("CREATE TABLE theirs (x)").unwrap();
        let refused = migrate(&mut unnamed, &Faults::default());
        assert!(matches!(refused, Err(SchemaError::Foreign)));
    }
}
