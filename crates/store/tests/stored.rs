//! Files of every stored version, as users have them, are read: nothing in them is lost by an upgrade.
//!
//! `stored/make.py` wrote them; a new migration adds one.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::{fs, io::Read, path::Path};

use andon_plant::{AlarmId, Assessment, AssetName, FaultClass, Sample, StatusCode, TagKey, TagName, Timestamp};
use andon_store::{SeriesQuery, SqliteUrl, Store, examine};
use tokio_util::task::TaskTracker;

const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));

#[test]
fn there_is_a_file_of_every_version() {
    for (kind, versions) in [("main", versions("main")), ("samples", versions("samples"))] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/sqlite").join(kind);
        assert_eq!(
            fs::read_dir(folder).unwrap().count(),
            versions,
            "{kind}: run tests/stored/make.py and commit its file"
        );
    }
}

#[tokio::test]
async fn what_any_earlier_version_stored_is_read_as_it_was() {
    for main in 1..=versions("main") {
        for samples in 1..=versions("samples") {
            check(main, samples).await;
        }
    }
}

/// How many versions of a file there are, counted from 1.
fn versions(kind: &str) -> usize {
    (1..).take_while(|n| stored(kind, *n).exists()).count()
}

fn stored(kind: &str, version: usize) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/stored/{kind}-{version}.db.gz"))
}

fn unpack(kind: &str, version: usize, to: &Path) {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(fs::File::open(stored(kind, version)).unwrap()).read_to_end(&mut bytes).unwrap();
    fs::write(to, bytes).unwrap();
}

async fn check(main: usize, samples: usize) {
    let folder = tempfile::tempdir().unwrap();
    let url = SqliteUrl::at(folder.path().join("andon.db")).unwrap();
    unpack("main", main, url.main_path());
    unpack("samples", samples, &url.samples_path());
    let store = Store::open(&url, &TaskTracker::new()).await.unwrap();
    let mut sealed = false;
    loop {
        histories(&store, samples).await;
        alarms(&store, main).await;
        if sealed {
            break;
        }
        store.seal().await.unwrap();
        sealed = true;
    }
    store.close().await;
    let checkup = examine(&url, false, |manifest, weights| {
        assert_eq!((manifest, weights.as_slice()), (r#"{"kind":"dense"}"#, [0, 1, 2, 3].as_slice()));
        Ok(())
    });
    let checkup = checkup.await.unwrap();
    assert_eq!((checkup.lost, checkup.samples, checkup.models), (0, 150, 1), "{:?}", checkup.findings);
}

async fn histories(store: &Store, version: usize) {
    let key = |tag| TagKey { asset: asset(), tag: TagName::new(tag).unwrap() };
    let read = async |tag| store.samples(&key(tag), EVER.0, EVER.1, SeriesQuery::default()).await.unwrap();
    let flow: Vec<Sample> = (0..100).map(|n| Sample::good(Timestamp::from_micros(n * 10_000), n as f64)).collect();
    assert_eq!(read("Flow").await, flow, "version {version}");
    let level = read("Level").await;
    assert_eq!((level.len(), level[49]), (50, Sample::good(Timestamp::from_secs(49), 24.5)));
    assert_eq!((level[25].status, level[25].value.is_nan()), (StatusCode::BAD, true));
    let verdict = store.verdict_at(&asset(), Timestamp::from_secs(5)).await.unwrap().unwrap();
    assert_eq!((verdict.score, verdict.threshold, verdict.mode.as_str()), (4.5, 3.0, "mixing"));
    assert_eq!((verdict.tags[0].tag.as_str(), verdict.tags[0].expected_high), ("Flow", 62.0));
    assert_eq!(verdict.findings.first().map(|f| f.class), (version >= 2).then_some(FaultClass::Deviation));
}

async fn alarms(store: &Store, version: usize) {
    let (open, journal) = store.alarm(AlarmId(1)).await.unwrap().unwrap();
    assert_eq!((open.severity, open.contributions[0].share, journal.len()), (700, 0.75, 1));
    assert_eq!(open.contributions[0].finding.is_some(), version >= 2);
    let (over, journal) = store.alarm(AlarmId(2)).await.unwrap().unwrap();
    assert_eq!((over.cleared_at, journal.len()), (Some(Timestamp::from_secs(3)), 2));
    assert_eq!(over.assessment, (version >= 2).then_some(Assessment::Nuisance));
    assert_eq!(store.open_alarms().await.unwrap().len(), 1);
    let model = store.active_model(&asset()).await.unwrap().unwrap();
    assert_eq!((model.info.version, model.weights.as_slice()), (1, [0, 1, 2, 3].as_slice()));
    assert_eq!(store.get_state::<f64>("Mixer/threshold").await.unwrap(), Some(3.5));
}

fn asset() -> AssetName {
    AssetName::new("Mixer").unwrap()
}
