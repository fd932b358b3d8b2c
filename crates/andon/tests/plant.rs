//! Our own plants: `andon replay` browsed and checked, and `andon demo` on real HTTP.

mod support;

use std::{fs, process::Command, time::Duration};

use andon_plant::{Clock, SystemClock};
use serde_json::{Value, json};
use support::{Andon, Process, andon, free_port, pump};

#[test]
fn a_replayed_recording_is_browsed_into_a_configuration_that_connects() {
    let dir = tempfile::tempdir().unwrap();
    pump::faulty(60, 10).write_csv(&dir.path().join("Pump.csv")).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let replay = Process::andon(&["replay", "--csv", "Pump.csv", "--opcua", &address, "--rebase"], dir.path());
    let ready = replay.wait_for("ready", Duration::from_secs(30));
    let endpoint = ready.split_whitespace().last().unwrap();
    let (code, toml, err) = andon(&["browse", endpoint], dir.path());
    assert_eq!(code, 0, "{err}");
    assert!(toml.contains("name = \"DischargePressure\""), "{toml}");
    fs::write(dir.path().join("andon.toml"), &toml).unwrap();
    let (code, out, err) = andon(&["check", "--config", "andon.toml", "--connect"], dir.path());
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("Pump/DischargePressure: "), "{out}");
    assert!(replay.terminate().success());
}

#[test]
fn rest_answers_as_the_contract_says() {
    let dir = tempfile::tempdir().unwrap();
    let demo =
        Andon::start(&["demo", "--http", "127.0.0.1:0", "--opcua", "127.0.0.1:0", "--data-dir", "data"], dir.path());
    let assets = demo.get("/api/v1/assets");
    assert!(assets["items"].as_array().unwrap().len() >= 3 && assets["next_cursor"].is_null());
    let name = assets["items"][0]["name"].as_str().unwrap().to_owned();
    demo.until("samples", Duration::from_secs(30), |d| {
        d.get(&format!("/api/v1/assets/{name}"))["last_sample"].as_str().map(drop)
    });
    for path in ["/api/v1/tags", "/api/v1/alarms", "/api/v1/sources", "/api/v1/demo/faults"] {
        assert!(demo.get(path)["items"].is_array(), "{path}");
    }
    let document = demo.get("/api/openapi.json");
    for (path, method) in [
        ("/alarms/{id}/acknowledge", "post"),
        ("/alarms/{id}/assessment", "post"),
        ("/assets/{asset}/maintenance", "post"),
        ("/assets/{asset}/maintenance", "delete"),
        ("/assets/{asset}/threshold", "get"),
        ("/assets/{asset}/threshold/revert", "post"),
    ] {
        assert!(document["paths"][format!("/api/v1{path}")][method].is_object(), "{method} {path}");
    }
    assert_eq!(demo.get("/healthz"), json!({"status": "ok"}));

    let problem = |path: &str, status: u16| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = agent.get(&format!("{}{path}", demo.http)).call().unwrap();
        assert_eq!(answer.status().as_u16(), status, "{path}");
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(kind, "application/problem+json", "{path}");
        let body: serde_json::Value = answer.body_mut().read_json().unwrap();
        body["detail"].as_str().unwrap().to_owned()
    };
    let tag =
        demo.get("/api/v1/tags")["items"].as_array().unwrap().iter().find(|t| t["asset"] == name).unwrap()["name"]
            .clone();
    let samples = format!("/api/v1/tags/{name}/{}/samples", tag.as_str().unwrap());
    let shares = demo.get(&format!("{samples}?aggregate=PercentGood&max_points=12"));
    let shares = shares["items"].as_array().unwrap();
    assert!((11..=12).contains(&shares.len()), "{shares:?}");
    assert!(shares.iter().any(|s| s["value"].as_f64().is_some_and(|v| v > 0.0 && v <= 100.0)), "{shares:?}");
    assert!(problem(&format!("{samples}?aggregate=Median"), 400).contains("TimeAverage2"));
    assert!(problem("/api/v1/assets/Nothing", 404).contains("`Nothing`"));
    assert!(problem("/api/v1/alarms?state=loud", 400).contains("unacknowledged"));
    assert!(problem("/api/v1/alarms?cursor=x", 400).contains("next_cursor"));
    assert!(problem("/api/v1/alarms/1", 404).contains("no alarm 1"));
    assert!(problem(&format!("/api/v1/assets/{name}/scores?from=5&to=4"), 400).contains("not before"));
    assert!(problem("/api/v1/no-such-thing", 404).contains("openapi.json"));
    assert!(demo.process.terminate().success());
}

#[test]
fn a_maintenance_outlives_a_kill_and_is_ended_by_request() {
    let dir = tempfile::tempdir().unwrap();
    let start =
        || Andon::start(&["demo", "--http", "127.0.0.1:0", "--opcua", "127.0.0.1:0", "--data-dir", "data"], dir.path());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let path = |demo: &Andon| format!("{}/api/v1/assets/Mixer/maintenance", demo.http);
    let demo = start();
    let refused = |body: Value| {
        let mut answer = agent.post(path(&demo)).send_json(body).unwrap();
        assert_eq!(answer.status(), 400);
        answer.body_mut().read_json::<Value>().unwrap()["detail"].as_str().unwrap().to_owned()
    };
    assert!(refused(json!({"reason": "belt"})).starts_with("until is missing"));
    let soon = SystemClock.now().after(Duration::from_secs(3600));
    assert!(refused(json!({"until": soon})).starts_with("reason is missing"));
    let ordered = demo.post("/api/v1/assets/Mixer/maintenance", json!({"until": soon, "reason": "belt is changed"}));
    assert_eq!((&ordered["state"], &ordered["maintenance"]["by"]), (&json!("Maintenance"), &json!("operator")));
    demo.process.kill();

    let demo = start();
    let mixer = demo.get("/api/v1/assets/Mixer");
    assert_eq!(mixer["maintenance"]["reason"], "belt is changed", "{mixer}");
    assert_eq!(agent.delete(path(&demo)).call().unwrap().status(), 200);
    assert!(demo.get("/api/v1/assets/Mixer")["maintenance"].is_null());
    assert!(demo.process.terminate().success());
}

#[test]
fn a_training_that_waits_and_one_that_runs_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let demo =
        Andon::start(&["demo", "--http", "127.0.0.1:0", "--opcua", "127.0.0.1:0", "--data-dir", "data"], dir.path());
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let cancel = |id: &Value| agent.delete(&format!("{}/api/v1/training/{id}", demo.http)).call().unwrap().status();
    let (asset, running) = demo.until("a training that runs", Duration::from_secs(60), |d| {
        let assets = d.get("/api/v1/assets");
        let trained = assets["items"].as_array()?.iter().find(|a| a["training"].is_object())?.clone();
        assert!(trained["training"]["eta_s"].is_number() && trained["training"]["loss"].is_number(), "{trained}");
        Some((trained["name"].as_str()?.to_owned(), trained["training"]["id"].clone()))
    });
    let waiting = demo.post(&format!("/api/v1/assets/{asset}/training"), json!({}))["id"].clone();
    for id in [&waiting, &running] {
        assert_eq!(cancel(id), 200);
        demo.until("the end of the training", Duration::from_secs(60), |d| {
            (d.get(&format!("/api/v1/training/{id}"))["state"] == "cancelled").then_some(())
        });
        assert_eq!(cancel(id), 409);
    }
    assert_eq!(cancel(&json!(999)), 404);
    assert!(demo.get("/api/openapi.json")["paths"]["/api/v1/training/{id}"]["delete"].is_object());
    assert!(demo.process.terminate().success());
}

#[test]
fn a_training_that_a_kill_cuts_short_goes_on_and_another_begins_with_its_model() {
    let dir = tempfile::tempdir().unwrap();
    let start =
        || Andon::start(&["demo", "--http", "127.0.0.1:0", "--opcua", "127.0.0.1:0", "--data-dir", "data"], dir.path());
    let training = |demo: &Andon, least: u64| {
        demo.until("a training that runs", Duration::from_secs(60), |d| {
            let assets = d.get("/api/v1/assets");
            let trained =
                assets["items"].as_array()?.iter().find(|a| a["training"]["epoch"].as_u64() >= Some(least))?;
            Some((trained["name"].as_str()?.to_owned(), trained["training"]["epoch"].as_u64()?))
        })
    };
    let demo = start();
    let (asset, epoch) = training(&demo, 3);
    demo.process.kill();
    assert!(dir.path().join("data/training/order.json").is_file());

    let demo = start();
    let (again, first) = training(&demo, 1);
    assert_eq!(again, asset);
    assert!(first > epoch, "epoch {epoch} was done, and epoch {first} was the first one after");
    let model = demo.until("its model", Duration::from_secs(60), |d| {
        let asset = d.get(&format!("/api/v1/assets/{asset}"));
        asset["model"].is_object().then(|| asset["model"].clone())
    });
    let kinds: Vec<&str> =
        model["challengers"].as_array().unwrap().iter().map(|c| c["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["var", "ridge", "pca"]);

    let other = demo.get("/api/v1/assets")["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["name"].as_str().unwrap().to_owned())
        .find(|name| *name != asset)
        .unwrap();
    let id = demo.post(&format!("/api/v1/assets/{other}/training"), json!({"begin_with": asset}))["id"].clone();
    demo.until("the end of the training", Duration::from_secs(300), |d| {
        let training = d.get(&format!("/api/v1/training/{id}"));
        assert_ne!(training["state"], "failed", "{training}");
        (training["state"] == "done").then(|| assert_eq!(training["begin_with"], asset))
    });
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let path = format!("{}/api/v1/assets/{other}/training", demo.http);
    assert_eq!(agent.post(&path).send_json(json!({"begin_with": "Nothing"})).unwrap().status(), 400);
    assert!(demo.process.terminate().success());
}

#[test]
fn a_fit_that_is_interrupted_goes_on_with_the_same_command() {
    let dir = tempfile::tempdir().unwrap();
    let normal = pump::normal(600);
    normal.write_csv(&dir.path().join("normal.csv")).unwrap();
    fs::write(dir.path().join("model.toml"), "grid = \"1s\"\nwindow = { rows = 20 }\n").unwrap();
    let fit = ["fit", "--csv", "normal.csv", "--model", "model", "--config", "model.toml"];
    let first = Process::andon(&fit, dir.path());
    first.wait_for("epoch 1/", Duration::from_secs(60));
    Command::new("kill").args(["-INT", &first.id().to_string()]).status().unwrap();
    first.wait_for("the same command goes on", Duration::from_secs(60));
    assert_eq!(first.wait().code(), Some(2));
    assert!(dir.path().join("model/checkpoint").is_dir());

    let (code, out, err) = andon(&fit, dir.path());
    assert_eq!(code, 0, "{out}{err}");
    assert!(err.contains("epoch ") && !err.contains("epoch 1/"), "{err}");
    assert!(!dir.path().join("model/checkpoint").exists());
    assert!(out.contains("challenger var: "), "{out}");

    let begin = ["fit", "--csv", "normal.csv", "--model", "other", "--begin-with", "model", "--config", "model.toml"];
    let (code, out, err) = andon(&begin, dir.path());
    assert_eq!(code, 0, "{out}{err}");
    fs::write(dir.path().join("model.toml"), "window = { rows = 20 }\nnetwork.architecture.filters = 8\n").unwrap();
    let (code, _, err) = andon(&begin, dir.path());
    assert!(code != 0 && err.contains("architecture.filters 16, 8 is to be trained"), "{err}");
}
