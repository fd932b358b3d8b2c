//! The store as its callers see it.
//!
//! `alarms`, `blocks`, `histories`, `restart`, `sealing`, `walk` and `writing` hold for every engine: they say what they need by
//! the functions here, and the other engine's tests include them as they are. The other modules are about SQLite's files.

mod alarms;
mod backup;
mod blocks;
mod crash;
mod doctor;
mod files;
mod fixtures;
mod full;
mod histories;
mod moving;
mod queries;
mod refusals;
mod restart;
mod sealing;
mod walk;
mod writing;

use std::path::Path;

use fixtures::*;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use crate::{Histories, SeriesQuery, SqliteUrl, Store, StoreError};

fn url(folder: &TempDir) -> SqliteUrl {
    SqliteUrl::at(folder.path().join("andon.db")).unwrap()
}

async fn try_open(folder: &TempDir) -> Result<Store, StoreError> {
    Store::open(&url(folder), &TaskTracker::new()).await
}

/// A place for a store.
fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn open(folder: &TempDir) -> Store {
    open_in(folder, &TaskTracker::new()).await
}

async fn open_in(folder: &TempDir, tasks: &TaskTracker) -> Store {
    Store::open(&url(folder), tasks).await.unwrap()
}

async fn histories(folder: &TempDir) -> Histories {
    Histories::open(&url(folder)).await.unwrap()
}

async fn file(folder: &TempDir, table: &str) -> SqliteConnection {
    let main = ["alarm", "alarm_contribution", "journal", "model", "state"].contains(&table);
    let name = if main { "andon.db" } else { "andon.samples.db" };
    options(&folder.path().join(name)).connect().await.unwrap()
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).foreign_keys(false)
}

/// Changes a file behind the store's back.
async fn meddle(folder: &TempDir, file: &str, sql: &'static str) {
    let mut conn = options(&folder.path().join(file)).connect().await.unwrap();
    sqlx::query(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// Has the database refuse to `insert` a row into a table or to `delete` one, where `when` says so.
async fn refuse(folder: &TempDir, event: &str, table: &str, when: &str) {
    let sql = format!(
        "create trigger no before {event} on {table} when {when} begin select raise(abort, 'no'); end",
        when = if when.is_empty() { "true" } else { when }
    );
    change(folder, table, sql).await;
}

/// Has it refuse no longer.
async fn allow(folder: &TempDir, table: &str) {
    change(folder, table, "drop trigger no".to_owned()).await;
}

/// Changes a table behind the store's back.
async fn change(folder: &TempDir, table: &str, sql: String) {
    let mut conn = file(folder, table).await;
    sqlx::query(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// A number that SQL computes of a table.
async fn number(folder: &TempDir, table: &str, sql: &str) -> i64 {
    let mut conn = file(folder, table).await;
    let number = sqlx::query_scalar(AssertSqlSafe(format!("select {sql} from {table}"))).fetch_one(&mut conn).await;
    conn.close().await.unwrap();
    number.unwrap()
}

/// How many rows a table has.
async fn count(folder: &TempDir, table: &str) -> i64 {
    number(folder, table, "count(*)").await
}

/// Breaks the bytes of the blocks or batches that `which` says.
async fn break_data(folder: &TempDir, table: &str, which: &str) {
    let sql = match table {
        "block" => {
            format!("update block_data set data = x'01ff' where id in (select data_id from block where {which})")
        }
        _ => format!("update {table} set data = x'01ff' where {which}"),
    };
    change(folder, table, sql).await;
}
