//! The committed data that queries are checked against.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, Executor, SqlSafeStr, SqliteConnection};

use crate::sqlite::file::{MAIN, SAMPLES};

/// A query that is missing there fails the build; one whose tables have changed since fails here.
#[tokio::test]
async fn the_committed_query_data_is_in_step_with_the_migrations() {
    let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
    for migration in MAIN.migrations.iter().chain(SAMPLES.migrations.iter()) {
        conn.execute(migration.sql.clone()).await.unwrap();
    }
    let mut queries = 0;
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let committed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sql = committed["query"].as_str().unwrap().to_owned();
        let now = conn.describe(AssertSqlSafe(sql.clone()).into_sql_str()).await.unwrap();
        let now = serde_json::to_value(now).unwrap();
        assert_eq!(now, committed["describe"], "run crates/store/prepare.sh: {sql}");
        queries += 1;
    }
    assert!(queries > 40, "{queries}");
}
