//! Samples that are partly in blocks and partly in the tail are read as if they were in one list.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{BlockError, KeepSince};

const TAGS: [&str; 3] = ["Tag0", "Tag1", "Tag2"];

/// What the store is to answer, held in the plainest way.
pub(super) type Model = [BTreeMap<i64, Sample>; 3];

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Samples from a time on, so many microseconds apart; negative ones go backwards.
    Append {
        tag: usize,
        start: i64,
        apart: i64,
        count: i64,
        value: i32,
    },
    Seal,
    Prune(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let append = (0..TAGS.len(), 0i64..40_000, -7i64..8, prop_oneof![1i64..40, 1i64..6_000], -50i32..50);
    let append = append.prop_map(|(tag, start, apart, count, value)| Step::Append { tag, start, apart, count, value });
    prop_oneof![6 => append, 2 => Just(Step::Seal), 1 => (0i64..30_000).prop_map(Step::Prune)]
}

fn appended(tag: usize, n: i64, time: i64, value: i32) -> TagSample {
    let time = Timestamp::from_micros(time);
    let bad = (n + i64::from(value)) % 97 == 3;
    let sample =
        if bad { Sample::bad(time, StatusCode::BAD) } else { Sample::good(time, f64::from(value) + (n % 13) as f64) };
    TagSample { key: key(TAGS[tag]), sample }
}

pub(super) async fn take(store: &Store, model: &mut Model, step: &Step) {
    match *step {
        Step::Append { tag, start, apart, count, value } => {
            let samples: Vec<_> = (0..count).map(|n| appended(tag, n, start + n * apart, value)).collect();
            model[tag].extend(samples.iter().map(|s| (s.sample.time.as_micros(), s.sample)));
            store.append_samples(samples).await.unwrap();
            store.flush().await.unwrap();
        }
        Step::Seal => store.seal().await.unwrap(),
        Step::Prune(before) => {
            let keep = KeepSince { samples: Some(Timestamp::from_micros(before)), scores: None, alarms: None };
            let pruned = store.prune(keep).await.unwrap();
            let had: usize = model.iter().map(BTreeMap::len).sum();
            model.iter_mut().for_each(|samples| samples.retain(|time, _| *time >= before));
            let has: usize = model.iter().map(BTreeMap::len).sum();
            assert!(pruned.samples >= (had - has) as u64, "a sample replaced in the tail may count twice");
        }
    }
}

pub(super) fn same(read: &[Sample], expected: impl Iterator<Item = Sample>) {
    let bits = |s: &Sample| (s.time, s.status, s.value.to_bits());
    assert_eq!(read.iter().map(bits).collect::<Vec<_>>(), expected.map(|s| bits(&s)).collect::<Vec<_>>());
}

/// What each bucket of a thinned trend says: which of several equals was kept is no matter, the first gap is.
fn told(points: &[Sample], first: i64, width: i64) -> BTreeSet<(i64, Option<u64>, Option<Timestamp>)> {
    let bucket = |s: &Sample| (s.time.as_micros() - first) / width;
    let value = |s: &Sample| (!s.status.is_bad()).then(|| s.value.to_bits());
    let gap = |s: &Sample| s.status.is_bad().then_some(s.time);
    points.iter().map(|s| (bucket(s), value(s), gap(s))).collect()
}

fn check_thinned(read: &[Sample], all: &[Sample], max_points: usize) {
    if all.len() <= max_points {
        return same(read, all.iter().copied());
    }
    let stored: BTreeMap<Timestamp, u64> = all.iter().map(|s| (s.time, s.value.to_bits())).collect();
    assert!(read.iter().all(|s| stored.get(&s.time) == Some(&s.value.to_bits())), "what is kept was stored");
    assert!(read.len() <= max_points && read.is_sorted_by(|a, b| a.time < b.time));
    let (first, last) = (all[0].time.as_micros(), all[all.len() - 1].time.as_micros());
    let buckets = (max_points as i64 / 3).max(1);
    let width = (last + 1 - first + buckets - 1) / buckets;
    let kept = super::histories::thinned_by_hand(all, max_points);
    let by_hand: Vec<Sample> = all.iter().filter(|s| kept.binary_search(&s.time).is_ok()).copied().collect();
    assert_eq!(told(read, first, width), told(&by_hand, first, width));
}

pub(super) async fn compare(store: &Store, model: &Model, (from, to): (i64, i64), limit: usize) {
    let (start, end) = (Timestamp::from_micros(from), Timestamp::from_micros(to));
    for (tag, samples) in TAGS.iter().zip(model) {
        let read = async |query| store.samples(&key(tag), start, end, query).await.unwrap();
        let within = || samples.range(from..to.max(from)).map(|(_, s)| *s);
        same(&read(ALL).await, within());
        same(&read(SeriesQuery { limit: Some(limit), ..ALL }).await, within().take(limit));
        same(&read(SeriesQuery::newest(limit)).await, within().rev().take(limit));
        let at = store.sample_at(&key(tag), start).await.unwrap();
        same(at.as_slice(), samples.range(..=from).next_back().map(|(_, s)| *s).into_iter());
        let latest = store.latest_sample(&key(tag)).await.unwrap();
        same(latest.as_slice(), samples.values().next_back().copied().into_iter());
        check_thinned(&read(SeriesQuery::thinned(limit + 3)).await, &within().collect::<Vec<_>>(), limit + 3);
    }
    let ends = model.iter().flat_map(|samples| samples.keys().next().into_iter().chain(samples.keys().next_back()));
    let span = ends.clone().min().zip(ends.max());
    let span = span.map(|(a, b)| (Timestamp::from_micros(*a), Timestamp::from_micros(*b)));
    assert_eq!(store.span(&asset()).await.unwrap(), span);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn reads_are_those_of_one_sorted_list(
        steps in prop::collection::vec(step(), 1..14),
        reads in prop::collection::vec((0i64..45_000, 0i64..45_000, 1usize..500), 3),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = folder();
            let (store, mut model) = (open(&folder).await, Model::default());
            for step in &steps {
                take(&store, &mut model, step).await;
            }
            compare(&store, &model, (i64::MIN, i64::MAX), 100).await;
            for (from, to, limit) in reads {
                compare(&store, &model, (from, to), limit).await;
            }
            store.close().await;
            compare(&open(&folder).await, &model, (0, 50_000), 10).await;
        });
    }
}

/// Long enough that the roll-ups are used: what they say is what the samples say.
#[tokio::test]
async fn a_long_trend_from_roll_ups_is_that_of_the_samples() {
    let folder = folder();
    let (store, mut model) = (open(&folder).await, Model::default());
    let append = |start, count, value| Step::Append { tag: 0, start, apart: 5, count, value };
    take(&store, &mut model, &append(0, 300_000, 1)).await;
    take(&store, &mut model, &append(400_000, 9_000, -7)).await;
    take(&store, &mut model, &Step::Seal).await;
    take(&store, &mut model, &append(600_002, 200, 40)).await;
    take(&store, &mut model, &append(900_000, 50, -40)).await;
    for (from, to, max_points) in
        [(0, i64::MAX, 30), (12_345, 1_400_001, 97), (599_000, 1_300_000, 9), (3, 999_999, 2_000), (0, 1, 4)]
    {
        let all: Vec<Sample> = model[0].range(from..to).map(|(_, s)| *s).collect();
        let span = (Timestamp::from_micros(from), Timestamp::from_micros(to));
        let read = store.samples(&key("Tag0"), span.0, span.1, SeriesQuery::thinned(max_points)).await.unwrap();
        check_thinned(&read, &all, max_points);
    }
}

#[tokio::test]
async fn enough_samples_are_sealed_by_themselves() {
    let folder = folder();
    let (store, mut model) = (open(&folder).await, Model::default());
    let append = Step::Append { tag: 0, start: 0, apart: 10, count: 200_000, value: 3 };
    take(&store, &mut model, &append).await;
    store.close().await;
    assert!(count(&folder, "block").await >= 30);
    assert!(number(&folder, "tail", "coalesce(sum(count), 0)").await < 60_000);
    compare(&open(&folder).await, &model, (1_000, 900_000), 50).await;
}

/// A slow tag: a day of it is a block, though it is few samples, and blocks grow instead of becoming many.
#[tokio::test]
async fn a_slow_tag_is_sealed_once_it_spans_a_day() {
    let folder = folder();
    let store = open(&folder).await;
    for hour in 0..24 * 10 {
        store.append_samples(vec![sample("Tag0", at(hour * 3_600), hour as f64)]).await.unwrap();
        if hour % 8 == 0 {
            store.flush().await.unwrap();
        }
    }
    store.close().await;
    assert!(count(&folder, "sample").await < 64);
    assert_eq!(count(&folder, "block").await, 1);
    let read = open(&folder).await.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap();
    assert_eq!(read.len(), 24 * 10);
}

#[tokio::test]
async fn a_broken_block_is_named_and_the_others_are_read() {
    let folder = folder();
    let store = open(&folder).await;
    for tag in ["Tag0", "Tag1"] {
        store.append_samples((0..20_000).map(|s| sample(tag, at(s), s as f64)).collect()).await.unwrap();
    }
    store.seal().await.unwrap();
    break_data(&folder, "block", "tag_id = (select min(id) from tag) and first_us = 8192000000").await;
    let error = store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap_err();
    let StoreError::BrokenBlock { tag, block, source: BlockError::Checksum } = &error else { panic!("{error}") };
    assert_eq!((tag.as_str(), *block), ("Mixer/Tag0", at(8192)));
    assert_eq!(store.samples(&key("Tag0"), at(0), at(8192), ALL).await.unwrap().len(), 8192);
    assert_eq!(store.samples(&key("Tag0"), at(12_288), at(20_000), ALL).await.unwrap().len(), 7712);
    assert_eq!(store.samples(&key("Tag1"), EVER.0, EVER.1, ALL).await.unwrap().len(), 20_000);
    // What belongs there can't be merged: it stays in the tail, and nothing else is held up by it.
    store.append_samples((9_000..9_100).map(|s| sample("Tag0", at(s), 1.0)).collect()).await.unwrap();
    store.append_samples(vec![sample("Tag1", at(20_000), 2.0)]).await.unwrap();
    store.seal().await.unwrap();
    assert_eq!(store.latest_sample(&key("Tag1")).await.unwrap(), Some(Sample::good(at(20_000), 2.0)));
    let kept = store.prune(KeepSince { samples: Some(at(12_288)), ..KeepSince::default() }).await.unwrap();
    assert_eq!(kept.samples, 2 * 12_288 + 100);
    assert_eq!(store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap().len(), 7712);
}

/// Every statement of a seal fails in its turn: what is read stays what it was.
#[tokio::test]
async fn a_seal_that_fails_half_way_changes_nothing() {
    for (event, table, when) in [
        ("insert", "block", ""),
        ("insert", "block", "new.tag_id in (2, 17)"),
        ("delete", "tail", ""),
        ("delete", "sample", ""),
    ] {
        let folder = folder();
        let (store, mut model) = (open(&folder).await, Model::default());
        for (tag, count) in [(0, 30), (1, 500), (0, 400), (1, 20)] {
            take(&store, &mut model, &Step::Append { tag, start: 0, apart: 10, count, value: 5 }).await;
        }
        refuse(&folder, event, table, when).await;
        store.seal().await.unwrap();
        compare(&store, &model, (50, 4_000), 7).await;
        store.close().await;
        allow(&folder, table).await;
        let store = open(&folder).await;
        store.seal().await.unwrap();
        compare(&store, &model, (50, 4_000), 7).await;
    }
}
