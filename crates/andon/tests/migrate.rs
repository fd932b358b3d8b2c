//! `andon migrate`: a store in another place, whole or named as a part.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use std::path::Path;

use andon_plant::{AssetName, Sample, TagKey, TagName, TagSample, Timestamp};
use andon_store::{NewModel, SqliteUrl, Store, StoreUrl, move_store};
use support::andon;
use tempfile::TempDir;
use tokio::{runtime::Runtime, sync::Notify};
use tokio_util::task::TaskTracker;

fn url(dir: &Path, folder: &str) -> SqliteUrl {
    SqliteUrl::at(dir.join(folder).join("andon.db")).unwrap()
}

async fn open(dir: &Path, folder: &str) -> Store {
    Store::open(&url(dir, folder), &TaskTracker::new()).await.unwrap()
}

fn key() -> TagKey {
    TagKey { asset: AssetName::new("Mixer").unwrap(), tag: TagName::new("Temperature").unwrap() }
}

/// A folder with a store in `old`.
async fn filled() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), "old").await;
    let samples = (0..5_000).map(|s| TagSample { key: key(), sample: Sample::good(Timestamp::from_secs(s), s as f64) });
    store.append_samples(samples.collect()).await.unwrap();
    store.put_state("Mixer/threshold", &3).await.unwrap();
    let (manifest, metrics, created_at) = ("{}".to_owned(), "{}".to_owned(), Timestamp::from_secs(1));
    let model = NewModel { asset: key().asset, created_at, manifest, metrics, weights: vec![1, 2], activate: true };
    store.add_model(model).await.unwrap();
    store.close().await;
    dir
}

fn migrate(dir: &Path, to: &str) -> (i32, String, String) {
    andon(&["migrate", "--data-dir", "old", "--to", to], dir)
}

#[test]
fn a_store_is_moved_once_and_whole() {
    let runtime = Runtime::new().unwrap();
    let dir = runtime.block_on(filled());
    let (code, out, err) = migrate(dir.path(), "sqlite://new/andon.db");
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("model 1, state 1, asset 1, tag 1") && out.contains("compared row by row"), "{out}");
    let samples = runtime.block_on(async {
        let store = open(dir.path(), "new").await;
        let ever = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
        let samples = store.samples(&key(), ever.0, ever.1, Default::default()).await.unwrap();
        store.close().await;
        samples
    });
    assert_eq!(samples.len(), 5_000);
    let (code, _, err) = migrate(dir.path(), "sqlite://new/andon.db");
    assert!(code == 2 && err.contains("is not empty"), "{err}");
}

#[test]
fn what_can_not_be_moved_is_said_without_a_password() {
    let dir = tempfile::tempdir().unwrap();
    for (to, said) in [
        ("postgres://andon:secret@127.0.0.1:1", "names no host or no database"),
        ("mysql://andon:secret@127.0.0.1/andon", "is not known"),
        ("sqlite://new/andon.db", "there is no store"),
    ] {
        let (code, _, err) = migrate(dir.path(), to);
        assert!(code == 2 && err.contains(said) && !err.contains("secret"), "{err}");
    }
    let dir = Runtime::new().unwrap().block_on(filled());
    let (code, _, err) = migrate(dir.path(), "postgres://andon:secret@127.0.0.1:1/andon");
    assert!(code == 2 && err.contains("127.0.0.1:1/andon can't be used") && !err.contains("secret"), "{err}");
    assert!(!dir.path().join("new").exists());
}

/// A store that was used between two halves of its move is not what was copied, and what has arrived is no store.
#[test]
fn what_differs_is_named_and_can_not_be_started_on() {
    let runtime = Runtime::new().unwrap();
    let dir = runtime.block_on(filled());
    runtime.block_on(async {
        std::fs::create_dir(dir.path().join("new")).unwrap();
        let place = |folder| StoreUrl::Sqlite(url(dir.path(), folder));
        let from = andon::store::place(&place("old")).await.unwrap();
        let to = andon::store::place(&place("new")).await.unwrap();
        let (stop, mut pages) = (Notify::new(), 0);
        let mut show = |_| {
            pages += 1;
            if pages == 2 {
                stop.notify_one();
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => {}
            _ = move_store(&from, &to, &mut show) => unreachable!("it was stopped"),
        }
        let old = open(dir.path(), "old").await;
        old.put_state("Mixer/threshold", &4).await.unwrap();
        old.close().await;
    });
    let (code, out, err) = migrate(dir.path(), "sqlite://new/andon.db");
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("state (key `Mixer/threshold`): not the same: json"), "{out}");
    assert!(out.contains("1 rows are not the same"), "{out}");
    let started = runtime.block_on(Store::open(&url(dir.path(), "new"), &TaskTracker::new())).unwrap_err().to_string();
    assert!(started.contains("has only a part of"), "{started}");
}
