//! The store's own tests on PostgreSQL: the same files that SQLite is tested with, each test in a schema of its own.
//!
//! They need a server that `ANDON_TEST_POSTGRES` names; nextest starts one (`.config/nextest.toml`), and so does `make test`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that can't go on has failed")]

#[path = "../../../store/src/tests/alarms.rs"]
mod alarms;
#[path = "../../../store/src/tests/blocks.rs"]
mod blocks;
#[path = "../../../store/src/tests/fixtures.rs"]
mod fixtures;
#[path = "../../../store/src/tests/histories.rs"]
mod histories;
mod moving;
mod partitions;
mod queries;
#[path = "../../../store/src/tests/restart.rs"]
mod restart;
#[path = "../../../store/src/tests/sealing.rs"]
mod sealing;
mod server;
mod sharing;
#[path = "../../../store/src/tests/walk.rs"]
mod walk;
#[path = "../../../store/src/tests/writing.rs"]
mod writing;

use std::sync::atomic::{AtomicU32, Ordering};

// What the included files name as the crate's own.
pub(crate) use andon_store::{
    AlarmFilter, AlarmOrder, AlarmQuery, BlockError, Histories, KeepSince, ModelInfo, NewModel, Pruned, SeriesQuery,
    Store, StoreError, StoreUrl,
};
use fixtures::*;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio_util::task::TaskTracker;

/// A schema of the test server.
struct Schema {
    name: String,
}

fn server() -> String {
    std::env::var("ANDON_TEST_POSTGRES")
        .expect("ANDON_TEST_POSTGRES names no server: run `make test`, or start one with scripts/postgres.sh")
}

/// A place for a store.
fn folder() -> Schema {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Schema { name: format!("andon_{}_{number}", std::process::id()) }
}

impl Schema {
    fn url(&self) -> String {
        let server = server();
        let mark = if server.contains('?') { '&' } else { '?' };
        format!("{server}{mark}options=-csearch_path={0}&application_name={0}", self.name)
    }

    async fn connect(&self) -> PgConnection {
        let mut conn = PgConnection::connect(&server()).await.unwrap();
        let sql = AssertSqlSafe(format!("create schema if not exists {0}; set search_path to {0}", self.name));
        sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
        conn
    }
}

async fn open(schema: &Schema) -> Store {
    open_in(schema, &TaskTracker::new()).await
}

async fn open_in(schema: &Schema, tasks: &TaskTracker) -> Store {
    schema.connect().await.close().await.unwrap();
    try_open(&schema.url(), tasks).await.unwrap()
}

async fn try_open(url: &str, tasks: &TaskTracker) -> Result<Store, StoreError> {
    let StoreUrl::Postgres(url) = url.parse().unwrap() else { panic!("{url} is no server") };
    andon_postgres::open(&url, tasks).await
}

fn postgres(schema: &Schema) -> andon_store::PostgresUrl {
    let StoreUrl::Postgres(url) = schema.url().parse().unwrap() else { panic!("no server") };
    url
}

async fn histories(schema: &Schema) -> Histories {
    andon_postgres::open_histories(&postgres(schema)).await.unwrap()
}

/// Changes a table behind the store's back.
async fn change(schema: &Schema, _table: &str, sql: String) {
    let mut conn = schema.connect().await;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

/// A number that SQL computes of a table.
async fn number(schema: &Schema, table: &str, sql: &str) -> i64 {
    let mut conn = schema.connect().await;
    let sql = AssertSqlSafe(format!("select ({sql})::bigint from {table}"));
    let number = sqlx::query_scalar(sql).fetch_one(&mut conn).await;
    conn.close().await.unwrap();
    number.unwrap()
}

/// How many rows a table has.
async fn count(schema: &Schema, table: &str) -> i64 {
    number(schema, table, "count(*)").await
}

/// Has the database refuse to `insert` a row into a table or to `delete` one, where `when` says so.
async fn refuse(schema: &Schema, event: &str, table: &str, when: &str) {
    let when = if when.is_empty() { "true" } else { when };
    let sql = format!(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
         create trigger no before {event} on {table} for each row when ({when}) execute function no()"
    );
    change(schema, table, sql).await;
}

/// Has it refuse no longer.
async fn allow(schema: &Schema, table: &str) {
    change(schema, table, format!("drop trigger no on {table}; drop function no()")).await;
}

/// Breaks the bytes of the blocks or batches that `which` says.
async fn break_data(schema: &Schema, table: &str, which: &str) {
    change(schema, table, format!("update {table} set data = '\\x01ff' where {which}")).await;
}
