//! What is broken, old or busy holds up the sealing of nothing else.

use super::{
    blocks::{Model, Step, compare, take},
    *,
};
use crate::KeepSince;

const PRUNED_TO_0: KeepSince = KeepSince { samples: Some(Timestamp::from_micros(0)), scores: None, alarms: None };

async fn read(store: &Store, tag: &str) -> Vec<Sample> {
    store.samples(&key(tag), EVER.0, EVER.1, ALL).await.unwrap()
}

async fn append(store: &Store, tag: &str, seconds: std::ops::Range<i64>) {
    store.append_samples(seconds.map(|s| sample(tag, at(s), s as f64)).collect()).await.unwrap();
    store.flush().await.unwrap();
}

/// It may be of any of its tags: it is put aside, and everything else is read and sealed.
#[tokio::test]
async fn a_broken_batch_of_the_tail_costs_only_itself() {
    let folder = folder();
    let store = open(&folder).await;
    for (tag, start) in [("Tag0", 0), ("Tag0", 1_000), ("Tag1", 0), ("Tag1", 2_000)] {
        append(&store, tag, start..start + 500).await;
    }
    break_data(&folder, "tail", "seq = 2").await;
    let lengths = async |store: &Store| (read(store, "Tag0").await.len(), read(store, "Tag1").await.len());
    assert_eq!(lengths(&store).await, (500, 1_000));
    assert_eq!(store.span(&asset()).await.unwrap(), Some((at(0), at(2_499))));
    assert_eq!(store.latest_sample(&key("Tag0")).await.unwrap(), Some(Sample::good(at(499), 499.0)));
    store.seal().await.unwrap();
    assert_eq!(lengths(&store).await, (500, 1_000));
    append(&store, "Tag0", 1_000..1_500).await;
    store.close().await;
    let store = open(&folder).await;
    store.seal().await.unwrap();
    assert_eq!(lengths(&store).await, (1_000, 1_000));
    assert_eq!(count(&folder, "tail").await, 0);
    assert_eq!(number(&folder, "broken_tail", "sum(count * length(data))").await, 500 * 2);
}

#[tokio::test]
async fn a_broken_row_holds_up_no_other_tag_and_no_later_sample() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "Tag0", 0..20).await;
    change(&folder, "sample", "update sample set value = null where time_us = 5000000".to_owned()).await;
    append(&store, "Tag0", 10..600).await;
    append(&store, "Tag0", 0..4).await;
    append(&store, "Tag1", 0..600).await;
    store.seal().await.unwrap();
    assert_eq!(count(&folder, "tail").await, 0);
    assert_eq!(read(&store, "Tag1").await.len(), 600);
    let said = store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap_err();
    assert!(matches!(&said, StoreError::BrokenRow { table: "sample", .. }), "{said}");
    assert_eq!(store.samples(&key("Tag0"), at(6), at(600), ALL).await.unwrap().len(), 594);
    // As the error says: the row is deleted, and all is well.
    change(&folder, "sample", "delete from sample where time_us = 5000000".to_owned()).await;
    store.seal().await.unwrap();
    assert_eq!(read(&store, "Tag0").await.len(), 599);
    assert_eq!(count(&folder, "sample").await, 0);
}

/// What falls in the broken block stays rows; later rows of the same tag are sealed all the same, without being asked.
#[tokio::test]
async fn a_slow_tag_is_sealed_again_after_a_broken_block() {
    let folder = folder();
    let store = open(&folder).await;
    append(&store, "Tag0", 0..4_000).await;
    store.seal().await.unwrap();
    break_data(&folder, "block", "count > 0").await;
    append(&store, "Tag0", 100..120).await;
    store.seal().await.unwrap();
    assert_eq!(count(&folder, "sample").await, 20);
    for start in (4_000..10_000).step_by(20) {
        append(&store, "Tag0", start..start + 20).await;
    }
    store.close().await;
    assert!(count(&folder, "block").await >= 2);
    assert!(count(&folder, "sample").await < 4_200);
    let store = open(&folder).await;
    assert_eq!(store.samples(&key("Tag0"), at(4_000), EVER.1, ALL).await.unwrap().len(), 6_000);
}

/// Forty parts and a writer that never pauses: pruning seals what was there when it began, and ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pruning_ends_while_samples_keep_coming() {
    let folder = folder();
    let store = open(&folder).await;
    let keys: Vec<TagKey> = (0..640).map(|n| key(&format!("Tag{n}"))).collect();
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for n in 0.. {
            let of = |key: &TagKey| TagSample { key: key.clone(), sample: Sample::good(at(n / 4), n as f64) };
            let scan = (0..4).flat_map(|_| keys.iter().map(of)).collect();
            if writing.append_samples(scan).await.is_err() || writing.flush().await.is_err() {
                return;
            }
        }
    });
    for _ in 0..3 {
        let pruned = tokio::time::timeout(std::time::Duration::from_secs(60), store.prune(PRUNED_TO_0)).await;
        assert_eq!(pruned.expect("pruning ends").unwrap().samples, 0);
    }
    writer.abort();
    store.close().await;
}

#[tokio::test]
async fn spans_and_pruning_are_exact_at_the_edges_of_blocks() {
    let folder = folder();
    let (store, mut model) = (open(&folder).await, Model::default());
    for tag in 0..3 {
        take(&store, &mut model, &Step::Append { tag, start: 0, apart: 2, count: 10_000, value: 4 }).await;
    }
    take(&store, &mut model, &Step::Seal).await;
    // The second block begins at 8192 and the first ends at 8190.
    take(&store, &mut model, &Step::Append { tag: 1, start: 8_191, apart: 1, count: 1, value: 9 }).await;
    take(&store, &mut model, &Step::Append { tag: 2, start: 8_190, apart: 2, count: 2, value: 9 }).await;
    for from in 8_189..8_194 {
        for to in 8_189..8_194 {
            compare(&store, &model, (from, to), 1).await;
        }
        compare(&store, &model, (from, i64::MAX), 3).await;
        compare(&store, &model, (i64::MIN, from), 3).await;
    }
    for before in [1, 8_190, 8_191, 8_192, 8_193, 19_998, 19_999] {
        take(&store, &mut model, &Step::Prune(before)).await;
        compare(&store, &model, (i64::MIN, i64::MAX), 50).await;
    }
    assert_eq!(store.span(&asset()).await.unwrap(), None);
    assert_eq!(count(&folder, "block").await, 0);
}
