//! A pipeline of one asset for tests: a store in a folder of its own, a clock that stands still, and no source.

use std::sync::Arc;

use andon_plant::{
    AssetName, FaultClass, ManualClock, Mode, StatusCode, TagFinding, TagName, TagVerdict, Timestamp, Verdict,
};
use andon_store::KeepFree;
use andon_ua_server::UaServer;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{
    alarms::Message,
    board::{AssetCard, Board},
    hub::Hub,
    instructions::Instruction,
    live::LiveFeed,
    start::start_server,
    training::Training,
};
use crate::{config::Config, lifecycle::Lifecycle, sharing::Elsewhere, store};

/// What a test of the pipeline works with.
pub(super) struct Bench {
    pub(super) hub: Hub,
    pub(super) ua: UaServer,
    pub(super) clock: Arc<ManualClock>,
    pub(super) lifecycle: Lifecycle,
    /// Held, so that what is sent to these tasks is taken.
    _queues: (mpsc::Receiver<Message>, mpsc::Receiver<Instruction>),
    _folder: TempDir,
}

pub(super) fn mixer() -> AssetName {
    AssetName::new("Mixer").unwrap()
}

fn config(folder: &TempDir, more: &str) -> Config {
    let text = format!(
        "[http]\nlisten = \"127.0.0.1:0\"\n[opcua]\nlisten = \"127.0.0.1:0\"\n\
         [[source]]\nname = \"plc1\"\nendpoint = \"opc.tcp://127.0.0.1:1\"\n\
         [[asset]]\nname = \"Mixer\"\nalarm = {{ on_delay = \"0s\", off_delay = \"0s\", hysteresis = 0.0 }}\n{more}\n\
         [[asset.tag]]\nname = \"Temperature\"\nunit = \"degC\"\nsource = \"plc1\"\nnode = \"nsu=urn:test;s=T\"\n"
    );
    Config::parse(&text, "andon.toml", folder.path()).unwrap().0
}

/// The card of an asset with `more` lines of configuration.
pub(super) fn card(more: &str) -> AssetCard {
    let config = config(&tempfile::tempdir().unwrap(), more);
    Board::new(&config.assets, &config.sources).asset("Mixer").unwrap()
}

pub(super) async fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let config = Arc::new(config(&folder, ""));
    let clock = Arc::new(ManualClock::new(Timestamp::from_secs(1_000)));
    let (lifecycle, store) =
        (Lifecycle::default(), store::open(&config.store.url, KeepFree::default(), None).await.unwrap());
    let (alarm_sender, alarms) = mpsc::channel(16);
    let (instruction_sender, instructions) = mpsc::channel(16);
    let hub = Hub {
        board: Arc::new(Board::new(&config.assets, &config.sources)),
        config,
        clock: clock.clone(),
        live: LiveFeed::default(),
        elsewhere: Elsewhere::default(),
        store,
        training: Training::new(Timestamp::default()).0,
        unjudged: Arc::default(),
        alarms: alarm_sender,
        instructions: instruction_sender,
    };
    let ua = start_server(&hub, &lifecycle).await.unwrap();
    Bench { hub, ua, clock, lifecycle, _queues: (alarms, instructions), _folder: folder }
}

/// A verdict at second `s` under a threshold of 3, carried by the one tag.
pub(super) fn verdict(s: i64, score: f64) -> Verdict {
    let tag = TagVerdict {
        tag: TagName::new("Temperature").unwrap(),
        value: 66.2,
        expected: 60.0,
        expected_low: 59.0,
        expected_high: 61.0,
        residual: 6.2,
        contribution: 1.0,
        imputed: false,
    };
    Verdict {
        asset: mixer(),
        time: Timestamp::from_secs(s),
        score,
        threshold: 3.0,
        probability: 1.0,
        probability_low: 0.99,
        probability_high: 1.0,
        mode: Mode::Known("Fill".to_owned()),
        imputed: 0.0,
        status: StatusCode::GOOD,
        tags: vec![tag],
        late: false,
        findings: Vec::new(),
        attention: Vec::new(),
    }
}

/// What is found wrong with the one tag.
pub(super) fn finding() -> TagFinding {
    let text = "Temperature 6.2 degC above expected for mode Fill, 14 min".to_owned();
    TagFinding { tag: TagName::new("Temperature").unwrap(), class: FaultClass::Deviation, text }
}
