//! The proof on a third-party server and a real recording, which lie beside the project and not in it: these tests are
//! left out (and counted as skipped) where `../shared` is absent.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is missing")]

mod support;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use andon_plant::Timestamp;

use support::{Andon, Plant, Process, andon, free_port, root, run_peer};

/// Rows of a window: few, because there is little before the fault.
const ROWS: usize = 60;

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
    // The alarm of the configuration: what is learned stands still while it is active, offline too.
    let alarm = "alarm = { on_delay = \"3s\", off_delay = \"10s\", hysteresis = 0.5 }\n";
    let text = format!("grid = \"1s\"\nwindow = {{ rows = 60, stride = 1 }}\n{alarm}");
    fs::write(dir.path().join("model.toml"), text).unwrap();
    let train = shared("data/skab/valve1_1/train.csv.gz").display().to_string();
    let (code, out, err) = andon(&["fit", "--csv", &train, "--model", "model", "--config", "model.toml"], dir.path());
    assert_eq!(code, 0, "{out}{err}");

    // A minute and a half before the fault, and in this short form no more than as long of it.
    let (port, from, to) = (free_port(), first - 90, first + 90);
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
    Plant { endpoint: &endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: ROWS, model: Some(&model) }
        .write(dir.path());
    let andon = Andon::start(&["run", "--config", "andon.toml"], dir.path());

    let score =
        andon.until("a first score", Duration::from_secs(100), |a| a.get("/api/v1/assets/Pump")["score"].as_f64());
    assert!((0.0..=16.0).contains(&score));
    let alarm = andon.until("the alarm", Duration::from_secs(170), |a| {
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

    let played = Played::found(&andon, &columns, &rows);
    let closed = played.live(&rows, first);
    assert!(time(&alarm["raised_at"]) >= closed, "raised at {}, the valve was closed at {closed}", alarm["raised_at"]);
    let all = andon.get("/api/v1/alarms?asset=Pump&order=oldest")["items"].clone();
    assert_eq!(all[0]["id"], alarm["id"], "an alarm from before the valve was closed: {all}");

    let id = alarm["id"].as_i64().unwrap();
    let acknowledged = andon.post(&format!("/api/v1/alarms/{id}/acknowledge"), serde_json::json!({"comment": "seen"}));
    assert_eq!(acknowledged["acknowledged"], true);
    let journal = andon.get(&format!("/api/v1/alarms/{id}"))["journal"].clone();
    let words: Vec<&str> = journal.as_array().unwrap().iter().map(|j| j["transition"].as_str().unwrap()).collect();
    assert_eq!(words, ["raised", "acknowledged"]);
    plc.wait_for("done", Duration::from_secs(120));
    let path = "/api/v1/assets/Pump/scores?from=1&to=4000000000&max_points=100000";
    let least = to - played.first - ROWS - 2;
    let live = andon.until("all scores", Duration::from_secs(30), |a| {
        let scores = a.get(path)["items"].as_array()?.clone();
        (scores.len() >= least).then_some(scores)
    });
    assert!(andon.process.terminate().success());
    played.agrees(dir.path(), &rows[played.first..to], &columns, &live);
}

fn time(value: &serde_json::Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Where in the recording live monitoring began.
struct Played {
    first: usize,
    at: Timestamp,
}

impl Played {
    /// Finds the first samples of a tag that changes with every row.
    fn found(andon: &Andon, columns: &[String], rows: &[String]) -> Self {
        let path = format!("/api/v1/tags/Pump/{}/samples?from=1&to=4000000000&max_points=100000", columns[1]);
        let samples = andon.get(&path)["items"].clone();
        let value = |row: usize| rows[row].split(',').nth(1).unwrap().parse::<f64>().unwrap();
        let seen = |n: usize| samples[n]["value"].as_f64().unwrap();
        let begins = |row: &usize| (0..4).all(|n| value(row + n) == seen(n));
        let first = (0..rows.len() - 4).find(begins).expect("the samples are rows of the recording");
        Self { first, at: time(&samples[0]["time"]) }
    }

    /// When a row was played.
    fn live(&self, rows: &[String], row: usize) -> Timestamp {
        let recorded = |row: usize| rows[row].split(',').next().unwrap().parse::<Timestamp>().unwrap();
        self.at.after(recorded(row).since(recorded(self.first)))
    }

    /// Offline scores of the same rows are the live ones.
    fn agrees(&self, dir: &Path, rows: &[String], columns: &[String], live: &[serde_json::Value]) {
        fs::write(dir.join("played.csv"), format!("{}\n{}\n", columns.join(","), rows.join("\n"))).unwrap();
        let (code, out, err) = andon(&["score", "--model", "model", "--csv", "played.csv", "--out", "scores.csv"], dir);
        assert_eq!(code, 0, "{out}{err}");
        // A row may stand for two of the grid's: seconds are missing in the recording, so rows are matched by their time.
        let mut csv = csv::Reader::from_path(dir.join("scores.csv")).unwrap();
        let begun: Timestamp = rows[0].split(',').next().unwrap().parse().unwrap();
        let grid = Duration::from_secs(1);
        let mut compared = 0;
        for row in csv.records().map(Result::unwrap).filter(|r| !r[1].is_empty()) {
            let at = self.at.ceil_to(grid).after(row[0].parse::<Timestamp>().unwrap().since(begun));
            let Some(score) = live.iter().find(|s| time(&s["time"]) == at) else { continue };
            let (live, offline) = (score["score"].as_f64().unwrap(), row[1].parse::<f64>().unwrap());
            assert!((live - offline).abs() < 1e-6, "{at}: live {live}, offline {offline}");
            compared += 1;
        }
        assert!(compared > rows.len() / 2, "only {compared} rows were compared");
    }
}
