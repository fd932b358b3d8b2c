//! Two `andon run` on one PostgreSQL that are killed in turn, while the PLC goes away and comes back: each asset is monitored by
//! one of them, and no alarm is lost or there twice. `ANDON_DRILL_KILLS` says how often; the times are printed, not judged.

#![expect(clippy::unwrap_used, reason = "a test stops where something is missing")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Process, andon, free_port};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const ASSETS: [&str; 3] = ["Mixer", "Oven", "Pump"];

/// One of the processes, in a folder of its own.
struct Node {
    dir: TempDir,
    http: String,
    process: Option<Process>,
}

impl Node {
    fn new(database: &str, tags: &str) -> Self {
        let (dir, http) = (tempfile::tempdir().unwrap(), format!("127.0.0.1:{}", free_port()));
        let text = format!(
            "[plant]\nname = \"Shared\"\n[store]\nurl = \"{database}\"\n[http]\nlisten = \"{http}\"\n\
             [opcua]\nlisten = \"127.0.0.1:{}\"\n{tags}",
            free_port()
        );
        fs::write(dir.path().join("andon.toml"), text).unwrap();
        Self { dir, http: format!("http://{http}/api/v1"), process: None }
    }

    fn start(&mut self) {
        self.process = Some(Process::andon(&["run", "--config", "andon.toml"], self.dir.path()));
    }

    fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// What it answers; none while it starts anew.
    fn get(&self, path: &str) -> Option<Value> {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build();
        let answer = ureq::Agent::new_with_config(config).get(format!("{}{path}", self.http)).call();
        answer.ok()?.body_mut().read_json().ok()
    }

    fn assets(&self) -> BTreeSet<String> {
        let assets = self.get("/assets").unwrap_or_default();
        let name = |asset: &Value| asset["name"].as_str().unwrap().to_owned();
        assets["items"].as_array().or(assets.as_array()).map(|all| all.iter().map(name).collect()).unwrap_or_default()
    }

    /// The active alarms, once there is one for each asset.
    fn alarms_of_all(&self) -> BTreeMap<i64, String> {
        until("an alarm for each asset", || {
            self.lost_sources("&state=active").filter(|alarms| alarms.len() >= ASSETS.len())
        })
    }

    /// Alarms of lost sources by number, with their assets.
    fn lost_sources(&self, filter: &str) -> Option<BTreeMap<i64, String>> {
        let page = self.get(&format!("/alarms?limit=1000{filter}"))?;
        let items = page["items"].as_array().unwrap().clone();
        let lost = items.into_iter().filter(|alarm| alarm["condition"] == "Source");
        Some(lost.map(|a| (a["id"].as_i64().unwrap(), a["asset"].as_str().unwrap().to_owned())).collect())
    }
}

fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = answer() {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come in {PATIENCE:?}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// Both monitor something, and together every asset once.
fn until_shared(nodes: &[Node; 2]) {
    until("a share of the assets for both", || {
        let [one, two] = [nodes[0].assets(), nodes[1].assets()];
        let all = one.len() + two.len() == ASSETS.len() && one.is_disjoint(&two);
        (all && !one.is_empty() && !two.is_empty()).then_some(())
    });
}

struct Plc {
    address: String,
    dir: TempDir,
}

impl Plc {
    fn start(&self) -> Process {
        let plc = Process::andon(&["simulate", "--opcua", &self.address], self.dir.path());
        plc.wait_for("Pump/", PATIENCE);
        plc
    }

    fn tags(&self) -> String {
        let (code, toml, err) = andon(&["browse", &format!("opc.tcp://{}", self.address)], self.dir.path());
        assert_eq!(code, 0, "{err}");
        toml
    }
}

#[test]
fn assets_and_alarms_survive_whoever_is_killed() {
    let kills: usize = std::env::var("ANDON_DRILL_KILLS").map_or(2, |text| text.parse().expect("ANDON_DRILL_KILLS"));
    let database = std::env::var("ANDON_TEST_POSTGRES").expect("ANDON_TEST_POSTGRES names no server: run `make test`");
    let plc = Plc { address: format!("127.0.0.1:{}", free_port()), dir: tempfile::tempdir().unwrap() };
    let mut running = Some(plc.start());
    let tags = plc.tags();
    let mut nodes = [Node::new(&database, &tags), Node::new(&database, &tags)];
    nodes.iter_mut().for_each(Node::start);
    until_shared(&nodes);
    let mut times = Vec::new();
    for kill in 0..kills {
        // The PLC goes, and that is one alarm for each asset; each fourth time it is not raised yet when a process goes too.
        let (gone, left) = (kill % 2, 1 - kill % 2);
        let (frozen, early) = (kill % 3 == 1, kill % 4 == 3);
        running.take().unwrap().kill();
        let before = if early { None } else { Some(nodes[left].alarms_of_all()) };
        // Then one of the processes goes, or stands still for longer than it may.
        let begun = Instant::now();
        if frozen {
            nodes[gone].signal("-STOP");
        } else {
            nodes[gone].process.take().unwrap().kill();
        }
        until("all assets at the one that is left", || (nodes[left].assets().len() == ASSETS.len()).then_some(()));
        times.push(begun.elapsed());
        let raised = nodes[left].alarms_of_all();
        assert!(before.is_none_or(|before| before == raised), "the same alarms, and no other");
        assert_eq!(raised.len(), ASSETS.len());
        assert_eq!(raised.values().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(ASSETS));
        if frozen {
            nodes[gone].signal("-CONT");
        }
        running = Some(plc.start());
        until("the end of the alarms", || nodes[left].lost_sources("&state=active").filter(BTreeMap::is_empty));
        if !frozen {
            nodes[gone].start();
        }
        until_shared(&nodes);
        for (id, asset) in &raised {
            acknowledge(&nodes, *id, asset);
        }
    }
    judge(&nodes[0], kills);
    times.sort_unstable();
    println!(
        "{kills} kills: assets taken over after {:.1?} (median), {:.1?} (longest)",
        times[times.len() / 2],
        times[times.len() - 1]
    );
    for node in nodes {
        assert!(node.process.unwrap().terminate().success());
    }
}

/// At the process that monitors the asset; the other one refuses, and says who does.
fn acknowledge(nodes: &[Node; 2], id: i64, asset: &str) {
    let path = |node: &Node| format!("{}/alarms/{id}/acknowledge", node.http);
    let ask = |node: &Node| ureq::post(path(node)).send_json(json!({ "comment": "seen" }));
    let (here, there): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.assets().contains(asset));
    assert!(matches!(ask(there[0]), Err(ureq::Error::StatusCode(421))), "alarm {id} of {asset}");
    assert!(ask(here[0]).is_ok());
}

/// As many alarms of each asset as the PLC went away, and of each what came of it, once.
fn judge(node: &Node, outages: usize) {
    let all = node.lost_sources("").unwrap();
    for asset in ASSETS {
        assert_eq!(all.values().filter(|of| *of == asset).count(), outages, "alarms of {asset}");
    }
    for id in all.keys() {
        let alarm = node.get(&format!("/alarms/{id}")).unwrap();
        let journal = alarm["journal"].as_array().unwrap();
        let said: Vec<_> = journal.iter().map(|line| line["transition"].as_str().unwrap()).collect();
        assert_eq!(said, ["raised", "cleared", "acknowledged"], "{alarm}");
    }
}
