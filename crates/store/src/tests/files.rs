//! What is about SQLite's files: those of earlier versions, and other programs that use them.

use sqlx::Executor;

use super::{blocks::same, *};
use crate::sqlite::file::SAMPLES;

/// A file from before pages were made smaller.
#[tokio::test]
async fn a_file_with_larger_pages_is_used_as_it_is() {
    // The header's bytes 16 and 17, big-endian (<https://sqlite.org/fileformat.html#page_size>).
    let page = |folder: &TempDir| std::fs::read(folder.path().join("andon.samples.db")).unwrap()[16..18].to_vec();
    let (new, old) = (folder(), folder());
    std::fs::write(old.path().join("andon.samples.db"), []).unwrap();
    meddle(&old, "andon.samples.db", "create table andon_was_here (x)").await;
    for (folder, bytes) in [(&new, [0x08, 0x00]), (&old, [0x10, 0x00])] {
        let store = open(folder).await;
        store.append_samples(vec![sample("Tag0", at(1), 1.5)]).await.unwrap();
        store.seal().await.unwrap();
        store.close().await;
        assert_eq!(page(folder), bytes);
        assert_eq!(open(folder).await.latest_sample(&key("Tag0")).await.unwrap(), Some(Sample::good(at(1), 1.5)));
    }
}

/// Another program holds the write lock for longer than SQLite waits by itself: the acknowledge waits too, and is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_database_is_waited_for() {
    let folder = folder();
    let store = open(&folder).await;
    let mut other = options(&folder.path().join("andon.db")).connect().await.unwrap();
    let lock = other.begin_with("begin immediate").await.unwrap();
    let raising = tokio::spawn({
        let store = store.clone();
        async move { store.insert_alarm(alarm(at(1)), Vec::new()).await }
    });
    while store.stats().main.retries == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    store.append_samples(vec![sample("Tag0", at(1), 1.0)]).await.unwrap();
    tokio::join!(async { lock.rollback().await.unwrap() }, async {
        let id = raising.await.unwrap().unwrap().id;
        assert!(store.alarm(id).await.unwrap().is_some());
    });
    store.flush().await.unwrap();
    assert_eq!(store.latest_sample(&key("Tag0")).await.unwrap(), Some(Sample::good(at(1), 1.0)));
}

#[tokio::test]
async fn a_closed_store_is_read_and_one_that_is_not_there_is_named() {
    let folder = folder();
    let missing = Histories::open(&url(&folder)).await.unwrap_err();
    assert!(missing.to_string().contains("andon.samples.db"), "{missing}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    let store = open(&folder).await;
    store.append_samples(vec![sample("Tag0", at(1), 1.0)]).await.unwrap();
    store.close().await;
    let histories = Histories::open(&url(&folder)).await.unwrap();
    assert_eq!(super::walk::walked(&histories, &["Tag0", "Tag9"], EVER).await, [(0, Sample::good(at(1), 1.0))]);
    assert_eq!(histories.span(&asset()).await.unwrap(), Some((at(1), at(1))));
    assert_eq!(histories.sample_at(&key("Tag0"), at(5)).await.unwrap(), Some(Sample::good(at(1), 1.0)));
}

/// Makes a file from before there were blocks, with what `sql` says in it.
async fn old_file(folder: &TempDir, sql: &'static str) {
    let path = folder.path().join("andon.samples.db");
    let mut conn = SqliteConnection::connect(&format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
    let mut before_blocks = sqlx::migrate::Migrator::DEFAULT;
    before_blocks.migrations = SAMPLES.migrations.iter().filter(|m| m.version < 3).cloned().collect();
    before_blocks.run(&mut conn).await.unwrap();
    conn.execute(sql).await.unwrap();
    conn.close().await.unwrap();
}

/// A file from before there were blocks: its rows are read, and sealed once the store gets to it.
#[tokio::test]
async fn a_file_of_rows_is_read_and_sealed() {
    let folder = folder();
    old_file(
        &folder,
        "insert into asset values (1, 'Mixer'); insert into tag values (1, 1, 'Tag0');
         insert into sample with recursive n (n) as (select 0 union all select n + 1 from n where n < 99999)
             select 1, n * 1000000, n * 0.5, 0 from n",
    )
    .await;
    let store = open(&folder).await;
    let read = async |query| store.samples(&key("Tag0"), at(0), at(200_000), query).await.unwrap();
    let all: Vec<Sample> = (0..100_000).map(|s| Sample::good(at(s), s as f64 * 0.5)).collect();
    same(&read(ALL).await, all.iter().copied());
    store.append_samples(vec![sample("Tag0", at(50), -1.0), sample("Tag0", at(100_000), 7.0)]).await.unwrap();
    store.flush().await.unwrap();
    store.seal().await.unwrap();
    let sealed = read(ALL).await;
    assert_eq!((sealed.len(), sealed[50].value, sealed[100_000].value), (100_001, -1.0, 7.0));
    assert_eq!(count(&folder, "sample").await, 0);
    assert!(count(&folder, "block").await > 15);
}

/// Rows of an older version, more than is held in memory at a time: the trend before they are sealed is that of afterwards.
#[tokio::test]
async fn a_long_history_of_rows_is_thinned_by_pages() {
    let folder = folder();
    old_file(
        &folder,
        "insert into asset values (1, 'Mixer'); insert into tag values (1, 1, 'Tag0');
         insert into sample with recursive n (n) as (select 0 union all select n + 1 from n where n < 299999)
             select 1, n * 1000000, case n % 5000 when 77 then null else (n * 7919) % 10007 end,
                 case n % 5000 when 77 then 2147483648 else 0 end from n",
    )
    .await;
    let store = open(&folder).await;
    let thinned = async |query| store.samples(&key("Tag0"), at(3), at(299_000), query).await.unwrap();
    let before = thinned(SeriesQuery::thinned(300)).await;
    let few = store.samples(&key("Tag0"), at(3), at(9), SeriesQuery::thinned(6)).await.unwrap();
    assert_eq!(few.len(), 6);
    store.append_samples(vec![sample("Tag0", at(299_999), 1.0)]).await.unwrap();
    store.seal().await.unwrap();
    assert_eq!(count(&folder, "sample").await, 0);
    let values = |points: &[Sample]| points.iter().map(|s| (s.status, s.value.to_bits())).collect::<Vec<_>>();
    let (mut rows, mut blocks) = (values(&before), values(&thinned(SeriesQuery::thinned(300)).await));
    rows.sort_unstable_by_key(|(status, bits)| (status.0, *bits));
    blocks.sort_unstable_by_key(|(status, bits)| (status.0, *bits));
    assert!(rows.len() > 200 && rows == blocks);
}

/// The file of an older version is half sealed when it is closed, or its process is killed, and is gone on with.
#[tokio::test]
async fn a_file_of_rows_is_sealed_on_after_each_stop() {
    let folder = folder();
    old_file(
        &folder,
        "insert into asset values (1, 'Mixer'); insert into tag values (1, 1, 'Tag0'), (2, 1, 'Tag1');
         insert into sample with recursive n (n) as (select 1 union all select n + 1 from n where n < 60000)
             select 1 + n % 2, -n * 1000000, n, 0 from n;
         insert into score (asset_id, time_us, score, mode, status) values (1, 5, 0.5, 'mixing', 0)",
    )
    .await;
    let old = |odd: i64| (1..=60_000).rev().filter(move |n| n % 2 == odd).map(|n| Sample::good(at(-n), n as f64));
    for lines in [1, 2, 4, 1, 3] {
        let flushed = super::crash::killed_after("seal_loop", &folder, lines);
        assert!(flushed.len() >= lines);
        let store = open(&folder).await;
        for (tag, odd) in [("Tag0", 0), ("Tag1", 1)] {
            let read = store.samples(&key(tag), EVER.0, at(0), ALL).await.unwrap();
            same(&read, old(odd));
        }
        store.append_samples(vec![sample("Tag9", at(0), 0.0)]).await.unwrap();
        store.flush().await.unwrap();
        store.close().await;
    }
    let store = open(&folder).await;
    store.seal().await.unwrap();
    same(&store.samples(&key("Tag0"), EVER.0, at(0), ALL).await.unwrap(), old(0));
    assert_eq!(count(&folder, "sample").await, 0);
    assert_eq!(count(&folder, "score").await, 1);
}
