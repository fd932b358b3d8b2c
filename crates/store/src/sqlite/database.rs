//! The connections to one database file.

use std::path::PathBuf;

use async_trait::async_trait;
use sqlx::{Connection as _, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::Mutex;

use super::file::DatabaseFile;
use crate::{
    engine::{Connection, Database, Holds, Trouble},
    error::StoreError,
    store::bytes,
};

/// SQLite's codes for a lock that another connection holds, a disk that fails, and one that is full.
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const FAILS: i32 = 10;
const FULL: i32 = 13;

/// A database file that is open.
pub(crate) struct SqliteDatabase {
    file: &'static DatabaseFile,
    path: PathBuf,
    /// Pages that the file may have; none for as many as the disk takes.
    pages: Option<u32>,
    readers: SqlitePool,
    /// Open as long as anyone writes: see [`DatabaseFile::anchor`].
    anchor: Mutex<Option<SqliteConnection>>,
}

impl SqliteDatabase {
    /// The file at `path`, which is up to date.
    pub(crate) async fn open(
        file: &'static DatabaseFile,
        path: PathBuf,
        pages: Option<u32>,
    ) -> Result<Self, StoreError> {
        let readers = file.readers(&path).await?;
        Ok(Self { file, path, pages, readers, anchor: Mutex::default() })
    }
}

#[async_trait]
impl<R: ?Sized + 'static> Database<R> for SqliteDatabase
where
    SqliteConnection: Holds<R>,
{
    fn name(&self) -> &'static str {
        self.file.name
    }

    fn bytes(&self) -> Option<u64> {
        Some(bytes(&self.path))
    }

    async fn connect(&self) -> Result<Box<dyn Connection<R>>, StoreError> {
        let mut conn = self.file.writer(&self.path, self.pages).await?;
        let mut anchor = self.anchor.lock().await;
        if anchor.is_none() {
            self.file.empty_log(&mut conn).await?;
            *anchor = Some(self.file.anchor(&self.path).await?);
        }
        Ok(Box::new(Writing { file: self.file, conn }))
    }

    async fn snapshot(&self) -> Result<Box<dyn Holds<R>>, StoreError> {
        Ok(Box::new(Reading(self.readers.begin().await?)))
    }

    fn trouble(&self, error: &StoreError) -> Option<Trouble> {
        match error.sqlite_code()? {
            BUSY | LOCKED => Some(Trouble::Busy),
            FAILS => Some(Trouble::Failing),
            FULL => Some(Trouble::Full),
            _ => None,
        }
    }

    fn disk_error(&self, reason: &str) -> StoreError {
        StoreError::Disk { path: self.path.clone(), reason: reason.to_owned() }
    }

    async fn left(&self) {
        if let Some(anchor) = self.anchor.lock().await.take() {
            anchor.close().await.ok();
        }
    }

    async fn close(&self) {
        self.readers.close().await;
    }
}

/// A read transaction, which ends when it is dropped.
struct Reading(Transaction<'static, Sqlite>);

impl<R: ?Sized> Holds<R> for Reading
where
    SqliteConnection: Holds<R>,
{
    fn rows(&mut self) -> &mut R {
        self.0.rows()
    }
}

struct Writing {
    file: &'static DatabaseFile,
    conn: SqliteConnection,
}

// Not checked queries: SQLite can't describe what controls transactions, nor a pragma.
#[async_trait]
impl<R: ?Sized + 'static> Connection<R> for Writing
where
    SqliteConnection: Holds<R>,
{
    async fn begin(&mut self) -> Result<&mut R, StoreError> {
        // The write lock is taken at once: a lock asked for half-way could fail in a way that can't be waited for.
        sqlx::query("begin immediate").execute(&mut self.conn).await?;
        Ok(self.conn.rows())
    }

    async fn commit(&mut self) -> Result<(), StoreError> {
        sqlx::query("commit").execute(&mut self.conn).await?;
        Ok(())
    }

    async fn checkpoint(&mut self, whole: bool) -> Result<(), StoreError> {
        if whole {
            return self.file.empty_log(&mut self.conn).await;
        }
        sqlx::query("pragma wal_checkpoint(passive)").execute(&mut self.conn).await?;
        Ok(())
    }

    async fn close(self: Box<Self>) -> Result<(), StoreError> {
        Ok(self.conn.close().await?)
    }
}
