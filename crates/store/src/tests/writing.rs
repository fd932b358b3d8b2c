//! Many at once: readers and writers; and what the database refuses.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writers_and_readers_lose_nothing() {
    let folder = folder();
    let store = open(&folder).await;
    let writers = (0..4).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            for s in 0..200 {
                store.append_samples(vec![sample(&format!("Tag{n}"), at(s), s as f64)]).await.unwrap();
                if s % 20 == 0 {
                    store.insert_alarm(alarm(at(s)), vec![entry(at(s), Transition::Raised)]).await.unwrap();
                }
            }
        })
    });
    let readers = (0..4).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < 200 {
                let read = store.samples(&key(&format!("Tag{n}")), EVER.0, EVER.1, ALL).await.unwrap();
                assert!(read.len() >= seen, "what was committed stays");
                seen = read.len();
                store.open_alarms().await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    });
    for task in writers.chain(readers).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(store.open_alarms().await.unwrap().len(), 40);
    let stats = store.stats();
    assert_eq!((stats.samples.rows, stats.samples.refused_rows, stats.samples.queued), (800, 0, 0));
}

#[tokio::test]
async fn dropping_the_last_handle_commits_what_was_queued() {
    let folder = folder();
    let tasks = TaskTracker::new();
    let store = open_in(&folder, &tasks).await;
    store.append_samples((0..10_000).map(|s| sample("Tag0", at(s), 0.0)).collect()).await.unwrap();
    drop(store);
    tasks.close();
    tasks.wait().await;
    let store = open(&folder).await;
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 10_000);
}

/// A row that the database itself refuses is told to whoever flushes, spoils nothing beside it, and is told once.
#[tokio::test]
async fn a_refused_row_is_told_by_the_next_flush() {
    let folder = folder();
    let store = open(&folder).await;
    refuse(&folder, "insert", "sample", "new.value = 13").await;
    for value in [12.0, 13.0, 14.0] {
        store.append_samples(vec![sample("Tag0", at(value as i64), value)]).await.unwrap();
    }
    assert!(matches!(store.flush().await, Err(StoreError::Database(_))));
    store.flush().await.unwrap();
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 2);
    assert_eq!(store.stats().samples.refused_rows, 1);
}
