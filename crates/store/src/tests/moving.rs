//! A store in files moved to other files. The tests of PostgreSQL have the rest.

use super::*;
use crate::{
    Place,
    engine::Engine,
    move_store,
    moving::tables::{MAIN, SERIES, Table},
};

async fn place(folder: &TempDir) -> Place {
    let url = url(folder);
    Place { engine: Engine::open(&url).await.unwrap(), name: url.to_string() }
}

/// A table or a column that is not listed would stay behind.
#[tokio::test]
async fn every_column_of_every_table_is_moved() {
    let folder = folder();
    open(&folder).await.close().await;
    let mut there = Vec::new();
    for table in ["state", "sample"] {
        let mut conn = file(&folder, table).await;
        let sql = "select t.name || '.' || c.name from pragma_table_list as t join pragma_table_info(t.name) as c
                   where t.schema = 'main' and t.name not like 'sqlite%' and t.name not like 'broken%'
                       and t.name not in ('_sqlx_migrations', 'block_data') and c.name <> 'data_id'";
        there.extend(sqlx::query_scalar::<_, String>(sql).fetch_all(&mut conn).await.unwrap());
        conn.close().await.unwrap();
    }
    there.push("block.data".to_owned());
    there.sort();
    let column = |table: &'static Table| table.columns.iter().map(|c| format!("{}.{}", table.name, c.name));
    let mut listed: Vec<_> = MAIN.iter().chain(&SERIES).flat_map(column).collect();
    listed.sort();
    assert_eq!(there, listed);
}

#[tokio::test]
async fn other_files_have_the_same_rows_and_an_empty_log() {
    let (old, new) = (folder(), folder());
    let store = open(&old).await;
    store.append_samples((0..12_000).map(|s| sample("Tag0", at(s), s as f64)).collect()).await.unwrap();
    store.seal().await.unwrap();
    store.append_scores((0..3_000).map(|s| verdict(at(s), 1.0, 12)).collect()).await.unwrap();
    store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    store.close().await;
    let mut shares = Vec::new();
    let moved = move_store(&place(&old).await, &place(&new).await, &mut |share| shares.push(share)).await.unwrap();
    assert_eq!((moved.differences.count, moved.before), (0, 0));
    assert!(shares.is_sorted() && shares.last() == Some(&1.0), "{shares:?}");
    for log in ["andon.db-wal", "andon.samples.db-wal"] {
        assert_eq!(std::fs::metadata(new.path().join(log)).map_or(0, |m| m.len()), 0, "{log}");
    }
    let store = open(&new).await;
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 12_000);
    assert_eq!(store.verdict_at(&asset(), at(9)).await.unwrap(), Some(verdict(at(9), 1.0, 12)));
    assert_eq!(store.open_alarms().await.unwrap().len(), 1);
}
