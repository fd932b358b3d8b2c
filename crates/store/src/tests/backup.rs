//! Backups: made while the store is in use, put back as a whole or not at all.

use std::path::Path;

use super::*;
use crate::{BackupError, KeepFree, NewModel, restore_backup, write_backup};

fn model() -> NewModel {
    NewModel {
        asset: asset(),
        created_at: at(7),
        manifest: "{}".to_owned(),
        metrics: "{}".to_owned(),
        weights: vec![1, 2, 3],
        activate: true,
    }
}

/// A store with some of everything.
async fn filled(folder: &TempDir) -> Store {
    let store = open(folder).await;
    store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    store.add_model(model()).await.unwrap();
    store.put_state("Mixer/threshold", &3).await.unwrap();
    store.append_scores(vec![verdict(at(1), 1.0, 2)]).await.unwrap();
    store.append_samples((0..10_000).map(|s| sample("Tag0", at(s), s as f64)).collect()).await.unwrap();
    store.seal().await.unwrap();
    store.append_samples(vec![sample("Tag0", at(10_000), 10_000.0)]).await.unwrap();
    store.flush().await.unwrap();
    store
}

async fn samples(store: &Store) -> Vec<Sample> {
    store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap()
}

async fn is_filled(store: &Store, at_least: usize) {
    let read = samples(store).await;
    assert!(read.len() >= at_least, "{}", read.len());
    assert!(
        read.iter().enumerate().all(|(n, s)| *s == Sample::good(at(n as i64), n as f64)),
        "whole, and no hole in it"
    );
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 1);
    assert_eq!(store.open_alarms().await.unwrap().len(), 1);
    assert_eq!(store.active_model(&asset()).await.unwrap().unwrap().weights, [1, 2, 3]);
    assert_eq!(store.get_state::<i64>("Mixer/threshold").await.unwrap(), Some(3));
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_made_while_the_store_is_written_and_restores_to_one_moment_of_it() {
    let (folder, other) = (folder(), folder());
    let store = filled(&folder).await;
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for s in 10_001.. {
            if writing.append_samples(vec![sample("Tag0", at(s), s as f64)]).await.is_err()
                || writing.flush().await.is_err()
            {
                return;
            }
        }
    });
    let file = other.path().join("plant.andon");
    let made = write_backup(&url(&folder), &file, at(99)).await.unwrap();
    let after = samples(&store).await.len();
    writer.abort();
    store.close().await;
    assert_eq!(names(other.path()), ["plant.andon"], "nothing else is left");
    assert!(matches!(write_backup(&url(&folder), &file, at(99)).await, Err(BackupError::Exists(_))));
    let restored = restore_backup(&file, &url(&other), false).await.unwrap();
    assert_eq!((restored.clone(), restored.created_at), (made, at(99)));
    let store = open(&other).await;
    is_filled(&store, 10_001).await;
    assert!(samples(&store).await.len() <= after);
    let again = restore_backup(&file, &url(&other), false).await;
    assert!(matches!(&again, Err(BackupError::WouldReplace(_))), "{again:?}");
}

#[tokio::test]
async fn a_damaged_backup_changes_nothing() {
    let (source, folder) = (folder(), folder());
    filled(&source).await.close().await;
    let file = source.path().join("plant.andon");
    write_backup(&url(&source), &file, at(99)).await.unwrap();
    let store = open(&folder).await;
    store.append_samples(vec![sample("Tag0", at(5), 5.0)]).await.unwrap();
    store.close().await;
    let whole = std::fs::read(&file).unwrap();
    let mut cases: Vec<Vec<u8>> = [0, 1, 10, whole.len() / 2, whole.len() - 1].map(|n| whole[..n].to_vec()).into();
    for place in [0, 6, 30, whole.len() / 3, whole.len() / 2, whole.len() - 40] {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        cases.push(changed);
    }
    cases.push(b"timestamp,value\n".repeat(1_000));
    for (n, bytes) in cases.into_iter().enumerate() {
        std::fs::write(&file, bytes).unwrap();
        let said = restore_backup(&file, &url(&folder), true).await;
        assert!(matches!(&said, Err(BackupError::Damaged { path, .. }) if *path == file), "{n}: {said:?}");
        assert_eq!(names(folder.path()), ["andon.db", "andon.samples.db"], "{n}");
    }
    assert_eq!(samples(&open(&folder).await).await, [Sample::good(at(5), 5.0)]);
}

/// The power goes while the files are moved to their places, before, between and after.
#[tokio::test]
async fn a_restore_that_was_interrupted_is_finished_by_the_next_start() {
    let (source, unpacked) = (folder(), folder());
    filled(&source).await.close().await;
    let file = source.path().join("plant.andon");
    write_backup(&url(&source), &file, at(99)).await.unwrap();
    restore_backup(&file, &url(&unpacked), false).await.unwrap();
    for moved in 0..=2 {
        let folder = folder();
        // The process that used the old store was killed: its logs are there.
        let old = open(&folder).await;
        old.append_samples(vec![sample("Tag0", at(500), -1.0)]).await.unwrap();
        old.flush().await.unwrap();
        let logs =
            ["andon.db-wal", "andon.samples.db-wal"].map(|log| (log, std::fs::read(folder.path().join(log)).unwrap()));
        old.close().await;
        std::fs::create_dir(folder.path().join("andon.restore")).unwrap();
        for (n, name) in ["andon.db", "andon.samples.db"].into_iter().enumerate() {
            let place =
                if n < moved { folder.path().join(name) } else { folder.path().join("andon.restore").join(name) };
            std::fs::copy(unpacked.path().join(name), place).unwrap();
            if n >= moved {
                std::fs::write(folder.path().join(logs[n].0), &logs[n].1).unwrap();
            }
        }
        let store = Store::open_keeping(&url(&folder), KeepFree::Unsaid, &TaskTracker::new()).await.unwrap();
        is_filled(&store, 10_001).await;
        assert!(!folder.path().join("andon.restore").exists());
    }
}

#[tokio::test]
async fn a_backup_of_a_newer_version_is_refused_and_changes_nothing() {
    let (source, folder) = (folder(), folder());
    filled(&source).await.close().await;
    let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9999, 'later', 1, x'00', 0)";
    let file = source.path().join("plant.andon");
    write_backup(&url(&source), &file, at(99)).await.unwrap();
    // As a newer version would write it: the same archive with other files.
    let unpacked = super::folder();
    restore_backup(&file, &url(&unpacked), false).await.unwrap();
    meddle(&unpacked, "andon.samples.db", newer).await;
    let said = write_backup(&url(&unpacked), &unpacked.path().join("newer.andon"), at(1)).await;
    assert!(matches!(&said, Err(BackupError::Store(StoreError::Newer { migration: 9999, .. }))), "{said:?}");
    assert_eq!(names(folder.path()), [""; 0]);
    let nothing = write_backup(&url(&folder), &folder.path().join("nothing.andon"), at(1)).await;
    assert!(matches!(&nothing, Err(BackupError::NoStore(_))), "{nothing:?}");
    assert_eq!(names(folder.path()), [""; 0]);
}
