//! Files and rows that are not as they should be.

use super::*;

#[tokio::test]
async fn a_file_that_is_not_sqlite_is_named_and_left_alone() {
    for file in ["andon.db", "andon.samples.db"] {
        let folder = folder();
        let path = folder.path().join(file);
        let text = "timestamp,value\n".repeat(400);
        std::fs::write(&path, &text).unwrap();
        let said = try_open(&folder).await.unwrap_err();
        assert!(matches!(&said, StoreError::NotADatabase { path: named } if *named == path), "{said}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was made beside it");
    }
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    for file in ["andon.db", "andon.samples.db"] {
        let folder = folder();
        open(&folder).await.close().await;
        let newer = "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
             values (9999, 'later', 1, x'00', 0)";
        meddle(&folder, file, newer).await;
        let before = std::fs::read(folder.path().join(file)).unwrap();
        let said = try_open(&folder).await.unwrap_err();
        assert!(matches!(&said, StoreError::Newer { migration: 9999, .. }), "{said}");
        assert!(said.to_string().contains(file) && said.to_string().contains("newer version"), "{said}");
        assert_eq!(std::fs::read(folder.path().join(file)).unwrap(), before);
    }
}

#[tokio::test]
async fn a_folder_that_is_missing_is_made() {
    let folder = folder();
    let url = SqliteUrl::at(folder.path().join("a/b/andon.db")).unwrap();
    Store::open(&url, &TaskTracker::new()).await.unwrap().close().await;
    assert!(url.main_path().exists() && url.samples_path().exists());
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_is_named() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("andon.db")).unwrap();
    let said = try_open(&folder).await.unwrap_err();
    assert!(matches!(&said, StoreError::Open { .. }) && said.to_string().contains("andon.db"), "{said}");
}

fn broken_row(error: StoreError) -> (&'static str, String) {
    match error {
        StoreError::BrokenRow { table, id, .. } => (table, id),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_broken_alarm_is_an_error_with_its_table_and_number() {
    for sql in [
        "update alarm set phase = 'sideways'",
        "update alarm set phase = 'falling', phase_since_us = null",
        "update alarm set severity = 70000",
        "update alarm set asset = 'a/b'",
    ] {
        let folder = folder();
        let store = open(&folder).await;
        let id = store.insert_alarm(alarm(at(1)), Vec::new()).await.unwrap().id;
        meddle(&folder, "andon.db", sql).await;
        assert_eq!(broken_row(store.alarm(id).await.unwrap_err()), ("alarm", "1".to_owned()), "{sql}");
    }
}

#[tokio::test]
async fn a_broken_journal_line_is_an_error_with_its_table_and_number() {
    let folder = folder();
    let store = open(&folder).await;
    let id = store.insert_alarm(alarm(at(1)), vec![entry(at(1), Transition::Raised)]).await.unwrap().id;
    meddle(&folder, "andon.db", "update journal set transition = 'vanished'").await;
    assert_eq!(broken_row(store.alarm(id).await.unwrap_err()), ("journal", "1".to_owned()));
}

#[tokio::test]
async fn a_broken_sample_is_an_error_with_its_tag_and_time() {
    for sql in ["update sample set value = null", "update sample set value = 9e999", "update sample set status = -1"] {
        let folder = folder();
        let store = open(&folder).await;
        store.append_samples(vec![sample("Tag0", at(1), 1.0)]).await.unwrap();
        store.flush().await.unwrap();
        meddle(&folder, "andon.samples.db", sql).await;
        let error = store.samples(&key("Tag0"), EVER.0, EVER.1, ALL).await.unwrap_err();
        assert_eq!(broken_row(error), ("sample", format!("Mixer/Tag0 at {}", at(1))), "{sql}");
    }
}

#[tokio::test]
async fn a_score_that_is_not_finite_is_neither_stored_nor_read() {
    let folder = folder();
    let store = open(&folder).await;
    let refused = store.append_scores(vec![verdict(at(1), 1.0, 1), verdict(at(2), f64::NAN, 1)]).await;
    assert!(matches!(refused, Err(StoreError::NotFinite { .. })), "{refused:?}");
    store.append_scores(vec![verdict(at(3), 1.0, 1)]).await.unwrap();
    store.flush().await.unwrap();
    assert_eq!(store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap().len(), 1);
    meddle(&folder, "andon.samples.db", "update score set score = 9e999").await;
    let error = store.scores(&asset(), EVER.0, EVER.1, ALL).await.unwrap_err();
    assert_eq!(broken_row(error), ("score", format!("Mixer at {}", at(3))));
}

#[tokio::test]
async fn a_state_of_another_shape_is_an_error_with_its_key() {
    let folder = folder();
    let store = open(&folder).await;
    store.put_state("Mixer/threshold", "three").await.unwrap();
    let error = store.get_state::<f64>("Mixer/threshold").await.unwrap_err();
    assert!(error.to_string().contains("Mixer/threshold"), "{error}");
}
