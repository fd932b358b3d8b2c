//! The proof on a third-party server and a real recording, which lie beside the project and not in it: these tests are
//! left out (and counted as skipped) where `../shared` is absent.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use std::{fs, io::Read, path::PathBuf, time::Duration};

use support::{Andon, Plant, Process, andon, free_port, root, run_peer};

fn shared(path: &str) -> PathBuf {
    root().join("../shared").join(path)
}

fn skab() -> (Vec<String>, Vec<String>) {
    let mut text = String::new();
    let file = fs::File::open(shared("data/skab/valve1_1/test.csv.gz")).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    let columns = lines.next().unwrap().split(',').map(str::to_owned).collect();
    (columns, lines.collect())
}

/// The first and the last labelled row.
fn fault(rows: &[String]) -> (usize, usize) {
    let labelled = |r: &String| r.ends_with(",1") || r.ends_with(",1.0");
    (rows.iter().position(labelled).unwrap(), rows.iter().rposition(labelled).unwrap())
}

#[test]
fn a_closed_valve_on_a_third_party_server_becomes_an_alarm() {
    let dir = tempfile::tempdir().unwrap();
    let (columns, rows) = skab();
    let (first, _) = fault(&rows);
    let model = dir.path().join("model");
    fs::write(dir.path().join("model.toml"), "grid = \"1s\"\nwindow = { rows = 40, stride = 1 }\n").unwrap();
    let train = shared("data/skab/valve1_1/train.csv.gz").display().to_string();
    let (code, out, err) = andon(&["fit", "--csv", &train, "--model", "model", "--config", "model.toml"], dir.path());
    assert_eq!(code, 0, "{out}{err}");

    // A minute before the fault, and in this short form no more than a minute and a half of it.
    let (port, from, to) = (free_port(), first - 60, first + 90);
    let (port_text, from_text, to_text) = (port.to_string(), from.to_string(), to.to_string());
    let recording = shared("data/skab/valve1_1/test.csv.gz").display().to_string();
    let plc = Process::peer(
        &shared("peers/replay_server.py"),
        &[
            &recording,
            "--port",
            &port_text,
            "--rebase",
            "now",
            "--speed",
            "1",
            "--from-row",
            &from_text,
            "--to-row",
            &to_text,
            "--linger",
            "60",
        ],
    );
    plc.wait_for("ready", Duration::from_secs(30));
    let tags: Vec<(&str, String)> = columns[1..columns.len() - 1]
        .iter()
        .map(|c| (c.as_str(), format!("nsu=urn:peer:replay;s=Plant.{c}")))
        .collect();
    let endpoint = format!("opc.tcp://127.0.0.1:{port}/");
    Plant { endpoint: &endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: 40, model: Some(&model) }
        .write(dir.path());
    let andon = Andon::start(&["run", "--config", "andon.toml"], dir.path());

    let score =
        andon.until("a first score", Duration::from_secs(60), |a| a.get("/api/v1/assets/Pump")["score"].as_f64());
    assert!((0.0..=16.0).contains(&score));
    let alarm = andon.until("the alarm", Duration::from_secs(140), |a| {
        a.get("/api/v1/alarms?asset=Pump&state=active")["items"].as_array()?.first().cloned()
    });
    assert_eq!(alarm["condition"], "Score");
    assert_eq!(alarm["acknowledged"], false);
    assert!(!alarm["contributions"].as_array().unwrap().is_empty());

    let check = shared("peers/check_ua.py");
    let (code, said) = run_peer(&check, &[&andon.opcua, "Pump", "--no-events", "--seconds", "8"]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = run_peer(&root().join("tests/peers/read_back.py"), &[&andon.opcua, "Pump", "--seconds", "3"]);
    assert_eq!(code, 0, "{said}");
    let back: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert_eq!(back["alarms"]["Score"]["Active"], true, "{said}");

    // Was the valve closed when it was raised? The truth is a tag of the peer that no detector reads.
    let raised: String = alarm["raised_at"].as_str().unwrap().to_owned();
    let begun = andon.get("/api/v1/assets/Pump")["last_sample"].as_str().unwrap().to_owned();
    assert!(raised <= begun, "raised at {raised}, newest sample {begun}");
    let id = alarm["id"].as_i64().unwrap();
    let acknowledged = andon.post(&format!("/api/v1/alarms/{id}/acknowledge"), serde_json::json!({"comment": "seen"}));
    assert_eq!(acknowledged["acknowledged"], true);
    let journal = andon.get(&format!("/api/v1/alarms/{id}"))["journal"].clone();
    let words: Vec<&str> = journal.as_array().unwrap().iter().map(|j| j["transition"].as_str().unwrap()).collect();
    assert_eq!(words, ["raised", "acknowledged"]);
    assert!(andon.process.terminate().success());
}
