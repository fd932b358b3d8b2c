//! A full disk, made by the number of pages that SQLite lets the file of samples have.

use std::time::Duration;

use super::*;
use crate::{KeepFree, SpaceState, space::Disk};

const DAY: i64 = 86_400;
/// Of what is written here a page holds about a thousand.
const BATCH: i64 = 5_000;

async fn open_with(folder: &TempDir, pages: u32) -> Store {
    Store::open_limited(&url(folder), KeepFree::default(), Some(pages), &TaskTracker::new()).await.unwrap()
}

/// Numbers that can't be compressed.
fn noise(n: i64) -> f64 {
    let mixed = (n as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    ((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 11) as f64
}

async fn append(store: &Store, tag: &str, from: i64) {
    let samples = (from..from + BATCH).map(|n| sample(tag, at(n), noise(n)));
    store.append_samples(samples.collect()).await.unwrap();
}

async fn read(store: &Store, tag: &str) -> Vec<i64> {
    let samples = store.samples(&key(tag), EVER.0, EVER.1, ALL).await.unwrap();
    samples.iter().map(|s| s.time.as_micros() / 1_000_000).collect()
}

/// Three times as much as there is room for: the newest is there without a hole, and neither writer nor alarm had to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_the_oldest_samples_make_room_for_the_newest() {
    let folder = folder();
    let store = open_with(&folder, 1_000).await;
    let alarm = store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    let end = 300 * BATCH;
    for from in (0..end).step_by(BATCH as usize) {
        append(&store, "Tag0", from).await;
        append(&store, "Tag1", from).await;
    }
    store.flush().await.unwrap();
    let stats = store.stats();
    assert_eq!((stats.samples.given_up_rows, stats.samples.refused_rows), (0, 0));
    let mut left = 0;
    for tag in ["Tag0", "Tag1"] {
        let read = read(&store, tag).await;
        assert!(read.len() as i64 > DAY, "the newest day stays: {}", read.len());
        assert!(read.iter().copied().eq(end - read.len() as i64..end), "{tag}: the newest, and no hole between them");
        left += read.len() as i64;
    }
    assert_eq!(stats.shed_samples as i64, 2 * end - left, "what is gone is counted");
    assert!(store.alarm(alarm.id).await.unwrap().is_some_and(|(_, journal)| journal.len() == 1));
    store.insert_alarm(super::alarm(at(2)), Vec::new()).await.unwrap();
}

/// Nothing can be deleted: what waits is given up from its older end, and whoever appends does not wait for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_room_can_be_made_for_is_given_up_and_counted() {
    let folder = folder();
    open(&folder).await.close().await;
    meddle(&folder, "andon.samples.db", "vacuum").await;
    let store = open_with(&folder, 1).await;
    let batches = 1_000;
    let appending = async {
        for n in 0..batches {
            store.append_samples((0..100).map(|i| sample("Tag0", at(n * 100 + i), noise(i))).collect()).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), appending).await.expect("nobody waits for ever");
    let given_up = store.stats().samples.given_up_rows;
    assert!(given_up >= 100 && given_up <= 100 * batches as u64, "{given_up}");
}

/// Rows of scores go once nothing but the newest day of samples is left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shedding_takes_samples_first_then_scores_and_never_alarms() {
    let folder = folder();
    let store = open(&folder).await;
    let alarm = store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    for day in [0, 1, 2] {
        append(&store, "Tag0", day * DAY).await;
        store.append_scores(vec![verdict(at(day * DAY), 1.0, 2)]).await.unwrap();
        store.seal().await.unwrap();
    }
    let mut left = Vec::new();
    while store.series().shed().await.unwrap().rows() > 0 {
        let samples = read(&store, "Tag0").await.iter().filter(|s| **s % DAY == 0).map(|s| s / DAY).collect::<Vec<_>>();
        let scores = store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap();
        let scores = scores.iter().map(|s| s.time.as_micros() / 1_000_000 / DAY).collect::<Vec<_>>();
        left.push((samples, scores));
    }
    left.dedup();
    let expected: [(&[i64], &[i64]); 5] = [(&[2], &[0, 1, 2]), (&[2], &[1, 2]), (&[2], &[2]), (&[], &[2]), (&[], &[])];
    let left: Vec<(&[i64], &[i64])> = left.iter().map(|(a, b)| (a.as_slice(), b.as_slice())).collect();
    assert_eq!(left, expected);
    assert!(store.alarm(alarm.id).await.unwrap().is_some());
}

/// What is free in the file counts as room: another program that takes what is free on the disk eats no more history.
#[tokio::test]
async fn a_disk_that_fills_up_is_warned_of_and_then_made_room_on() {
    let folder = folder();
    let keep = KeepFree::Bytes(20_000_000);
    let store = Store::open_keeping(&url(&folder), keep, &TaskTracker::new()).await.unwrap();
    for from in (0..400 * BATCH).step_by(BATCH as usize) {
        append(&store, "Tag0", from).await;
    }
    store.seal().await.unwrap();
    let disk = |free| move || Some(Disk { size: 1_000_000_000, free });
    let look = async |seconds, free| store.look_after_disk(at(seconds), disk(free)).await.unwrap().unwrap();
    let seen = look(0, 900_000_000).await;
    assert_eq!((seen.state, seen.reserve, store.stats().shed_samples), (SpaceState::Enough, true, 0));
    assert!(folder.path().join("andon.reserve").exists());
    // 100 MB in two hours: the rest goes in less than a week.
    let seen = look(7_200, 800_000_000).await;
    assert!(seen.state == SpaceState::Low && seen.full_in.is_some_and(|left| left.as_secs() / 3_600 == 15), "{seen:?}");
    let seen = look(7_210, 15_000_000).await;
    assert_eq!(seen.state, SpaceState::Shedding);
    assert!(seen.free_bytes + seen.reusable_bytes >= 20_000_000, "{seen:?}");
    let shed = store.stats().shed_samples;
    assert!(shed > 0 && !read(&store, "Tag0").await.is_empty());
    look(7_220, 15_000_000).await;
    assert_eq!(store.stats().shed_samples, shed, "no more than is needed");
    // The reserve was given up and is made again from free pages.
    std::fs::remove_file(folder.path().join("andon.reserve")).unwrap();
    let before = store.stats().samples_bytes;
    assert!(!look(7_230, 1_000_000).await.reserve, "the disk says it is still full");
    assert!(store.stats().samples_bytes < before, "pages were given back");
    assert!(look(7_240, 900_000_000).await.reserve);
    assert_eq!(store.space_report().map(|seen| seen.state), Some(SpaceState::Enough));
}
