//! The committed data that queries are checked against.

use std::path::Path;

use sqlx::{Executor, SqlSafeStr};

use super::*;

/// A query that is missing there fails the build; one whose tables have changed since fails here.
#[tokio::test]
async fn the_committed_query_data_is_in_step_with_the_migrations() {
    let schema = folder();
    open(&schema).await.close().await;
    let mut conn = schema.connect().await;
    let mut queries = 0;
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let committed: serde_json::Value = serde_json::from_str(&text).unwrap();
        let sql = committed["query"].as_str().unwrap().to_owned();
        let now = conn.describe(AssertSqlSafe(sql.clone()).into_sql_str()).await.unwrap();
        let now = serde_json::to_value(now).unwrap();
        assert_eq!(
            without_origin(now),
            without_origin(committed["describe"].clone()),
            "run crates/postgres/prepare.sh: {sql}"
        );
        queries += 1;
    }
    assert!(queries > 40, "{queries}");
}

/// Which table a column comes from is told with the table's schema, which is each test's own.
fn without_origin(mut described: serde_json::Value) -> serde_json::Value {
    for column in described["columns"].as_array_mut().unwrap() {
        column.as_object_mut().unwrap().remove("origin");
    }
    described
}
