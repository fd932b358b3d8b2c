//! What the doctor finds, and what it makes of it.

use super::*;
use crate::{Checkup, NewModel, doctor::examine, vacuum::vacuum};

/// Two tags of three blocks each, a batch in the tail, a row, a score, an alarm and a model.
async fn filled() -> TempDir {
    let folder = folder();
    let store = open(&folder).await;
    for tag in ["Tag0", "Tag1"] {
        store.append_samples((0..12_288).map(|s| sample(tag, at(s), s as f64)).collect()).await.unwrap();
        store.seal().await.unwrap();
    }
    store.append_samples(vec![sample("Tag1", at(20_000), 1.0)]).await.unwrap();
    store.flush().await.unwrap();
    store.append_samples((30_000..30_100).map(|s| sample("Tag0", at(s), s as f64)).collect()).await.unwrap();
    store.append_scores(vec![verdict(at(1), 1.0, 2)]).await.unwrap();
    store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap();
    let (manifest, metrics) = ("{}".to_owned(), "{}".to_owned());
    let model = NewModel { asset: asset(), created_at: at(1), manifest, metrics, weights: vec![7], activate: true };
    store.add_model(model).await.unwrap();
    store.close().await;
    folder
}

async fn look(folder: &TempDir, repair: bool) -> Checkup {
    let sound = |_: &str, weights: Vec<u8>| if weights == [7] { Ok(()) } else { Err("another checksum".to_owned()) };
    examine(&url(folder), repair, sound).await.unwrap()
}

async fn read(folder: &TempDir, tag: &str) -> Result<usize, StoreError> {
    let store = open(folder).await;
    let read = store.samples(&key(tag), EVER.0, EVER.1, ALL).await.map(|samples| samples.len());
    store.close().await;
    read
}

#[tokio::test]
async fn of_a_sound_store_there_is_nothing_to_say() {
    let folder = filled().await;
    let before = std::fs::read(folder.path().join("andon.samples.db")).unwrap();
    let seen = look(&folder, false).await;
    assert_eq!((seen.blocks, seen.batches, seen.rows, seen.samples), (6, 1, 1, 2 * 12_288 + 101));
    assert_eq!((seen.alarms, seen.models), (1, 1));
    assert_eq!((seen.found, seen.findings), (0, Vec::new()));
    assert_eq!(std::fs::read(folder.path().join("andon.samples.db")).unwrap(), before, "it only reads");
}

/// Each fault is named, costs only itself, is out of the way once repaired, and is then lost no more.
#[tokio::test]
async fn each_fault_costs_only_itself() {
    const SAMPLES: &str = "andon.samples.db";
    let block = "andon.samples.db: block of Mixer/Tag0 from 1970-01-01T01:08:16Z to 1970-01-01T02:16:31Z: ";
    let (of, lost) = ("4096 samples are lost", 2 * 12_288 + 101 - 4_096);
    let cases = [
        (
            "update block_data set data = x'01ff' where id = 2",
            format!("{block}its checksum does not match; {of}"),
            lost,
        ),
        ("delete from block_data where id = 2", format!("{block}it is empty; {of}"), lost),
        (
            "update block set last_us = last_us - 1 where first_us = 4096000000 and tag_id = 1",
            "andon.samples.db: block of Mixer/Tag0 from 1970-01-01T01:08:16Z to 1970-01-01T02:16:30.999999Z: its times can't be read; 4096 samples are lost".to_owned(),
            lost,
        ),
        (
            "update block set max = 1e9 where first_us = 4096000000 and tag_id = 1",
            format!("{block}its roll-up is not that of its samples; nothing is lost"),
            lost + 4_096,
        ),
        (
            "update tail set data = x'01ff'",
            "andon.samples.db: batch of the tail of Mixer/Tag0, Mixer/Tag1: its checksum does not match; 100 samples are lost".to_owned(),
            lost + 4_096 - 100,
        ),
        (
            "update sample set value = null",
            "andon.samples.db: row of Mixer/Tag1 from 1970-01-01T05:33:20Z to 1970-01-01T05:33:20Z: its value does not go with its status Good; 1 samples are lost".to_owned(),
            lost + 4_096 - 1,
        ),
    ];
    for (sql, said, samples) in cases {
        let folder = filled().await;
        meddle(&folder, SAMPLES, sql).await;
        let seen = look(&folder, false).await;
        let found: Vec<String> = seen.findings.iter().map(ToString::to_string).collect();
        assert_eq!((found.as_slice(), seen.samples), ([said.clone()].as_slice(), samples), "{sql}");
        let mended = if said.ends_with("are lost") { "out of the way now" } else { "made anew" };
        assert_eq!(look(&folder, true).await.findings[0].to_string(), format!("{said}, and it is {mended}"));
        let after = look(&folder, false).await;
        assert_eq!((after.lost, after.samples), (0, samples), "{sql}: {:?}", after.findings);
        let (tag0, tag1) = (read(&folder, "Tag0").await.unwrap(), read(&folder, "Tag1").await.unwrap());
        assert_eq!((tag0 + tag1) as u64, samples, "reads go on: {sql}");
    }
}

#[tokio::test]
async fn what_is_broken_beside_samples_is_named() {
    let cases = [
        (
            "andon.db",
            "update model set weights = x'00'",
            "andon.db: model of Mixer version 1: another checksum; it is lost",
        ),
        (
            "andon.db",
            "update alarm set phase = 'sideways'",
            "andon.db: alarm of 1: row 1 of table alarm is broken: the phase `sideways` since None is not known; restore a backup, or delete the row; it is lost",
        ),
        (
            "andon.db",
            "delete from alarm",
            "andon.db: rows: 1 rows of `alarm_contribution` refer to rows of `alarm` that are not there; it is lost",
        ),
        (
            "andon.samples.db",
            "update score set score = 9e999",
            "andon.samples.db: rows: 1 scores are not finite; it is lost",
        ),
        (
            "andon.samples.db",
            "delete from block where tag_id = 1",
            "andon.samples.db: rows: 3 contents belong to no block; it is lost",
        ),
    ];
    for (file, sql, said) in cases {
        let folder = filled().await;
        meddle(&folder, file, sql).await;
        let seen = look(&folder, false).await;
        assert_eq!(seen.findings.first().map(ToString::to_string).as_deref(), Some(said), "{sql}");
        assert!(seen.lost > 0);
    }
}

/// Pages that SQLite can't read are findings too, and what is elsewhere is examined all the same.
#[tokio::test]
async fn a_file_with_a_broken_page_is_examined_as_far_as_it_goes() {
    let folder = filled().await;
    let path = folder.path().join("andon.samples.db");
    let mut bytes = std::fs::read(&path).unwrap();
    let page = bytes.len() / 4096 - 3;
    bytes[page * 4096..page * 4096 + 64].fill(0xA5);
    std::fs::write(&path, bytes).unwrap();
    let seen = look(&folder, false).await;
    assert!(seen.lost > 0 && seen.alarms == 1, "{seen:?}");
}

#[tokio::test]
async fn a_store_in_use_is_examined_without_a_false_alarm() {
    let folder = filled().await;
    let store = open(&folder).await;
    let writing = store.clone();
    let writer = tokio::spawn(async move {
        for n in 0.. {
            let samples = (0..200).map(|i| sample("Tag0", at(40_000 + n * 200 + i), i as f64)).collect();
            if writing.append_samples(samples).await.is_err() || writing.seal().await.is_err() {
                return;
            }
        }
    });
    for _ in 0..5 {
        let seen = look(&folder, false).await;
        assert_eq!((seen.found, seen.findings), (0, Vec::new()));
    }
    writer.abort();
    store.close().await;
}

#[tokio::test]
async fn an_old_file_is_made_small_and_gives_pages_back_from_then_on() {
    let folder = folder();
    open(&folder).await.close().await;
    // As it was made before pages could be given back.
    meddle(&folder, "andon.samples.db", "pragma auto_vacuum = none; vacuum").await;
    meddle(&folder, "andon.samples.db", "create table filler (data blob) strict").await;
    meddle(&folder, "andon.samples.db", "insert into filler values (zeroblob(4000000))").await;
    meddle(&folder, "andon.samples.db", "drop table filler").await;
    assert_eq!(auto_vacuum(&folder).await, 0);
    let (before, after) = vacuum(&url(&folder)).await.unwrap();
    assert!(before > 4_000_000 && after < 400_000, "{before} {after}");
    assert_eq!(auto_vacuum(&folder).await, 2);
}

async fn auto_vacuum(folder: &TempDir) -> i64 {
    let mut conn = options(&folder.path().join("andon.samples.db")).connect().await.unwrap();
    let mode = sqlx::query_scalar("pragma auto_vacuum").fetch_one(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    mode
}
