//! What an OPC UA client sees of the simulated plant and of a replayed recording.

#![expect(clippy::unwrap_used, reason = "what a helper can't do fails its test")]

mod client;

use std::{sync::Arc, time::Duration};

use andon_plant::{AssetName, ManualClock, SystemClock, Tag, TagName, Timestamp};
use andon_simulator::{
    FaultKind, FaultRequest, PlantHandle, PlantSettings, Recording, ReplaySettings, SimulatedPlant, serve_plant,
    serve_recording,
};
use opcua::types::{AttributeId, NodeId, StatusCode, VariableTypeId, Variant};
use tokio_util::sync::CancellationToken;

use client::{Client, Value};

const SEED: u64 = 42;
const PAST: Duration = Duration::from_secs(2500);

fn node(id: &str) -> NodeId {
    NodeId::new(2, id)
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00.25Z".parse().unwrap()
}

/// A plant whose first live row is at 12:00:01, and the same plant at hand.
struct Bench {
    clock: Arc<ManualClock>,
    handle: PlantHandle,
    twin: SimulatedPlant,
    cancel: CancellationToken,
    dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(now()));
        let (cancel, dir) = (CancellationToken::new(), tempfile::tempdir().unwrap());
        let settings = PlantSettings {
            listen: ([127, 0, 0, 1], 0).into(),
            seed: SEED,
            speed: 1.0,
            not_before: None,
            history: PAST,
            pki_dir: dir.path().join("server"),
        };
        let handle = serve_plant(settings, clock.clone(), cancel.clone()).await.unwrap();
        let first = "2026-03-01T12:00:01Z".parse::<Timestamp>().unwrap().before(PAST);
        Self { clock, handle, twin: SimulatedPlant::new(SEED, first), cancel, dir }
    }

    async fn connect(&self) -> Client {
        Client::connect(&self.handle.endpoint, "None", self.dir.path()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_read_in_pages_and_is_the_seeds() {
    let mut bench = Bench::new().await;
    let client = bench.connect().await;
    let end = Timestamp::from_secs(4_000_000_000);
    let (flow, pages) = client.history(&node("Pump.Flow"), Timestamp::from_secs(0), end).await;
    let (inlet, _) = client.history(&node("Mixer.InletOpen"), Timestamp::from_secs(0), end).await;
    let (state, _) = client.history(&node("Oven.State"), Timestamp::from_secs(0), end).await;
    assert_eq!((flow.len(), pages), (2500, 3));
    for ((flow, inlet), state) in flow.iter().zip(&inlet).zip(&state) {
        let row = bench.twin.step();
        assert_eq!(*flow, Value::good(row.time, row.assets[1].values[0]));
        assert_eq!(inlet.value, Some(Variant::Boolean(row.assets[0].values[6] == 1.0)));
        assert_eq!(state.value, Some(Variant::Int32(row.assets[2].mode as i32)));
    }
    assert_eq!(bench.twin.next_time(), "2026-03-01T12:00:01Z".parse().unwrap());
    bench.cancel.cancel();
    bench.handle.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_rows_reach_a_subscription_at_once_with_their_faults() {
    let mut bench = Bench::new().await;
    let client = bench.connect().await;
    let mut last = None;
    while bench.twin.next_time() < "2026-03-01T12:00:01Z".parse().unwrap() {
        last = Some(bench.twin.step());
    }
    let mut seen = client.subscribe(&[node("Mixer.Torque"), node("Oven.State")]).await;
    let last = last.unwrap();
    let torque = |row: &andon_simulator::PlantRow| (0, Value::good(row.time, row.assets[0].values[3]));
    let first: Vec<_> = vec![seen.recv().await.unwrap(), seen.recv().await.unwrap()];
    assert!(first.contains(&torque(&last)), "{first:?}");

    // The same fault in both plants, from the same row on.
    let request = FaultRequest::usual(AssetName::new("Mixer").unwrap(), FaultKind::Spike);
    let active = bench.handle.inject(&request).unwrap();
    assert_eq!(bench.twin.inject(&request).unwrap(), active);
    bench.clock.advance(Duration::from_secs(3));
    for _ in 0..3 {
        let row = bench.twin.step();
        assert!(row.assets[0].label);
        let next = loop {
            let next = seen.recv().await.unwrap();
            if next.0 == 0 {
                break next;
            }
        };
        assert_eq!(next, torque(&row));
    }
    assert_eq!(bench.handle.faults(), [active]);
    assert_eq!(bench.handle.clear(None), 1);
    bench.cancel.cancel();
    bench.handle.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_written() {
    let bench = Bench::new().await;
    let client = bench.connect().await;
    for id in ["Mixer.Torque", "Mixer.Torque.EURange"] {
        assert_eq!(client.write(&node(id), Variant::Double(1.0)).await, StatusCode::BadNotWritable);
    }
    assert_eq!(client.write(&node("Mixer.Colour"), Variant::Double(1.0)).await, StatusCode::BadNodeIdUnknown);
    let level = client.read(&node("Mixer.Torque"), AttributeId::UserAccessLevel).await;
    assert_eq!(level, Variant::Byte(0b101), "current read and history read");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_tells_units_ranges_and_types() {
    let bench = Bench::new().await;
    let client = bench.connect().await;
    let mut tree = Vec::new();
    for (asset, id) in client.children(&NodeId::new(2, 1)).await {
        for (tag, _) in client.children(&id).await {
            tree.push(format!("{asset}.{tag}"));
        }
    }
    let mut named: Vec<String> =
        bench.handle.nodes.iter().map(|(key, _)| format!("{}.{}", key.asset, key.tag)).collect();
    // The stack browses in no order.
    tree.sort();
    named.sort();
    assert_eq!(tree, named);
    assert_eq!(bench.handle.nodes[0].1, "nsu=urn:andon:simulator;s=Mixer.Temperature");
    let of_type = client.type_of(&node("Mixer.Temperature")).await;
    assert_eq!(of_type, VariableTypeId::AnalogUnitRangeType);
    let mut properties = client.children(&node("Mixer.Temperature")).await;
    properties.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(properties.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["EURange", "EngineeringUnits"]);
    let range = client.read(&properties[0].1, AttributeId::Value).await;
    assert!(format!("{range:?}").contains("high: 150.0"), "{range:?}");
    assert_eq!(client.children(&node("Pump.State")).await[0].0, "EnumStrings");
    for (id, data_type) in [("Pump.Flow", 11u32), ("Pump.State", 6), ("Mixer.InletOpen", 1)] {
        let found = client.read(&node(id), AttributeId::DataType).await;
        assert_eq!(found, Variant::from(NodeId::new(0, data_type)), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_session_reads_the_same() {
    let bench = Bench::new().await;
    let client = Client::connect(&bench.handle.endpoint, "Basic256Sha256", bench.dir.path()).await;
    let plain = bench.connect().await;
    for id in ["Pump.Flow", "Pump.State"] {
        let encrypted = client.read(&node(id), AttributeId::Value).await;
        assert_eq!(encrypted, plain.read(&node(id), AttributeId::Value).await);
    }
}

fn recording() -> Recording {
    let tags = ["Flow", "Pressure"].map(|n| Tag::analog(TagName::new(n).unwrap())).to_vec();
    let mut recording = Recording::new(AssetName::new("Plant").unwrap(), tags);
    for row in 0..30 {
        let pressure = if row == 7 { f64::NAN } else { 100.0 + f64::from(row) };
        recording.push_row(Timestamp::from_secs(1_583_750_493 + i64::from(row)), &[f64::from(row), pressure]);
    }
    recording.labels = Some((0..30).map(|row| row >= 20).collect());
    recording
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_played_with_gaps_labels_and_history() {
    let (cancel, dir) = (CancellationToken::new(), tempfile::tempdir().unwrap());
    let settings = ReplaySettings {
        listen: ([127, 0, 0, 1], 0).into(),
        speed: 1000.0,
        looped: false,
        rebase: None,
        pki_dir: dir.path().join("server"),
    };
    let handle = serve_recording(vec![recording()], settings, Arc::new(SystemClock), cancel.clone()).await.unwrap();
    handle.finished().await;
    let client = Client::connect(&handle.endpoint, "None", dir.path()).await;
    let recording = recording();
    let (start, end) = (recording.times[0], recording.times[29].after(Duration::from_secs(1)));
    let (pressure, _) = client.history(&node("Plant.Pressure"), start, end).await;
    let expected = recording.times.iter().zip(recording.column(1));
    let expected = expected.map(|(t, v)| if v.is_nan() { Value::missing(*t) } else { Value::good(*t, v) });
    assert_eq!(pressure, expected.collect::<Vec<_>>());
    let (label, _) = client.history(&node("Plant.label"), recording.times[19], recording.times[21]).await;
    assert_eq!(
        label.iter().map(|v| v.value.clone()).collect::<Vec<_>>(),
        [Some(Variant::Boolean(false)), Some(Variant::Boolean(true))]
    );
    assert_eq!(client.read(&node("Plant.Flow"), AttributeId::Value).await, Variant::Double(29.0));
    cancel.cancel();
    handle.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_served_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let refused = async |recordings, speed, listen: std::net::SocketAddr| {
        let pki_dir = dir.path().to_owned();
        let settings = ReplaySettings { listen, speed, looped: false, rebase: None, pki_dir };
        let served = serve_recording(recordings, settings, Arc::new(SystemClock), CancellationToken::new()).await;
        served.err().unwrap().to_string()
    };
    let free = ([127, 0, 0, 1], 0).into();
    assert!(refused(vec![recording()], 0.0, free).await.starts_with("speed 0 is refused"));
    assert!(refused(vec![recording(), recording()], 1.0, free).await.contains("asset `Plant`"));
    assert!(refused(Vec::new(), 1.0, free).await.starts_with("there is no row to play"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let said = refused(vec![recording()], 1.0, taken.local_addr().unwrap()).await;
    assert!(said.contains("can't listen on 127.0.0.1:"), "{said}");
}
