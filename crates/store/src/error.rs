//! What can go wrong in the store, with the way out.

use std::path::PathBuf;

use andon_plant::{AlarmId, AssetName, Timestamp};

use crate::block::BlockError;

/// The store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the database can't be made.
    #[error("the folder {path} can't be made: {source}; make it or change `store.url`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file can't be opened or created.
    #[error("{path} can't be opened: {source}; check that this user may read and write the file and its folder")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::Error,
    },
    /// A backup that was to be put back can't be moved into place.
    #[error("the backup in {path} can't be moved into place: {reason}; mend that and start again")]
    Restore {
        /// Where it is.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file is something else.
    #[error("{path} is not an SQLite database; move it away or change `store.url`")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer version.
    #[error(
        "{path} was written by a newer version (migration {migration} is not known here); start that version, or restore a backup of before it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The first migration that is not known here.
        migration: i64,
    },
    /// There is nothing to read.
    #[error("there is no store: {path} is not there; check `store.url`, or let `andon run` or `andon import` make it")]
    NoStore {
        /// The file that is missing.
        path: PathBuf,
    },
    /// The file was written by an older version, and reading alone does not change it.
    #[error("{path} was written by an older version; start `andon run` once, which brings it up to date")]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// The file's tables can't be brought up to date. Each migration is one transaction: the file is as it was.
    #[error("{path} can't be migrated: {source}; the file is unchanged, restore a backup or move it away")]
    Migrate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: sqlx::migrate::MigrateError,
    },
    /// The server can't be used.
    #[error("the database {url} can't be used: {reason}")]
    Server {
        /// Where it is, without user and password.
        url: String,
        /// Why.
        reason: String,
    },
    /// Another process has taken this one for dead, and its assets over.
    #[error("another andon has taken over: this one was not heard of for too long")]
    Fenced,
    /// There is only a part of a store.
    #[error(
        "{place} has only a part of {from}: `andon migrate` was stopped, or found differences; start it again until it says \
         that all is moved"
    )]
    Part {
        /// Where it is.
        place: String,
        /// What it is a part of.
        from: String,
    },
    /// The database refused a statement.
    #[error("the database failed: {0}")]
    Database(sqlx::Error),
    /// The disk is full or fails, and what could be done about it was of no use.
    #[error("{path} can't be written: {reason}; make room on its disk, or see whether the disk fails")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        reason: String,
    },
    /// A row breaks an invariant.
    #[error("row {id} of table {table} is broken: {reason}; restore a backup, or delete the row")]
    BrokenRow {
        /// The table.
        table: &'static str,
        /// The row's key.
        id: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The samples of one block can't be read; those of others can.
    #[error("block {block} of {tag} is broken: {source}; its samples are lost: restore a backup, or delete the block")]
    BrokenBlock {
        /// Whose samples they are.
        tag: String,
        /// The time of the block's first sample, which names it.
        block: Timestamp,
        /// What is wrong with it.
        source: BlockError,
    },
    /// A verdict has a score that is not a number; none of its batch was stored.
    #[error("the verdict on {asset} at {time} has the score {score}: only finite scores are stored")]
    NotFinite {
        /// The asset.
        asset: AssetName,
        /// The verdict's time.
        time: Timestamp,
        /// The score.
        score: f64,
    },
    /// There is no such alarm to update.
    #[error("there is no alarm {}", .0.0)]
    NoSuchAlarm(AlarmId),
    /// There is no such model to activate.
    #[error("there is no version {version} of a model of {asset}")]
    NoSuchModel {
        /// The asset.
        asset: AssetName,
        /// The version.
        version: i64,
    },
    /// A value can't be written as JSON, or what is stored can't be read as the type asked for.
    #[error("the state `{key}` can't be converted: {source}")]
    State {
        /// The key.
        key: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The store has been closed.
    #[error("the store is closed")]
    Closed,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            other => StoreError::Database(other),
        }
    }
}

impl StoreError {
    pub(crate) fn broken(table: &'static str, id: impl ToString, reason: impl ToString) -> Self {
        StoreError::BrokenRow { table, id: id.to_string(), reason: reason.to_string() }
    }

    pub(crate) fn broken_block(tag: impl ToString, first_us: i64, source: BlockError) -> Self {
        StoreError::BrokenBlock { tag: tag.to_string(), block: Timestamp::from_micros(first_us), source }
    }

    /// SQLite's primary result code, where SQLite itself refused.
    pub(crate) fn sqlite_code(&self) -> Option<i32> {
        let StoreError::Database(error) = self else { return None };
        sqlite_code(error)
    }
}

/// SQLite's primary result code: the low byte of the extended one (<https://sqlite.org/rescode.html>).
pub(crate) fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let code: i32 = error.as_database_error()?.code()?.parse().ok()?;
    Some(code & 0xFF)
}
