//! The server as a client sees it.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::time::Duration;

use andon_plant::{
    Alarm, AlarmId, AlarmState, AssetState, Condition, FaultClass, Ne107, Sample, StatusCode, TagFinding, TagKey,
    TagSample, Timestamp, alarm::Phase,
};
use andon_ua_server::{Series, ServerError, SourceStatus};
use opcua::{
    client::HistoryReadAction,
    crypto::SecurityPolicy,
    types::{
        AttributeId, BrowseDescription, BrowseDirection, ByteString, DataValue, DateTime, EUInformation, HistoryData,
        HistoryReadValueId, MessageSecurityMode, NodeId, ObjectId, Range, ReadRawModifiedDetails, ReferenceTypeId,
        StatusCode as UaStatus, TimestampsToReturn, VariableTypeId, Variant, WriteValue,
    },
};

mod support;
use support::{Hmi, Plant, assets, at, mixer, next, plant, start, tag, verdict};

const GOOD: StatusCode = StatusCode::GOOD;
const SLOW: Duration = Duration::from_millis(500);
const FAST: Duration = Duration::from_millis(20);

fn date(time: Timestamp) -> DateTime {
    DateTime::from((time.as_micros() + 11_644_473_600_000_000) * 10)
}

fn double(value: &DataValue) -> f64 {
    match value.value {
        Some(Variant::Double(x)) => x,
        _ => panic!("no number: {value:?}"),
    }
}

/// Everything below a node, by browse path and NodeId.
async fn tree(hmi: &Hmi, from: NodeId) -> Vec<(String, NodeId)> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), from)];
    while let Some((path, node)) = open.pop() {
        let browse = BrowseDescription {
            node_id: node,
            browse_direction: BrowseDirection::Forward,
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: 0x3f,
        };
        let result = hmi.session.browse(&[browse], 1000, None).await.unwrap().remove(0);
        for reference in result.references.unwrap_or_default() {
            let path = match path.as_str() {
                "" => reference.browse_name.name.to_string(),
                above => format!("{above}/{}", reference.browse_name.name),
            };
            found.push((path.clone(), reference.node_id.node_id.clone()));
            open.push((path, reference.node_id.node_id));
        }
    }
    found
}

#[tokio::test]
async fn a_node_id_is_the_browse_path() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let nodes = tree(&hmi, hmi.id("Andon")).await;
    // Below its area folders an asset is there a second time, under the same NodeIds.
    let flat = nodes.iter().filter(|(path, _)| !path.starts_with("Areas/Hall 2/Line 1/"));
    for (path, node) in flat {
        assert_eq!(*node, hmi.id(path), "{path}");
    }
    let has = |path: &str| nodes.iter().any(|(p, _)| p == path);
    for path in [
        "Mixer/Score",
        "Mixer/Score/EURange",
        "Mixer/DeviceHealth",
        "Mixer/Tags/Temperature/Value",
        "Mixer/Tags/Speed/Contribution",
        "Mixer/Alarms/Score/Active",
        "Mixer/Alarms/Source/Message",
        "Mixer/Alarms/Model/ActiveTime",
        "Mixer/Alarms/Tag:Temperature/Severity",
        "Areas/Hall 2/Line 1/Mixer",
        "Sources/plc1/Connected",
    ] {
        assert!(has(path), "{path} is missing");
    }
    let objects = tree(&hmi, ObjectId::ObjectsFolder.into());
    let objects = objects.await;
    assert!(objects.contains(&("Andon".to_owned(), hmi.id("Andon"))));
}

#[tokio::test]
async fn analog_variables_have_unit_and_range() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let nodes = tree(&hmi, hmi.id("Mixer")).await;
    let property = async |path: &str| hmi.read(path, AttributeId::Value).await.value.unwrap();
    for (name, low, high) in [("Score", 0.0, 16.0), ("Probability", 0.0, 1.0), ("Tags/Temperature/Value", 0.0, 150.0)] {
        let Variant::ExtensionObject(range) = property(&format!("Mixer/{name}/EURange")).await else { panic!() };
        assert_eq!(range.inner_as::<Range>(), Some(&Range { low, high }), "{name}");
    }
    let Variant::ExtensionObject(unit) = property("Mixer/Tags/Temperature/Expected/EngineeringUnits").await else {
        panic!()
    };
    let unit = unit.inner_as::<EUInformation>().unwrap();
    assert_eq!((unit.unit_id, unit.display_name.text.as_ref()), (4_408_652, "degC"));
    assert!(!nodes.iter().any(|(path, _)| path == "Tags/Speed/Value/EURange"), "a range nobody gave");
    let types = BrowseDescription {
        node_id: hmi.id("Mixer/Score"),
        browse_direction: BrowseDirection::Forward,
        reference_type_id: ReferenceTypeId::HasTypeDefinition.into(),
        include_subtypes: true,
        node_class_mask: 0,
        result_mask: 0x3f,
    };
    let found = hmi.session.browse(&[types], 10, None).await.unwrap().remove(0).references.unwrap();
    assert_eq!(found[0].node_id.node_id, NodeId::from(VariableTypeId::AnalogUnitRangeType));
}

#[tokio::test]
async fn variables_are_bad_until_their_first_data() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    for path in ["Mixer/Score", "Mixer/State", "Mixer/Tags/Speed/Value", "Sources/plc1/Connected"] {
        let value = hmi.read(path, AttributeId::Value).await;
        assert_eq!(value.status, Some(UaStatus::BadWaitingForInitialData), "{path}");
    }
    plant.server.publish_source(&SourceStatus {
        name: "plc1".parse().unwrap(),
        connected: true,
        last_sample: Some(at(7)),
        monitored_items: 12,
        monitored_item_limit: None,
        samples_per_second: 10.0,
    });
    let good = |v: &DataValue| v.status == Some(UaStatus::Good);
    assert_eq!(hmi.read_until("Sources/plc1/Connected", good).await.value, Some(true.into()));
    assert_eq!(hmi.read_until("Sources/plc1/LastSampleTime", good).await.value, Some(date(at(7)).into()));
}

#[tokio::test]
async fn a_verdict_arrives_with_its_time_and_status() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let mut scores = hmi.subscribe("Mixer/Score", FAST, 0.0).await;
    assert_eq!(next(&mut scores).await.status, Some(UaStatus::BadWaitingForInitialData));
    plant.server.publish_verdict(&verdict(at(100), 2.5, StatusCode::UNCERTAIN_SUBSTITUTE_VALUE), 316.0);
    let score = next(&mut scores).await;
    assert_eq!(double(&score), 2.5);
    assert_eq!(score.status, Some(UaStatus::UncertainSubstituteValue));
    assert_eq!(score.source_timestamp, Some(date(at(100))));
    assert_eq!(double(&hmi.read("Mixer/ReturnPeriod", AttributeId::Value).await), 316.0);
    assert_eq!(double(&hmi.read("Mixer/Tags/Temperature/ExpectedLow", AttributeId::Value).await), 69.0);
    assert_eq!(hmi.read("Mixer/OperatingMode", AttributeId::Value).await.value, Some("A".into()));
}

#[tokio::test]
async fn values_within_one_publishing_interval_all_arrive_once_and_in_order() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let mut scores = hmi.subscribe("Mixer/Score", SLOW, 1000.0).await;
    next(&mut scores).await;
    for second in [1, 2, 2, 1, 3, 4, 5] {
        plant.server.publish_verdict(&verdict(at(second), second as f64, GOOD), 1.0);
    }
    for second in 1..=5 {
        let value = next(&mut scores).await;
        assert_eq!((double(&value), value.source_timestamp), (second as f64, Some(date(at(second)))));
    }
}

#[tokio::test]
async fn a_client_that_leaves_sampling_to_the_server_gets_no_wrong_time() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let mut scores = hmi.subscribe("Mixer/Score", FAST, -1.0).await;
    next(&mut scores).await;
    for second in 1..=3 {
        plant.server.publish_verdict(&verdict(at(second), second as f64, GOOD), 1.0);
        let value = next(&mut scores).await;
        assert_eq!((double(&value), value.source_timestamp), (second as f64, None));
    }
}

#[tokio::test]
async fn a_change_of_status_alone_reaches_a_subscriber() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let mut values = hmi.subscribe("Mixer/Tags/Speed/Value", FAST, 0.0).await;
    next(&mut values).await;
    let key = TagKey { asset: mixer(), tag: tag("Speed") };
    let steps = [(1, GOOD), (2, StatusCode::UNCERTAIN_LAST_USABLE_VALUE), (3, StatusCode::BAD_NO_COMMUNICATION)];
    for (second, status) in steps {
        let sample = Sample::new(at(second), 50.0, status);
        plant.server.publish_sample(&TagSample { key: key.clone(), sample });
        let value = next(&mut values).await;
        assert_eq!(value.status, Some(UaStatus::from(status.0)));
        assert_eq!(value.source_timestamp, Some(date(at(second))));
    }
    let health = hmi.read("Mixer/Tags/Speed/DeviceHealth", AttributeId::Value).await;
    assert_eq!(health.value, Some((Ne107::Failure.code()).into()));
}

#[tokio::test]
async fn a_tags_health_follows_what_is_found_wrong_and_a_bad_value_comes_first() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let is = |health: Ne107| move |v: &DataValue| v.value == Some(health.code().into());
    let path = "Mixer/Tags/Temperature/DeviceHealth";
    let mut said = verdict(at(1), 6.0, GOOD);
    said.findings =
        vec![TagFinding { tag: tag("Temperature"), class: FaultClass::Deviation, text: "1 degC above".into() }];
    plant.server.publish_verdict(&said, 1.0);
    hmi.read_until(path, is(Ne107::MaintenanceRequired)).await;
    let key = TagKey { asset: mixer(), tag: tag("Temperature") };
    let show = |second, status| {
        let sample = Sample::new(at(second), 71.0, status);
        plant.server.publish_sample(&TagSample { key: key.clone(), sample });
    };
    show(2, StatusCode::BAD_NO_COMMUNICATION);
    hmi.read_until(path, is(Ne107::Failure)).await;
    show(3, GOOD);
    hmi.read_until(path, is(Ne107::MaintenanceRequired)).await;
    plant.server.publish_verdict(&verdict(at(4), 1.0, GOOD), 1.0);
    hmi.read_until(path, is(Ne107::Good)).await;
}

#[tokio::test]
async fn a_lost_source_makes_the_score_bad_until_the_next_verdict() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let mut scores = hmi.subscribe("Mixer/Score", FAST, 0.0).await;
    next(&mut scores).await;
    let publish = |second| plant.server.publish_verdict(&verdict(at(second), 1.5, GOOD), 1.0);
    publish(10);
    assert_eq!(double(&next(&mut scores).await), 1.5);
    let lost = StatusCode::BAD_NO_COMMUNICATION;
    plant.server.publish_state(&mixer(), AssetState::NoData, lost, Some("m1"), Ne107::Failure, at(15));
    assert_eq!(next(&mut scores).await.status, Some(UaStatus::BadNoCommunication));
    assert_eq!(hmi.read("Mixer/State", AttributeId::Value).await.value, Some("NoData".into()));
    assert_eq!(hmi.read("Mixer/ModelVersion", AttributeId::Value).await.value, Some("m1".into()));
    let expected = hmi.read("Mixer/Tags/Temperature/Expected", AttributeId::Value).await;
    assert_eq!(expected.status, Some(UaStatus::BadNoCommunication));
    publish(12);
    let again = next(&mut scores).await;
    assert_eq!((double(&again), again.source_timestamp), (1.5, Some(date(at(12)))));
}

#[tokio::test]
async fn an_alarm_is_mirrored_as_plain_variables() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let active = |value: bool| move |v: &DataValue| v.value == Some(value.into());
    hmi.read_until("Mixer/Alarms/Score/Active", active(false)).await;
    plant.server.publish_alarm(&Alarm {
        id: AlarmId(1),
        asset: mixer(),
        condition: Condition::Score,
        state: AlarmState { phase: Phase::Active, acknowledged: false },
        severity: 700,
        message: "Temperature is 4 degC above expected".to_owned(),
        raised_at: at(50),
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        assessment: None,
        contributions: Vec::new(),
    });
    let raised = hmi.read_until("Mixer/Alarms/Score/Active", active(true)).await;
    assert_eq!(raised.source_timestamp, Some(date(at(50))));
    let read = async |name: &str| hmi.read(&format!("Mixer/Alarms/Score/{name}"), AttributeId::Value).await.value;
    assert_eq!(read("Acknowledged").await, Some(false.into()));
    assert_eq!(read("Severity").await, Some(700u16.into()));
    assert_eq!(read("ActiveTime").await, Some(date(at(50)).into()));
    assert_eq!(read("Message").await, Some("Temperature is 4 degC above expected".into()));
}

#[tokio::test]
async fn nothing_can_be_written() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let write = |path: &str, attribute: AttributeId| WriteValue {
        node_id: hmi.id(path),
        attribute_id: attribute as u32,
        index_range: Default::default(),
        value: DataValue::from(Variant::Double(0.0)),
    };
    let writes = [
        write("Mixer/Score", AttributeId::Value),
        write("Mixer/Score/EURange", AttributeId::Value),
        write("Mixer/Score", AttributeId::DisplayName),
        write("Mixer/Nothing", AttributeId::Value),
    ];
    let results = hmi.session.write(&writes).await.unwrap();
    let refused = UaStatus::BadNotWritable;
    assert_eq!(results, [refused, refused, refused, UaStatus::BadNodeIdUnknown]);
}

struct Wanted {
    start: DateTime,
    end: DateTime,
    page: u32,
}

async fn history_page(
    hmi: &Hmi,
    path: &str,
    wanted: &Wanted,
    timestamps: TimestampsToReturn,
    continuation_point: ByteString,
) -> (UaStatus, Vec<DataValue>, ByteString) {
    let details = HistoryReadAction::ReadRawModifiedDetails(ReadRawModifiedDetails {
        is_read_modified: false,
        start_time: wanted.start,
        end_time: wanted.end,
        num_values_per_node: wanted.page,
        return_bounds: false,
    });
    let node = HistoryReadValueId { node_id: hmi.id(path), continuation_point, ..Default::default() };
    let result = hmi.session.history_read(details, timestamps, false, &[node]).await.unwrap().remove(0);
    let values = result.history_data.into_inner_as::<HistoryData>().and_then(|d| d.data_values).unwrap_or_default();
    (result.status_code, values, result.continuation_point)
}

async fn history(hmi: &Hmi, path: &str, wanted: Wanted) -> Vec<DataValue> {
    let mut all = Vec::new();
    let mut point = ByteString::null();
    loop {
        let page = history_page(hmi, path, &wanted, TimestampsToReturn::Both, point).await;
        assert_eq!(page.0, UaStatus::Good);
        assert!(page.1.len() <= wanted.page as usize);
        all.extend(page.1);
        point = page.2;
        if point.is_null_or_empty() {
            return all;
        }
    }
}

fn keep_scores(plant: &Plant, count: i64) {
    for second in 1..=count {
        plant.history.keep(Series::Score(mixer()), Sample::good(at(second), second as f64));
    }
}

#[tokio::test]
async fn history_pages_without_gap_or_repeat_in_both_directions() {
    let plant = plant().await;
    keep_scores(&plant, 10_000);
    let hmi = plant.connect().await;
    let wanted = Wanted { start: date(at(1)), end: date(at(20_000)), page: 333 };
    let forward: Vec<f64> = history(&hmi, "Mixer/Score", wanted).await.iter().map(double).collect();
    assert_eq!(forward, (1..=10_000).map(f64::from).collect::<Vec<_>>());
    let wanted = Wanted { start: date(at(20_000)), end: date(at(0)), page: 999 };
    let backward: Vec<f64> = history(&hmi, "Mixer/Score", wanted).await.iter().map(double).collect();
    assert_eq!(backward, (1..=10_000).rev().map(f64::from).collect::<Vec<_>>());
}

#[tokio::test]
async fn history_keeps_status_codes_and_gives_the_times_asked_for() {
    let plant = plant().await;
    let series = Series::Value(TagKey { asset: mixer(), tag: tag("Speed") });
    let uncertain = StatusCode::UNCERTAIN_LAST_USABLE_VALUE;
    plant.history.keep(series.clone(), Sample::new(at(1), 5.0, uncertain));
    plant.history.keep(series, Sample::bad(at(2), StatusCode::BAD_NO_COMMUNICATION));
    let hmi = plant.connect().await;
    let wanted = Wanted { start: date(at(0)), end: date(at(9)), page: 0 };
    let read =
        async |timestamps| history_page(&hmi, "Mixer/Tags/Speed/Value", &wanted, timestamps, ByteString::null()).await;
    let (status, values, _) = read(TimestampsToReturn::Source).await;
    assert_eq!(status, UaStatus::Good);
    assert_eq!(values[0].status, Some(UaStatus::from(uncertain.0)));
    assert_eq!(values[1].status, Some(UaStatus::BadNoCommunication));
    assert_eq!((values[0].source_timestamp, values[0].server_timestamp), (Some(date(at(1))), None));
    let (_, values, _) = read(TimestampsToReturn::Server).await;
    assert_eq!((values[0].source_timestamp, values[0].server_timestamp), (None, Some(date(at(1)))));
    assert_eq!(read(TimestampsToReturn::Neither).await.0, UaStatus::BadTimestampsToReturnInvalid);
}

#[tokio::test]
async fn an_empty_range_is_good_and_no_data_and_a_variable_without_history_says_so() {
    let plant = plant().await;
    let hmi = plant.connect().await;
    let wanted = Wanted { start: date(at(1)), end: date(at(9)), page: 5 };
    let read = async |path| history_page(&hmi, path, &wanted, TimestampsToReturn::Both, ByteString::null()).await.0;
    assert_eq!(read("Mixer/Threshold").await, UaStatus::GoodNoData);
    assert_eq!(read("Mixer/Probability").await, UaStatus::BadUserAccessDenied);
    let stale = ByteString::from(vec![1, 2, 3]);
    let (status, ..) = history_page(&hmi, "Mixer/Score", &wanted, TimestampsToReturn::Both, stale).await;
    assert_eq!(status, UaStatus::BadContinuationPointInvalid);
    let historizing = async |path| hmi.read(path, AttributeId::Historizing).await.value;
    assert_eq!(historizing("Mixer/Tags/Speed/Expected").await, Some(true.into()));
    assert_eq!(historizing("Mixer/Probability").await, Some(false.into()));
}

#[tokio::test]
async fn a_session_has_a_bounded_number_of_continuation_points() {
    let plant = plant().await;
    keep_scores(&plant, 10);
    let hmi = plant.connect().await;
    let wanted = Wanted { start: date(at(1)), end: date(at(9)), page: 1 };
    let mut statuses = Vec::new();
    for _ in 0..51 {
        let page = history_page(&hmi, "Mixer/Score", &wanted, TimestampsToReturn::Both, ByteString::null()).await;
        statuses.push(page.0);
    }
    assert_eq!(statuses.pop(), Some(UaStatus::BadNoContinuationPoints));
    assert!(statuses.iter().all(UaStatus::is_good));
}

#[tokio::test]
async fn an_encrypted_session_needs_a_trusted_certificate() {
    let plant = plant().await;
    let secured = (SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt);
    assert!(plant.connect_with(secured.0, secured.1).await.is_none());
    let (rejected, trusted) = (plant.server_pki().join("rejected"), plant.server_pki().join("trusted"));
    for certificate in std::fs::read_dir(rejected).unwrap() {
        let certificate = certificate.unwrap();
        std::fs::rename(certificate.path(), trusted.join(certificate.file_name())).unwrap();
    }
    let hmi = plant.connect_with(secured.0, secured.1).await.expect("the certificate is trusted now");
    assert_eq!(hmi.read("Mixer/Score", AttributeId::Value).await.status, Some(UaStatus::BadWaitingForInitialData));
}

#[tokio::test]
async fn sessions_are_counted_and_a_stop_closes_them() {
    let plant = plant().await;
    assert_eq!(plant.server.sessions(), 0);
    let hmi = plant.connect().await;
    let _scores = hmi.subscribe("Mixer/Score", FAST, 0.0).await;
    assert_eq!(plant.server.sessions(), 1);
    plant.cancel.cancel();
    tokio::time::timeout(Duration::from_secs(3), plant.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn names_that_would_clash_are_refused() {
    let mut twice = assets();
    twice.extend(assets());
    assert!(matches!(start(twice).await.err(), Some(ServerError::DuplicateAsset(_))));
    let mut reserved = assets();
    reserved[0].name = "Sources".parse().unwrap();
    assert!(matches!(start(reserved).await.err(), Some(ServerError::ReservedName(_))));
}
