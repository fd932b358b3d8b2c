//! Samples and scores: order, duplicates, thinning, spans.

use proptest::prelude::*;

use super::*;
use crate::KeepSince;

async fn values(store: &Store, tag: &str, query: SeriesQuery) -> Vec<(i64, f64)> {
    let samples = store.samples(&key(tag), EVER.0, EVER.1, query).await.unwrap();
    samples.iter().map(|s| (s.time.as_micros() / 1_000_000, s.value)).collect()
}

#[tokio::test]
async fn out_of_order_samples_are_read_in_order() {
    let folder = folder();
    let store = open(&folder).await;
    for s in [5, 1, 4, 2, 3] {
        store.append_samples(vec![sample("Tag0", at(s), s as f64)]).await.unwrap();
    }
    store.flush().await.unwrap();
    assert_eq!(values(&store, "Tag0", ALL).await, [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0), (5, 5.0)]);
    assert_eq!(values(&store, "Tag0", SeriesQuery::newest(2)).await, [(5, 5.0), (4, 4.0)]);
    assert_eq!(store.span(&asset()).await.unwrap(), Some((at(1), at(5))));
    assert_eq!(store.latest_sample(&key("Tag0")).await.unwrap(), Some(Sample::good(at(5), 5.0)));
    assert_eq!(store.sample_at(&key("Tag0"), at(3)).await.unwrap(), Some(Sample::good(at(3), 3.0)));
    let half_open = store.samples(&key("Tag0"), at(2), at(4), ALL).await.unwrap();
    assert_eq!(half_open.iter().map(|s| s.time).collect::<Vec<_>>(), [at(2), at(3)]);
}

#[tokio::test]
async fn a_duplicate_is_stored_once_and_the_later_wins() {
    let folder = folder();
    let store = open(&folder).await;
    store.append_samples(vec![sample("Tag0", at(1), 1.0), sample("Tag0", at(1), 2.0)]).await.unwrap();
    store.append_samples(vec![sample("Tag0", at(1), 3.0), sample("Tag1", at(1), 9.0)]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(values(&store, "Tag0", ALL).await, [(1, 3.0)]);
}

#[tokio::test]
async fn status_codes_and_gaps_are_kept() {
    let folder = folder();
    let store = open(&folder).await;
    let stored = [
        Sample::good(at(1), 0.1 + 0.2),
        Sample::new(at(2), -5e-324, StatusCode(0x4091_0480)),
        Sample::bad(at(3), StatusCode::BAD_SENSOR_FAILURE),
        Sample::bad(at(4), StatusCode(0xFFFF_FFFF)),
    ];
    store.append_samples(stored.map(|sample| TagSample { key: key("Tag0"), sample }).to_vec()).await.unwrap();
    store.flush().await.unwrap();
    let read = store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap();
    assert_eq!(read.len(), stored.len());
    for (read, stored) in read.iter().zip(&stored) {
        assert_eq!((read.time, read.status), (stored.time, stored.status));
        assert_eq!(read.value.is_nan(), stored.status.is_bad());
        assert!(stored.status.is_bad() || read.value.to_bits() == stored.value.to_bits());
    }
}

#[tokio::test]
async fn a_number_that_is_not_finite_comes_back_as_nan() {
    let folder = folder();
    let store = open(&folder).await;
    let mut v = verdict(at(1), 4.0, 1);
    v.threshold = f64::NAN;
    v.tags[0].expected_low = f64::NAN;
    store.append_scores(vec![v]).await.unwrap();
    store.flush().await.unwrap();
    let read = store.verdict_at(&asset(), at(1)).await.unwrap().unwrap();
    assert!(read.threshold.is_nan() && read.tags[0].expected_low.is_nan());
    assert_eq!(read.tags[0].expected_high, 21.0);
}

#[tokio::test]
async fn findings_are_kept_with_the_largest_share_first() {
    let folder = folder();
    let store = open(&folder).await;
    let mut said = verdict(at(1), 4.0, 3);
    (said.tags[0].contribution, said.tags[1].contribution, said.tags[2].contribution) = (0.2, 0.1, 0.7);
    said.findings = vec![finding("Tag2"), finding("Tag0")];
    store.append_scores(vec![said.clone()]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.verdict_at(&asset(), at(1)).await.unwrap(), Some(said));
}

#[tokio::test]
async fn a_row_judged_again_keeps_nothing_of_the_first_verdict() {
    let folder = folder();
    let store = open(&folder).await;
    store.append_scores(vec![verdict(at(1), 4.0, 3), verdict(at(1), 2.0, 2)]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.verdict_at(&asset(), at(1)).await.unwrap(), Some(verdict(at(1), 2.0, 2)));
    assert_eq!(store.expected(&key("Tag2"), EVER.0, EVER.1, ALL).await.unwrap(), []);
}

#[tokio::test]
async fn the_verdict_in_force_is_the_newest_not_after() {
    let folder = folder();
    let store = open(&folder).await;
    store.append_scores((1..5).map(|s| verdict(at(s * 10), s as f64, 1)).collect()).await.unwrap();
    store.flush().await.unwrap();
    let score = async |s| store.verdict_at(&asset(), at(s)).await.unwrap().map(|v| v.score);
    assert_eq!(
        [score(9).await, score(10).await, score(29).await, score(99).await],
        [None, Some(1.0), Some(2.0), Some(4.0)]
    );
    let newest = store.scores(&asset(), EVER.0, at(40), SeriesQuery::newest(1)).await.unwrap();
    assert_eq!(newest[0].score, 3.0);
}

#[tokio::test]
async fn thinned_scores_and_expected_values_keep_their_peaks() {
    let folder = folder();
    let store = open(&folder).await;
    let peak = |s: i64| if s == 777 { 15.0 } else { (s % 7) as f64 * 0.1 };
    store.append_scores((0..2000).map(|s| verdict(at(s), peak(s), 1)).collect()).await.unwrap();
    store.flush().await.unwrap();
    let scores = store.scores(&asset(), at(0), at(2000), SeriesQuery::thinned(50)).await.unwrap();
    assert!(scores.len() <= 50 && scores.iter().any(|p| p.score == 15.0 && p.time == at(777)), "{}", scores.len());
    let expected = store.expected(&key("Tag0"), at(0), at(2000), SeriesQuery::thinned(50)).await.unwrap();
    assert!(expected.len() <= 50 && expected.iter().any(|p| p.residual == 15.0), "{}", expected.len());
    let few = store.scores(&asset(), at(0), at(20), SeriesQuery::thinned(50)).await.unwrap();
    assert_eq!(few.len(), 20);
}

#[tokio::test]
async fn pruning_deletes_what_is_older_and_nothing_else() {
    let folder = folder();
    let store = open(&folder).await;
    for tag in ["Tag0", "Tag1"] {
        store.append_samples((0..6000).map(|s| sample(tag, at(s), 1.0)).collect()).await.unwrap();
    }
    store.append_scores((0..100).map(|s| verdict(at(s), 1.0, 2)).collect()).await.unwrap();
    let keep = KeepSince { samples: Some(at(5500)), scores: Some(at(90)), alarms: None };
    let pruned = store.prune(keep).await.unwrap();
    assert_eq!((pruned.samples, pruned.scores), (11_000, 270));
    assert_eq!(store.span(&asset()).await.unwrap(), Some((at(5500), at(5999))));
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 10);
    assert_eq!(store.expected(&key("Tag1"), EVER.0, EVER.1, ALL).await.unwrap()[0].time, at(90));
    assert_eq!(store.prune(keep).await.unwrap(), crate::Pruned::default());
}

/// Thinning as it is defined, slowly.
pub(super) fn thinned_by_hand(samples: &[Sample], max_points: usize) -> Vec<Timestamp> {
    let (first, last) = (samples[0].time.as_micros(), samples[samples.len() - 1].time.as_micros());
    let buckets = (max_points / 3).max(1) as i64;
    let width = (last + 1 - first + buckets - 1) / buckets;
    let mut kept = std::collections::BTreeSet::new();
    for bucket in 0..buckets {
        let within: Vec<&Sample> = samples.iter().filter(|s| (s.time.as_micros() - first) / width == bucket).collect();
        let usable = || within.iter().filter(|s| !s.status.is_bad());
        kept.extend(usable().min_by(|a, b| a.value.total_cmp(&b.value)).map(|s| s.time));
        kept.extend(usable().rev().max_by(|a, b| a.value.total_cmp(&b.value)).map(|s| s.time));
        kept.extend(within.iter().find(|s| s.status.is_bad()).map(|s| s.time));
    }
    kept.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Each bucket keeps its lowest, its highest and its first gap, and nothing else.
    #[test]
    fn thinning_keeps_extremes_and_gaps(
        values in prop::collection::btree_map(0i64..100_000, prop::option::weighted(0.9, -5i32..5), 1..300),
        max_points in 3usize..60,
        newest_first: bool,
    ) {
        let stored: Vec<Sample> = values.iter().map(|(t, v)| {
            let time = Timestamp::from_micros(*t);
            v.map_or(Sample::bad(time, StatusCode::BAD), |v| Sample::good(time, f64::from(v)))
        }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let read = runtime.block_on(async {
            let folder = folder();
            let store = open(&folder).await;
            let rows = stored.iter().map(|s| TagSample { key: key("Tag0"), sample: *s }).collect();
            store.append_samples(rows).await.unwrap();
            store.flush().await.unwrap();
            let query = SeriesQuery { max_points: Some(max_points), limit: None, newest_first };
            store.samples(&key("Tag0"), EVER.0, EVER.1, query).await.unwrap()
        });
        let mut times: Vec<Timestamp> = read.iter().map(|s| s.time).collect();
        if newest_first {
            times.reverse();
        }
        let all = || stored.iter().map(|s| s.time).collect();
        prop_assert_eq!(times, if stored.len() <= max_points { all() } else { thinned_by_hand(&stored, max_points) });
        prop_assert!(read.len() <= max_points);
    }
}
