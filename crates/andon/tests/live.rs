//! The whole loop on a third-party PLC that plays the project's own recording.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use std::{fs, path::Path, time::Duration};

use andon_simulator::Recording;
use serde_json::{Value, json};
use support::{Andon, Plant, Process, andon, pump, root, run_peer};

const SPEED: f64 = 4.0;

/// Our own third-party PLC playing `recording`, which begins when a client has had time to come.
fn plc(dir: &Path, recording: &Recording) -> (Process, String) {
    let csv = dir.join("plc.csv");
    recording.write_csv(&csv).unwrap();
    let csv = csv.display().to_string();
    let speed = SPEED.to_string();
    let args = [&*csv, "--port", "0", "--speed", &speed, "--rebase", "now", "--start-delay", "6", "--linger", "300"];
    let plc = Process::peer(&root().join("tests/peers/plc.py"), &args);
    let ready = plc.wait_for("ready", Duration::from_secs(30));
    (plc, ready.split_whitespace().last().unwrap().to_owned())
}

fn monitor(dir: &Path, endpoint: &str, recording: &Recording, model: &Path) -> Andon {
    let tags: Vec<(&str, String)> =
        recording.tags.iter().map(|t| (t.name.as_str(), format!("nsu=urn:andon:test:plc;s=Plc.{}", t.name))).collect();
    let rows = pump::ROWS;
    Plant { endpoint, asset: "Pump", tags: &tags, grid: "1s", rows, model: Some(model) }.write(dir);
    Andon::start(&["run", "--config", "andon.toml"], dir)
}

fn active_alarm(andon: &Andon) -> Value {
    andon.until("the alarm", Duration::from_secs(120), |a| {
        a.get("/api/v1/alarms?asset=Pump&state=active")["items"].as_array()?.first().cloned()
    })
}

fn transitions(andon: &Andon, id: i64) -> Vec<String> {
    let journal = andon.get(&format!("/api/v1/alarms/{id}"))["journal"].clone();
    journal.as_array().unwrap().iter().map(|j| j["transition"].as_str().unwrap().to_owned()).collect()
}

/// Scores by REST, oldest first.
fn live_scores(andon: &Andon) -> Vec<Value> {
    let path = "/api/v1/assets/Pump/scores?from=1&to=4000000000&max_points=100000";
    andon.get(path)["items"].as_array().unwrap().clone()
}

/// The scored rows of a scores.csv: score, threshold, mode.
fn offline_scores(path: &Path) -> Vec<(f64, f64, String)> {
    let mut csv = csv::Reader::from_path(path).unwrap();
    let rows = csv.records().map(|r| r.unwrap());
    rows.filter(|r| !r[1].is_empty()).map(|r| (r[1].parse().unwrap(), r[2].parse().unwrap(), r[5].to_owned())).collect()
}

#[test]
fn a_fault_becomes_an_alarm_everywhere_and_offline_scores_agree() {
    let dir = tempfile::tempdir().unwrap();
    let model = pump::fitted(dir.path());
    let recording = pump::faulty(140, 60);
    let (plc, endpoint) = plc(dir.path(), &recording);
    let andon = monitor(dir.path(), &endpoint, &recording, &model);

    let alarm = active_alarm(&andon);
    assert_eq!(alarm["condition"], "Score");
    let (code, said) = run_peer(&root().join("tests/peers/read_back.py"), &[&andon.opcua, "Pump", "--seconds", "3"]);
    assert_eq!(code, 0, "{said}");
    let back: Value = serde_json::from_str(said.trim()).unwrap_or_else(|e| panic!("{e}: {said}"));
    assert_eq!(back["alarms"]["Score"]["Active"], true, "{said}");

    plc.wait_for("done", Duration::from_secs(120));
    let expected = recording.rows() - pump::ROWS + 1;
    // The row played last is judged when a heartbeat shows that nothing more is to come.
    let live = andon.until("all scores", Duration::from_secs(60), |a| {
        let scores = live_scores(a);
        (scores.len() >= expected - 1).then_some(scores)
    });
    agree(dir.path(), &live);
    assert!(andon.process.terminate().success());
}

/// Live and offline scores of the same rows are equal.
fn agree(dir: &Path, live: &[Value]) {
    let score = ["score", "--model", "model", "--csv", "plc.csv", "--out", "scores.csv"];
    let (code, out, err) = andon(&score, dir);
    assert_eq!(code, 0, "{out}{err}");
    let offline = offline_scores(&dir.join("scores.csv"));
    for (row, (a, b)) in live.iter().zip(&offline).enumerate() {
        let score = a["score"].as_f64().unwrap();
        let threshold = a["threshold"].as_f64().unwrap();
        assert!((score - b.0).abs() < 1e-6, "row {row}: live {score}, offline {}", b.0);
        assert!((threshold - b.1).abs() < 1e-6, "row {row}: threshold live {threshold}, offline {}", b.1);
        assert_eq!(a["mode"], b.2.as_str(), "row {row}");
    }
    assert!(offline.iter().any(|(score, threshold, _)| score >= threshold), "the fault must show");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_goes() {
    let dir = tempfile::tempdir().unwrap();
    let model = pump::fitted(dir.path());
    let recording = pump::faulty(900, 800);
    let (_plc, endpoint) = plc(dir.path(), &recording);
    let andon = monitor(dir.path(), &endpoint, &recording, &model);
    let id = active_alarm(&andon)["id"].as_i64().unwrap();
    let acknowledged = andon.post(&format!("/api/v1/alarms/{id}/acknowledge"), json!({"comment": "on my way"}));
    assert_eq!(acknowledged["acknowledged"], true);
    let assessed = andon.post(&format!("/api/v1/alarms/{id}/assessment"), json!({"assessment": "real"}));
    assert_eq!(assessed["assessment"], "real");
    let before = andon.until("a stored score", Duration::from_secs(20), |a| live_scores(a).last().cloned());
    andon.process.kill();

    let andon = Andon::start(&["run", "--config", "andon.toml"], dir.path());
    let alarm = andon.get(&format!("/api/v1/alarms/{id}"));
    assert_eq!((&alarm["acknowledged"], &alarm["state"]), (&json!(true), &json!("active")), "{alarm}");
    assert_eq!(alarm["journal"][1]["comment"], "on my way");
    assert_eq!((&alarm["assessment"], &alarm["alike"]), (&json!("real"), &json!([])), "{alarm}");
    assert!(alarm["contributions"][0]["finding"]["health"].is_string(), "{alarm}");
    assert_eq!(transitions(&andon, id), ["raised", "acknowledged", "assessed_real"]);
    andon.until("monitoring to go on", Duration::from_secs(60), |a| {
        let newest = live_scores(a).last()?["time"].as_str()?.to_owned();
        (newest.as_str() > before["time"].as_str()?).then_some(())
    });
    let open = andon.get("/api/v1/alarms?asset=Pump&state=open")["items"].as_array().unwrap().len();
    assert_eq!(open, 1, "the restart must not raise the same alarm again");
    assert!(andon.process.terminate().success());
    assert!(fs::metadata(dir.path().join("andon.db")).is_ok());
}
