//! A store in files moved to a server, and back into files.

use andon_store::{
    Difference, MoveError, Moved, Place, SqliteUrl,
    engine::Engine,
    move_store,
    moving::tables::{MAIN, SERIES, Table},
};
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::*;

fn files(folder: &TempDir) -> SqliteUrl {
    SqliteUrl::at(folder.path().join("andon.db")).unwrap()
}

async fn open_files(folder: &TempDir) -> Store {
    Store::open(&files(folder), &TaskTracker::new()).await.unwrap()
}

/// The file of a table, behind the store's back.
async fn connect(folder: &TempDir, table: &Table) -> SqliteConnection {
    let main = MAIN.iter().any(|t| t.name == table.name);
    let name = if main { "andon.db" } else { "andon.samples.db" };
    SqliteConnectOptions::new().filename(folder.path().join(name)).connect().await.unwrap()
}

/// A store with something of everything, and an alarm that is gone.
async fn filled() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let store = open_files(&folder).await;
    let old = Alarm { cleared_at: Some(at(2)), acknowledged_at: Some(at(2)), ..alarm(at(1)) };
    let over = AlarmState { phase: Phase::Normal, acknowledged: true };
    for raised in [alarm(at(50)), Alarm { assessment: Some(andon_plant::Assessment::Nuisance), ..alarm(at(60)) }] {
        store.insert_alarm(raised, vec![entry(at(60), Transition::Raised)]).await.unwrap();
    }
    store.insert_alarm(Alarm { state: over, ..old }, vec![entry(at(1), Transition::Raised)]).await.unwrap();
    store.prune(KeepSince { samples: None, scores: None, alarms: Some(at(10)) }).await.unwrap();
    for (version, name) in [(1, "Mixer"), (2, "Mixer"), (3, "Öfen"), (4, "oven")] {
        let asset = AssetName::new(name).unwrap();
        let (manifest, metrics) = (format!("{{\"a\": {version}}}"), "{}".to_owned());
        let weights = vec![version as u8; 100_000];
        store
            .add_model(NewModel { asset, created_at: at(version), manifest, metrics, weights, activate: version != 2 })
            .await
            .unwrap();
    }
    for key in ["Mixer/threshold", "Ähre", "a", "B", "move on"] {
        store.put_state(key, &key.len()).await.unwrap();
    }
    fill_series(&store).await;
    store.close().await;
    folder
}

/// Samples in blocks, in the tail and in rows; of every kind of status and number.
async fn fill_series(store: &Store) {
    let bad = |s| TagSample { key: key("Tag0"), sample: Sample::bad(at(s), StatusCode::BAD) };
    let doubtful = |s| Sample::new(at(s), -1.5, StatusCode::UNCERTAIN_SUBSTITUTE_VALUE);
    let numbers = [0.0, -0.0, 1e-310, f64::MAX, f64::MIN, f64::NAN];
    for tag in ["Tag0", "Tag1", "Tägchen"] {
        let samples = (0..9_000).map(|s| sample(tag, at(s * 600), numbers[s as usize % 5] + s as f64));
        store.append_samples(samples.collect()).await.unwrap();
        store.flush().await.unwrap();
        store.seal().await.unwrap();
    }
    let rows = numbers.iter().enumerate().map(|(s, value)| sample("Tag2", at(s as i64), *value));
    store.append_samples(rows.collect()).await.unwrap();
    store.append_samples(vec![TagSample { key: key("Tag0"), sample: doubtful(1) }, bad(9_999_999)]).await.unwrap();
    store.flush().await.unwrap();
    store
        .append_samples((0..300).map(|s| if s % 3 == 0 { bad(s - 5) } else { sample("Tag1", at(s), 0.5) }).collect())
        .await
        .unwrap();
    store.flush().await.unwrap();
    let mut verdicts: Vec<_> = (0..500).map(|s| verdict(at(s * 86_400 - 86_400), s as f64, 3)).collect();
    for (v, number) in verdicts.iter_mut().zip([f64::NAN, f64::INFINITY, -0.0, 1e300]) {
        (v.threshold, v.imputed, v.tags[0].residual, v.tags[1].expected_low) = (number, number, number, number);
        v.findings = vec![finding("Tag0")];
    }
    store.append_scores(verdicts).await.unwrap();
    store.flush().await.unwrap();
}

async fn of_files(folder: &TempDir) -> Place {
    let url = files(folder);
    Place { engine: Engine::open(&url).await.unwrap(), name: url.to_string() }
}

async fn of_server(schema: &Schema) -> Place {
    schema.connect().await.close().await.unwrap();
    let StoreUrl::Postgres(url) = schema.url().parse().unwrap() else { panic!("no server") };
    Place { engine: andon_postgres::open_alone(&url).await.unwrap(), name: schema.name.clone() }
}

async fn close(place: Place) {
    tokio::join!(place.engine.main.close(), place.engine.series.close());
}

/// Moves from files to a server.
async fn go(folder: &TempDir, schema: &Schema) -> Result<Moved, MoveError> {
    let (from, to) = (of_files(folder).await, of_server(schema).await);
    let moved = move_store(&from, &to, &mut |share| assert!((0.0..=1.0).contains(&share))).await;
    tokio::join!(close(from), close(to));
    moved
}

async fn back(schema: &Schema, folder: &TempDir) -> Moved {
    let (from, to) = (of_server(schema).await, of_files(folder).await);
    let moved = move_store(&from, &to, &mut |_| {}).await.unwrap();
    tokio::join!(close(from), close(to));
    moved
}

/// Every row of every table as SQLite writes it down.
async fn dump(folder: &TempDir) -> Vec<String> {
    let mut lines = Vec::new();
    for table in MAIN.iter().chain(&SERIES) {
        let mut conn = connect(folder, table).await;
        let joined = if table.name == "block" { " join block_data on block_data.id = data_id" } else { "" };
        let quoted: Vec<_> = table.columns.iter().map(|c| format!("quote({})", c.name)).collect();
        let (columns, which) = (quoted.join(" || ',' || "), table.which);
        let sql = format!("select '{0} ' || {columns} from {0}{joined} where {which} order by 1", table.name);
        lines.extend(sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_all(&mut conn).await.unwrap());
        conn.close().await.unwrap();
    }
    lines
}

fn rows(moved: &Moved) -> u64 {
    moved.rows.iter().map(|(_, rows)| rows).sum()
}

#[tokio::test]
async fn there_and_back_again_every_row_is_the_same() {
    let (first, schema, last) = (filled().await, folder(), tempfile::tempdir().unwrap());
    let there = go(&first, &schema).await.unwrap();
    assert_eq!((there.before, there.differences.count), (0, 0), "{:?}", there.differences);
    assert!(there.rows.iter().all(|(_, rows)| *rows > 0), "{:?}", there.rows);
    assert_eq!(back(&schema, &last).await.rows, there.rows);
    let (before, after) = (dump(&first).await, dump(&last).await);
    assert_eq!(before.len() as u64, rows(&there));
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
    // As the store reads them, and with numbers that have not been given before.
    let (here, server, there) = (open_files(&first).await, open(&schema).await, open_files(&last).await);
    for tag in ["Tag0", "Tag1", "Tag2", "Tägchen"] {
        let samples = here.samples(&key(tag), EVER.0, EVER.1, ALL).await.unwrap();
        assert!(samples.len() > 5);
        for other in [&server, &there] {
            let read = other.samples(&key(tag), EVER.0, EVER.1, ALL).await.unwrap();
            assert_eq!(format!("{samples:?}"), format!("{read:?}"));
        }
    }
    for store in [here, server, there] {
        assert_eq!(store.open_alarms().await.unwrap().len(), 2);
        assert_eq!(store.models(&asset()).await.unwrap().iter().map(|m| m.active).collect::<Vec<_>>(), [false, true]);
        let raised = store.insert_alarm(alarm(at(70)), vec![entry(at(70), Transition::Raised)]).await.unwrap();
        assert_eq!(raised.id, AlarmId(4));
        store.append_samples(vec![sample("Tag9", at(1), 1.0)]).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(store.samples(&key("Tag9"), EVER.0, EVER.1, ALL).await.unwrap().len(), 1);
    }
}

/// Wherever it is stopped it goes on, nothing is there twice, and until it is finished nobody can start on it.
#[tokio::test]
async fn a_move_that_was_stopped_goes_on() {
    let (first, schema, last) = (filled().await, folder(), tempfile::tempdir().unwrap());
    close(of_server(&schema).await).await;
    let mut before = 0;
    let tables = ["alarm", "journal", "model", "state", "tag", "block", "tail", "sample", "score", "tag_score"];
    for (n, table) in tables.into_iter().enumerate() {
        let when = if table == "model" { "new.asset > 'Mixer'" } else { "" };
        refuse(&schema, "insert", table, if table == "state" { "new.key <> 'move'" } else { when }).await;
        let said = go(&first, &schema).await.unwrap_err().to_string();
        assert!(said.contains(&format!("table `{table}`")) && said.contains("goes on from there"), "{said}");
        allow(&schema, table).await;
        let started = try_open(&schema.url(), &TaskTracker::new()).await.unwrap_err();
        assert!(matches!(&started, StoreError::Part { .. }), "{started}");
        let mut there = 0;
        for table in MAIN.iter().chain(&SERIES) {
            there += count(&schema, &format!("{} where {}", table.name, table.which)).await;
        }
        assert!(there >= before && (n == 0 || there > 0), "{table}: {there}");
        before = there;
    }
    let moved = go(&first, &schema).await.unwrap();
    assert_eq!((moved.before, moved.differences.count), (before.unsigned_abs(), 0));
    open(&schema).await.close().await;
    back(&schema, &last).await;
    assert_eq!(dump(&first).await, dump(&last).await);
}

/// As by kill -9, at any moment.
#[tokio::test]
async fn a_move_that_is_dropped_goes_on() {
    let (first, schema) = (filled().await, folder());
    let mut stopped = 0;
    for after in 1.. {
        let (from, to) = (of_files(&first).await, of_server(&schema).await);
        let stop = tokio::sync::Notify::new();
        let mut pages = 0;
        let mut show = |_| {
            pages += 1;
            if pages == after {
                stop.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => stopped += 1,
            moved = move_store(&from, &to, &mut show) => {
                assert_eq!(moved.unwrap().differences.count, 0);
                break;
            }
        }
        tokio::join!(close(from), close(to));
    }
    assert!(stopped > 3, "{stopped}");
}

#[tokio::test]
async fn what_is_not_the_same_is_named() {
    let (first, schema) = (filled().await, folder());
    close(of_server(&schema).await).await;
    refuse(&schema, "insert", "tag_score", "").await;
    go(&first, &schema).await.unwrap_err();
    for sql in [
        "update alarm set severity = 701 where id = 2",
        "update model set weights = '\\x00' where version = 2",
        "delete from state where key = 'B'",
        "update block set data = '\\x01ff', max = 7 where tag_id = 1 and first_us = 0",
        "update sample set status = 1 where tag_id = 4 and time_us = 0",
        "delete from score where time_us = 0",
    ] {
        change(&schema, "", sql.to_owned()).await;
    }
    allow(&schema, "tag_score").await;
    for _ in 0..2 {
        let found = go(&first, &schema).await.unwrap().differences;
        let named: Vec<_> = found.named.iter().map(Difference::to_string).collect();
        assert_eq!(
            named,
            [
                "alarm (id 2): not the same: severity",
                "model (asset `Mixer`, version 2): not the same: weights",
                "state (key `B`): the row is missing",
                "block (tag_id 1, first_us 0): not the same: max, data",
                "sample (tag_id 4, time_us 0): not the same: status",
                "score (asset_id 1, time_us 0): the row is missing",
            ]
        );
        assert_eq!(found.count, 6);
        let started = try_open(&schema.url(), &TaskTracker::new()).await.unwrap_err();
        assert!(matches!(&started, StoreError::Part { .. }), "{started}");
    }
    change(&schema, "", "insert into state (key, json) values ('C', '1')".to_owned()).await;
    let added = go(&first, &schema).await.unwrap().differences;
    assert!(
        added.named.iter().any(|d| d.to_string() == "state (key `C`): the row is not of the store that was copied")
    );
}

#[tokio::test]
async fn what_is_put_aside_stays_behind() {
    let (first, schema) = (filled().await, folder());
    let mut conn = connect(&first, &SERIES[0]).await;
    let sql = "insert into broken_sample (tag_id, time_us, value, status) values (1, 1, 'x', 0), (1, 2, null, 0);
               insert into broken_block (tag_id, first_us, last_us, count, data) values (1, 1, 1, 1, x'00')";
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    assert_eq!(go(&first, &schema).await.unwrap().aside, [("broken_block", 1), ("broken_sample", 2)]);
}

#[tokio::test]
async fn another_store_is_left_alone() {
    let (first, schema) = (filled().await, folder());
    let store = open(&schema).await;
    store.append_samples(vec![sample("Tag0", at(1), 1.0)]).await.unwrap();
    store.close().await;
    let refused = go(&first, &schema).await.unwrap_err();
    assert!(matches!(&refused, MoveError::NotEmpty { table: "asset", .. }), "{refused}");
    assert_eq!((count(&schema, "state").await, count(&schema, "tag").await), (0, 1));
    // A part of another one.
    let (other, parted) = (filled().await, folder());
    close(of_server(&parted).await).await;
    refuse(&parted, "insert", "journal", "").await;
    go(&first, &parted).await.unwrap_err();
    allow(&parted, "journal").await;
    let refused = go(&other, &parted).await.unwrap_err();
    assert!(matches!(&refused, MoveError::Another { .. }), "{refused}");
    assert_eq!(count(&parted, "journal").await, 0);
    // Nor is a part taken for a store.
    let (from, to) = (of_server(&parted).await, of_files(&tempfile::tempdir().unwrap()).await);
    let refused = move_store(&from, &to, &mut |_| {}).await.unwrap_err();
    assert!(matches!(&refused, MoveError::Part(_)), "{refused}");
    // And one that is finished is a store.
    go(&first, &parted).await.unwrap();
    let refused = go(&first, &parted).await.unwrap_err();
    assert!(matches!(&refused, MoveError::NotEmpty { table: "alarm", .. }), "{refused}");
}

/// A table or a column that is not listed would stay behind.
#[tokio::test]
async fn every_column_of_every_table_is_moved() {
    let schema = folder();
    close(of_server(&schema).await).await;
    let mut conn = schema.connect().await;
    let sql = "select c.relname || '.' || a.attname from pg_class as c join pg_attribute as a on a.attrelid = c.oid
               where c.relnamespace = to_regnamespace(current_schema()) and c.relkind in ('r', 'p') and not c.relispartition
                   and attnum > 0 and relname not like 'broken%' and relname not in ('_sqlx_migrations', 'node', 'lease') order by 1";
    let there: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    let column = |table: &'static Table| table.columns.iter().map(|c| format!("{}.{}", table.name, c.name));
    let mut listed: Vec<_> = MAIN.iter().chain(&SERIES).flat_map(column).collect();
    listed.sort();
    assert_eq!(there, listed);
}
