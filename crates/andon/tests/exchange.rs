//! Histories out of the store and into it: `andon export`, `andon import`, and the same over REST.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use andon_plant::{AssetName, Sample, StatusCode, TagKey, TagSample, Timestamp};
use andon_simulator::Recording;
use andon_store::{SqliteUrl, Store};
use serde_json::{Value, json};
use support::{Andon, Plant, andon, pump};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

/// A folder with a configuration of the simulated pump, whose PLC is not there.
fn plant(recording: &Recording) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let tags: Vec<_> = recording.tags.iter().map(|t| (t.name.as_str(), format!("ns=1;s={}", t.name))).collect();
    let endpoint = "opc.tcp://127.0.0.1:1";
    let path = Plant { endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: 20, model: None }.write(dir.path());
    let text = fs::read_to_string(&path).unwrap();
    let text = text.replace("\n[http]", "\nretention = { samples = \"forever\" }\n[http]");
    let text = text.replace("threshold =", "network = { training = { epochs = 2 } }\nthreshold =");
    fs::write(path, text).unwrap();
    dir
}

fn ran(args: &[&str], dir: &Path) -> String {
    let (code, out, err) = andon(args, dir);
    assert_eq!(code, 0, "{args:?}: {out}{err}");
    out
}

fn refused(args: &[&str], dir: &Path, parts: &[&str]) {
    let (code, out, err) = andon(args, dir);
    assert_eq!(code, 2, "{args:?}: {out}{err}");
    for part in parts {
        assert!(err.contains(part), "`{part}` is not in:\n{err}");
    }
}

fn export(dir: &Path, out: &str, more: &[&str]) -> Vec<u8> {
    let args = ["export", "--config", "andon.toml", "--asset", "Pump", "--out", out];
    ran(&[&args, more].concat(), dir);
    fs::read(dir.join(out)).unwrap()
}

fn import(dir: &Path, file: &Path) -> Value {
    let file = file.display().to_string();
    let said = ran(&["import", "--config", "andon.toml", "--asset", "Pump", "--json", &file], dir);
    serde_json::from_str(&said).unwrap()
}

/// A normal hour with what makes a history hard: gaps, statuses of every kind, times that jump back and between rows.
async fn hard_history(dir: &Path, recording: &Recording) {
    let store = Store::open(&SqliteUrl::at(dir.join("andon.db")).unwrap(), &TaskTracker::new()).await.unwrap();
    let asset = AssetName::new("Pump").unwrap();
    let mut samples = Vec::new();
    for row in (0..recording.rows()).rev() {
        for (tag, value) in recording.tags.iter().zip(recording.row(row)) {
            let time = recording.times[row].after(Duration::from_micros(row as u64 % 7));
            let sample = match row % 50 {
                3 => Sample::bad(time, StatusCode(0x808C_0000 | (row as u32 % 0x10000))),
                4..10 => Sample::new(time, -*value, StatusCode::UNCERTAIN_LAST_USABLE_VALUE),
                20..30 => continue,
                _ => Sample::good(time, value / 3.0),
            };
            samples.push(TagSample { key: TagKey { asset: asset.clone(), tag: tag.name.clone() }, sample });
        }
    }
    store.append_samples(samples).await.unwrap();
    store.flush().await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn an_export_that_is_imported_into_an_empty_store_is_exported_alike() {
    let recording = pump::normal(3_000);
    let first = plant(&recording);
    hard_history(first.path(), &recording).await;
    for (out, shape) in [("a.csv", "long"), ("a.csv.gz", "long"), ("a.parquet", "long"), ("w.csv", "wide")] {
        let bytes = export(first.path(), out, &["--shape", shape]);
        let second = plant(&recording);
        let said = import(second.path(), &first.path().join(out));
        assert_eq!((&said["files"][0]["shape"], &said["files"][0]["absent"]), (&json!(shape), &json!([])), "{said}");
        assert!(export(second.path(), out, &["--shape", shape]) == bytes, "{out}");
        // Once more changes nothing.
        import(second.path(), &first.path().join(out));
        assert!(
            export(second.path(), "again.csv", &["--shape", shape])
                == export(first.path(), "again.csv", &["--shape", shape, "--force"]),
            "{out}"
        );
    }
}

#[test]
fn a_recording_that_was_imported_is_what_fit_and_score_read() {
    let recording = pump::normal(900);
    let dir = plant(&recording);
    recording.write_csv(&dir.path().join("normal.csv")).unwrap();
    let said = import(dir.path(), Path::new("normal.csv"));
    assert_eq!(said["files"][0]["rows"], 900, "{said}");
    export(dir.path(), "wide.csv.gz", &["--shape", "wide"]);
    let back = Recording::read_csv(&dir.path().join("wide.csv.gz")).unwrap();
    let names = |r: &Recording| r.tags.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
    assert_eq!((names(&back), &back.times, &back.values), (names(&recording), &recording.times, &recording.values));
    let tag = recording.tags[0].name.as_str();
    let (from, to) = (recording.times[100].to_string(), recording.times[200].to_string());
    let part = export(dir.path(), "part.csv", &["--tag", tag, "--from", &from, "--to", &to]);
    let part = String::from_utf8(part).unwrap();
    assert_eq!(part.lines().count(), 101);
    assert!(part.lines().nth(1).unwrap().starts_with(&format!("{from},Pump,{tag},")), "{part}");
    // A wide table that begins in the midst of a history has the values in force there.
    let from = recording.times[100].before(Duration::from_millis(500)).to_string();
    let wide = export(dir.path(), "midst.csv", &["--shape", "wide", "--from", &from, "--to", &to]);
    let first = String::from_utf8(wide).unwrap().lines().nth(1).unwrap().to_owned();
    assert!(first.starts_with(&recording.times[100].to_string()) && !first.contains(",,"), "{first}");
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_half_written() {
    let recording = pump::normal(100);
    let dir = plant(&recording);
    let tag = recording.tags[0].name.as_str();
    let import = |file: &str| ["import", "--config", "andon.toml", "--asset", "Pump", file].map(str::to_owned);
    let refused_import = |text: String, parts: &[&str]| {
        fs::write(dir.path().join("bad.csv"), text).unwrap();
        let args = import("bad.csv");
        refused(&args.each_ref().map(|arg| arg.as_str()), dir.path(), parts);
        assert!(!dir.path().join("andon.db").exists());
    };
    refused_import(format!("timestamp,{tag}\n0,1\n1,open\n"), &["bad.csv, line 3", tag, "`open`"]);
    refused_import(format!("timestamp,{tag},Floww\n0,1,1\n"), &["bad.csv", "Floww", "--skip-unknown"]);
    refused(&["import", "--config", "andon.toml", "--asset", "Pmup", "bad.csv"], dir.path(), &["Pmup", "(Pump)"]);
    let gone = import("gone.csv");
    refused(&gone.each_ref().map(|arg| arg.as_str()), dir.path(), &["gone.csv"]);

    let export = ["export", "--config", "andon.toml", "--asset", "Pump", "--out"];
    let with = |more: &[&'static str]| [&export[..], more].concat();
    refused(&with(&["a.xlsx"]), dir.path(), &["a.xlsx", ".parquet"]);
    refused(&with(&["a.csv"]), dir.path(), &["no store", "andon.samples.db"]);
    recording.write_csv(&dir.path().join("normal.csv")).unwrap();
    let normal = import("normal.csv");
    ran(&normal.each_ref().map(|arg| arg.as_str()), dir.path());
    refused(&with(&["a.csv", "--tag", "Floww"]), dir.path(), &["--tag Floww", tag]);
    refused(&with(&["a.csv", "--from", "5", "--to", "4"]), dir.path(), &["--from", "not before"]);
    refused(&with(&["a.csv", "--from", "2040-01-01T00:00:00Z"]), dir.path(), &["no sample", "2026"]);
    refused(&with(&["nowhere/a.csv"]), dir.path(), &["--out nowhere/a.csv"]);
    fs::write(dir.path().join("a.csv"), "mine").unwrap();
    refused(&with(&["a.csv"]), dir.path(), &["a.csv is there already", "--force"]);
    assert_eq!(fs::read_to_string(dir.path().join("a.csv")).unwrap(), "mine");
    ran(&with(&["a.csv", "--force"]), dir.path());
    let left = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(left.filter(|name| name.contains("andon-export")).count(), 0);
}

#[test]
fn a_history_that_would_be_dropped_at_once_is_refused() {
    let recording = pump::normal(100);
    let dir = plant(&recording);
    let path = dir.path().join("andon.toml");
    let text = fs::read_to_string(&path).unwrap().replace("\"forever\"", "\"30d\"");
    fs::write(path, text).unwrap();
    let tag = recording.tags[0].name.as_str();
    fs::write(dir.path().join("old.csv"), format!("timestamp,{tag}\n2020-01-01T00:00:00Z,1\n")).unwrap();
    let args = ["import", "--config", "andon.toml", "--asset", "Pump", "old.csv"];
    refused(&args, dir.path(), &["old.csv", "2020-01-01", "retention.samples"]);
    assert!(!dir.path().join("andon.db").exists());
}

fn fetched(andon: &Andon, path: &str, accept: &str) -> (u16, Vec<u8>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(format!("{}{path}", andon.http)).header("accept", accept).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
}

fn sent(andon: &Andon, path: &str, body: &[u8]) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.post(format!("{}{path}", andon.http)).send(body).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

#[test]
fn rest_exports_and_imports_the_same_files_and_a_model_is_trained_on_them() {
    const PARQUET: &str = "application/vnd.apache.parquet";
    let recording = pump::normal(1_500);
    let (offline, dir) = (plant(&recording), plant(&recording));
    recording.write_csv(&offline.path().join("normal.csv")).unwrap();
    import(offline.path(), Path::new("normal.csv"));
    let long = export(offline.path(), "a.csv", &[]);
    let parquet = export(offline.path(), "a.parquet", &[]);
    let wide = export(offline.path(), "w.csv", &["--shape", "wide"]);

    let andon = Andon::start(&["run", "--config", "andon.toml"], dir.path());
    let (status, problem) = sent(&andon, "/api/v1/assets/Pump/import", b"timestamp,Floww\n0,1\n");
    assert_eq!(status, 422, "{problem}");
    assert!(problem["detail"].as_str().unwrap().starts_with("the body: no column is a tag"), "{problem}");
    assert_eq!(sent(&andon, "/api/v1/assets/Nothing/import", b"").0, 404);
    let (status, said) = sent(&andon, "/api/v1/assets/Pump/import", &parquet);
    assert_eq!((status, &said["samples"]), (200, &json!(1_500 * recording.tags.len())), "{said}");
    assert_eq!(said["warnings"], json!([]));

    let path = "/api/v1/assets/Pump/export";
    assert!(fetched(&andon, path, "text/csv") == (200, long));
    assert!(fetched(&andon, path, PARQUET) == (200, parquet.clone()));
    assert!(fetched(&andon, &format!("{path}?shape=wide"), "*/*") == (200, wide));
    assert_eq!(fetched(&andon, path, "image/png").0, 406);
    assert_eq!(fetched(&andon, &format!("{path}?tags=Floww"), "text/csv").0, 404);
    let tag = recording.tags[1].name.as_str();
    let span = format!("from={}&to={}", recording.times[10], recording.times[1_400]);
    let (status, one) = fetched(&andon, &format!("/api/v1/tags/Pump/{tag}/samples?{span}"), "text/csv");
    let one = String::from_utf8(one).unwrap();
    assert_eq!((status, one.lines().count()), (200, 1_391));
    assert!(fetched(&andon, &format!("{path}?{span}&tags={tag}"), "text/csv").1 == one.as_bytes());
    let few = fetched(&andon, &format!("/api/v1/tags/Pump/{tag}/samples?{span}&max_points=100"), "text/csv").1;
    assert!((3..=101).contains(&String::from_utf8(few).unwrap().lines().count()));

    // The command line reads the store of a server that runs, and does not write to it.
    assert!(export(dir.path(), "b.parquet", &[]) == parquet);
    refused(
        &["import", "--config", "andon.toml", "--asset", "Pump", "b.parquet"],
        dir.path(),
        &["/api/v1/assets/Pump/import", "another andon uses the store"],
    );
    let model = andon.until("a model of the imported history", Duration::from_secs(120), |a| {
        let asset = a.get("/api/v1/assets/Pump");
        asset["model"].is_object().then(|| asset["model"].clone())
    });
    let time = |key: &str| model[key].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(time("trained_from") <= recording.times[0] && time("trained_to") > recording.times[1_490], "{model}");
    let left: Vec<PathBuf> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(!left.iter().any(|p| p.display().to_string().contains("andon-import")), "{left:?}");
    assert!(andon.process.terminate().success());
}
