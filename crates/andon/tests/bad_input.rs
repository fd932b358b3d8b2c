//! Bad input: one message that names the place and the mend, exit 2, and nothing half-written.

mod support;

use std::fs;

use support::{andon, free_port};

fn refused(args: &[&str], dir: &std::path::Path, parts: &[&str]) {
    let (code, _, err) = andon(args, dir);
    assert_eq!(code, 2, "{err}");
    for part in parts {
        assert!(err.contains(part), "`{part}` is not in:\n{err}");
    }
    assert!(!err.contains("panicked"), "{err}");
}

fn recording(rows: usize, columns: &[&str]) -> String {
    let mut text = format!("timestamp,{}\n", columns.join(","));
    for row in 0..rows {
        let cell = |c: usize| format!("{:.4}", ((row + c * 7) as f64 * 0.3).sin());
        let cells: Vec<String> = (0..columns.len()).map(cell).collect();
        text.push_str(&format!("{row},{}\n", cells.join(",")));
    }
    text
}

#[test]
fn a_text_cell_is_named_by_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bad.csv"), "timestamp,Flow\n0,1.5\n1,open\n").unwrap();
    refused(&["fit", "--csv", "bad.csv", "--model", "m"], dir.path(), &["bad.csv", "3", "Flow", "open"]);
    assert!(!dir.path().join("m").exists());
}

#[test]
fn a_recording_that_is_too_short_says_how_much_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("short.csv"), recording(20, &["a", "b"])).unwrap();
    refused(&["fit", "--csv", "short.csv", "--model", "m"], dir.path(), &["20 rows", "needs at least"]);
    assert!(!dir.path().join("m").exists());
}

#[test]
fn an_unknown_config_key_and_a_wrong_type_are_both_named() {
    let dir = tempfile::tempdir().unwrap();
    let text = "[plant]\nname = \"x\"\n[http]\nlisten = 5\nlissten = \"127.0.0.1:1\"\n";
    fs::write(dir.path().join("andon.toml"), text).unwrap();
    refused(&["run", "--config", "andon.toml"], dir.path(), &["lissten", "listen"]);
    refused(&["check", "--config", "andon.toml"], dir.path(), &["lissten"]);
    assert!(!dir.path().join("andon.db").exists());
}

#[test]
fn a_missing_config_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    refused(&["run", "--config", "nowhere.toml"], dir.path(), &["nowhere.toml"]);
}

#[test]
fn an_unreachable_endpoint_is_named_by_browse_and_check() {
    let dir = tempfile::tempdir().unwrap();
    let endpoint = format!("opc.tcp://127.0.0.1:{}", free_port());
    refused(&["browse", &endpoint], dir.path(), &[&endpoint]);
    let tags = [("Flow", "nsu=urn:x;s=Flow".to_owned())];
    let plant = support::Plant { endpoint: &endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: 30, model: None };
    plant.write(dir.path());
    let (code, out, err) = andon(&["check", "--config", "andon.toml", "--connect"], dir.path());
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("plc1") && out.contains("FAULT"), "{out}");
}

#[test]
fn a_model_of_other_tags_is_refused_by_score_and_run() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ab.csv"), recording(400, &["a", "b"])).unwrap();
    fs::write(dir.path().join("ac.csv"), recording(50, &["a", "c"])).unwrap();
    fs::write(dir.path().join("model.toml"), "window = { rows = 30, stride = 1 }\n").unwrap();
    let fit = ["fit", "--csv", "ab.csv", "--model", "m", "--config", "model.toml"];
    let (code, _, err) = andon(&fit, dir.path());
    assert_eq!(code, 0, "{err}");
    let score = ["score", "--model", "m", "--csv", "ac.csv", "--out", "scores.csv"];
    refused(&score, dir.path(), &["ac.csv", "a, c", "a, b", "fit again"]);
    assert!(!dir.path().join("scores.csv").exists());
    let tags = [("a", "nsu=urn:x;s=a".to_owned()), ("c", "nsu=urn:x;s=c".to_owned())];
    let model = dir.path().join("m");
    let endpoint = "opc.tcp://127.0.0.1:1";
    support::Plant { endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: 30, model: Some(&model) }
        .write(dir.path());
    refused(&["run", "--config", "andon.toml"], dir.path(), &["Pump", "a, b", "a, c"]);
    assert!(!dir.path().join("andon.db").exists());
}

#[test]
fn a_node_that_is_not_there_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("Pump.csv"), recording(50, &["Flow"])).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let replay = support::Process::andon(&["replay", "--csv", "Pump.csv", "--opcua", &address], dir.path());
    replay.wait_for("ready", std::time::Duration::from_secs(30));
    let endpoint = format!("opc.tcp://{address}/");
    let tags = ["Flow", "Floww"].map(|t| (t, format!("nsu=urn:andon:simulator;s=Pump.{t}")));
    support::Plant { endpoint: &endpoint, asset: "Pump", tags: &tags, grid: "1s", rows: 30, model: None }
        .write(dir.path());
    let (code, out, err) = andon(&["check", "--config", "andon.toml", "--connect"], dir.path());
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("Pump/Floww: FAULT") && !out.contains("Pump/Flow: FAULT"), "{out}");
    assert!(err.contains("1 of the sources and tags"), "{err}");
}

#[test]
fn a_damaged_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("m")).unwrap();
    fs::write(dir.path().join("r.csv"), recording(50, &["a"])).unwrap();
    let score = ["score", "--model", "m", "--csv", "r.csv", "--out", "s.csv"];
    refused(&score, dir.path(), &["manifest.json", "andon fit"]);
    fs::write(dir.path().join("m/manifest.json"), "{").unwrap();
    fs::write(dir.path().join("m/model.safetensors"), "").unwrap();
    refused(&score, dir.path(), &["manifest.json", "fit the model again"]);
}

#[test]
fn a_store_that_another_andon_uses_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let demo = ["demo", "--http", "127.0.0.1:0", "--opcua", "127.0.0.1:0", "--data-dir", "data"];
    let first = support::Andon::start(&demo, dir.path());
    refused(&demo, dir.path(), &["another andon uses the store", "--data-dir"]);
    first.process.kill();
    let again = support::Andon::start(&demo, dir.path());
    assert!(again.process.terminate().success());
}
