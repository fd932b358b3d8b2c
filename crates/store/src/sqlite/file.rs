//! One database file: its settings, its migrations, and what is refused.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions, Connection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::error::{StoreError, sqlite_code};

/// SQLite's code for a file that is not a database.
const NOT_A_DATABASE: i32 = 26;
/// A disk that fails, or has no room for the index of the log.
const DISK_FAILS: i32 = 10;
const DISK_FULL: i32 = 13;
/// How long SQLite itself waits for another process's lock before it says busy.
const BUSY: Duration = Duration::from_secs(5);
/// The same for the writer, which then tries again for as long as it takes and says so in the log.
const WRITER_BUSY: Duration = Duration::from_secs(1);
const READERS: u32 = 4;
/// The log is emptied into the file once it has this many bytes.
const LOG: u32 = 4 << 20;
/// Rows that SQLite's thread may be ahead of a reader: fewer would have the two wait for each other all the time.
const READ_AHEAD: usize = 1_024;

/// One of the store's two files.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    /// What it is called in logs and metrics.
    pub(crate) name: &'static str,
    pub(crate) migrations: Migrator,
    synchronous: SqliteSynchronous,
    /// Bytes of a page in a new file; one that was made with others keeps them.
    page: u32,
}

/// Alarms, models and state. `synchronous = full`: with a WAL every commit is flushed to the disk, so a transition that was
/// acknowledged survives kill -9 and power loss. Commits are few and small here.
pub(crate) static MAIN: DatabaseFile = DatabaseFile {
    name: "main",
    migrations: sqlx::migrate!("../../migrations/sqlite/main"),
    synchronous: SqliteSynchronous::Full,
    page: 4_096,
};

/// Samples and scores. `synchronous = full` here too: what was acknowledged as stored survives power loss. Whoever waits in the
/// queue shares a commit, so a slow disk makes commits larger and not the queue longer; at ten a second it is 7 % of the
/// time on a disk that takes 7 ms to flush (<https://sqlite.org/pragma.html#pragma_synchronous>).
pub(crate) static SAMPLES: DatabaseFile = DatabaseFile {
    name: "samples",
    migrations: sqlx::migrate!("../../migrations/sqlite/samples"),
    synchronous: SqliteSynchronous::Full,
    // A block's data ends in a page that it shares with what fits beside it: pages of half the usual size waste half as much, 5 % of
    // the file.
    page: 2_048,
};

impl DatabaseFile {
    /// Refuses a file that is not SQLite or was written by a newer version, and changes nothing.
    pub(crate) async fn inspect(&self, path: &Path) -> Result<(), StoreError> {
        if !path.exists() {
            return Ok(());
        }
        let applied = applied_migrations(path).await.map_err(|source| opening(path, source))?;
        match applied.into_iter().find(|version| !self.migrations.version_exists(*version)) {
            Some(migration) => Err(StoreError::Newer { path: path.to_owned(), migration }),
            None => Ok(()),
        }
    }

    /// Whether the tables are up to date.
    pub(crate) async fn is_current(&self, path: &Path) -> Result<bool, StoreError> {
        let applied = applied_migrations(path).await.map_err(|source| opening(path, source))?;
        Ok(self.migrations.iter().all(|migration| applied.contains(&migration.version)))
    }

    /// Brings the tables up to date; each migration is one transaction.
    pub(crate) async fn migrate(&self, path: &Path) -> Result<(), StoreError> {
        let mut conn = self.options(path).connect().await.map_err(|source| opening(path, source))?;
        let done = self.migrations.run(&mut conn).await;
        done.map_err(|source| StoreError::Migrate { path: path.to_owned(), source })?;
        Ok(conn.close().await?)
    }

    /// The writer's connection, which lets the file have so many pages at most.
    pub(crate) async fn writer(&self, path: &Path, pages: Option<u32>) -> Result<SqliteConnection, StoreError> {
        // The file was made when it was migrated: one that has vanished since is an error, not a new empty one.
        let mut options = self.options(path).create_if_missing(false).busy_timeout(WRITER_BUSY);
        if let Some(pages) = pages {
            options = options.pragma("max_page_count", pages.to_string());
        }
        Ok(options.connect().await?)
    }

    /// The log, written into the file: at the start, so that what a process left in it that was killed after a flush had failed
    /// is not built upon. Such a log looks whole, and the disk may have only a part of it.
    pub(crate) async fn empty_log(&self, writer: &mut SqliteConnection) -> Result<(), StoreError> {
        // Not a checked query: SQLite can't describe a pragma. Where another process reads, the log is not lost sight of.
        sqlx::query("pragma wal_checkpoint(truncate)").execute(writer).await?;
        Ok(())
    }

    /// A connection that keeps the index of the log alive while the writer is replaced. Without it SQLite would read the log
    /// anew, and take for committed what a failed flush left in it, which the next power cut undoes with all that follows.
    pub(crate) async fn anchor(&self, path: &Path) -> Result<SqliteConnection, StoreError> {
        let mut conn = self.reader(path).connect().await?;
        // The log is opened by the first read.
        sqlx::query("select 1 from sqlite_master limit 1").fetch_optional(&mut conn).await?;
        Ok(conn)
    }

    /// A small pool that can only read. With a WAL it never waits for the writer, nor the writer for it.
    pub(crate) async fn readers(&self, path: &Path) -> Result<SqlitePool, StoreError> {
        let pool = SqlitePoolOptions::new().max_connections(READERS);
        Ok(pool.connect_with(self.reader(path)).await?)
    }

    /// A connection that can only read.
    pub(crate) fn reader(&self, path: &Path) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
        options.row_buffer_size(READ_AHEAD).disable_statement_logging()
    }

    pub(crate) fn options(&self, path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .page_size(self.page)
            .journal_mode(SqliteJournalMode::Wal)
            // In a new file, pages that became free can be given back; one made without this stays as it is.
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .synchronous(self.synchronous)
            .foreign_keys(true)
            .busy_timeout(BUSY)
            .pragma("wal_autocheckpoint", (LOG / self.page).to_string())
            // A log that grew while a reader held it is cut back instead of kept for good.
            .pragma("journal_size_limit", "67108864")
            .disable_statement_logging()
    }
}

/// The versions of the migrations a file has had, oldest first; none where it has no tables yet.
async fn applied_migrations(path: &Path) -> Result<Vec<i64>, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY);
    let mut conn = options.disable_statement_logging().connect().await?;
    // These two are not checked queries: the table is sqlx's own and not there in a new file.
    let migrated = sqlx::query("select 1 from sqlite_master where type = 'table' and name = '_sqlx_migrations'")
        .fetch_optional(&mut conn)
        .await?;
    let versions = match migrated {
        Some(_) => {
            sqlx::query_scalar("select version from _sqlx_migrations order by version").fetch_all(&mut conn).await?
        }
        None => Vec::new(),
    };
    conn.close().await?;
    Ok(versions)
}

fn opening(path: &Path, source: sqlx::Error) -> StoreError {
    let path = path.to_owned();
    match sqlite_code(&source) {
        Some(NOT_A_DATABASE) => StoreError::NotADatabase { path },
        Some(DISK_FAILS | DISK_FULL) => StoreError::Disk { path, reason: source.to_string() },
        _ => StoreError::Open { path, source },
    }
}
