//! Long histories of several tags, piece by piece.

use proptest::prelude::*;

use super::*;
use crate::Histories;

pub(super) async fn walked(
    histories: &Histories,
    tags: &[&str],
    (from, to): (Timestamp, Timestamp),
) -> Vec<(usize, Sample)> {
    let mut walk = histories.walk(tags.iter().map(|t| key(t)).collect(), from, to);
    let mut all = Vec::new();
    while let Some(piece) = walk.next().await.unwrap() {
        assert!(!piece.is_empty());
        all.extend(piece);
    }
    all
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Tags of very different rates, partly sealed and partly in the tail, in pages and over their edges.
    #[test]
    fn every_sample_of_the_span_comes_once_and_in_order(
        counts in [0usize..30, 900usize..2_100, 3_000usize..9_000],
        from in -10i64..4_000,
        length in 0i64..9_000,
        sealed in any::<bool>(),
    ) {
        runtime().block_on(async {
            let (folder, tags) = (folder(), ["Tag0", "Tag1", "Tag2"]);
            let store = open(&folder).await;
            let mut appended = Vec::new();
            for (ix, (tag, count)) in tags.iter().zip(counts).enumerate() {
                let times = (0..count as i64).map(|n| at(n * (1 + 100 * (2 - ix as i64))));
                appended.extend(times.map(|time| (ix, sample(tag, time, time.as_secs_f64()))));
            }
            store.append_samples(appended.iter().map(|(_, s)| s.clone()).collect()).await.unwrap();
            store.flush().await.unwrap();
            if sealed {
                store.seal().await.unwrap();
                store.append_samples(vec![sample("Tag2", at(2), 2.0)]).await.unwrap();
                store.flush().await.unwrap();
            }
            let span = (at(from), at(from + length));
            let mut expected: Vec<_> = appended.into_iter().map(|(ix, s)| (ix, s.sample)).collect();
            expected.retain(|(_, s)| (span.0..span.1).contains(&s.time));
            expected.sort_by_key(|(ix, s)| (s.time, *ix));
            let mut histories = store.histories();
            prop_assert_eq!(&walked(&histories, &tags, span).await, &expected);
            // The smallest pages there are.
            let mut walk = histories.walk(tags.iter().map(|t| key(t)).collect(), span.0, span.1);
            walk = walk.in_pages(7);
            let mut all = Vec::new();
            while let Some(piece) = walk.next().await.unwrap() {
                prop_assert!(piece.len() <= 3 * 7);
                all.extend(piece);
            }
            prop_assert_eq!(&all, &expected);
            // A second process reads the same.
            histories = super::histories(&folder).await;
            prop_assert_eq!(&walked(&histories, &tags, span).await, &expected);
            histories.close().await;
            store.close().await;
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_is_appended_behind_the_walk_is_not_seen_and_what_lies_before_it_is() {
    let folder = folder();
    let store = open(&folder).await;
    store.append_samples((0..5_000).map(|s| sample("Tag0", at(s), 0.0)).collect()).await.unwrap();
    store.flush().await.unwrap();
    let mut walk = store.histories().walk(vec![key("Tag0")], EVER.0, EVER.1);
    walk = walk.in_pages(1_000);
    assert_eq!(walk.next().await.unwrap().unwrap().len(), 1_000);
    let late = [sample("Tag0", Timestamp::from_micros(500), 1.0), sample("Tag0", at(6_000), 1.0)];
    store.append_samples(late.to_vec()).await.unwrap();
    store.seal().await.unwrap();
    let mut rest = Vec::new();
    while let Some(piece) = walk.next().await.unwrap() {
        rest.extend(piece.into_iter().map(|(_, s)| s.time));
    }
    assert_eq!(rest, (1_000..5_000).chain([6_000]).map(at).collect::<Vec<_>>());
}
