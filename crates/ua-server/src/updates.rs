//! Verdicts, samples, states, alarms and sources turned into values of variables.

use andon_plant::{
    Alarm, AssetName, AssetState, Ne107, StatusCode, TagKey, TagName, TagSample, Timestamp, Verdict, alarm::Condition,
    verdict::TagVerdict,
};
use opcua::types::Variant;

use crate::{settings::SourceStatus, value::date_time};

/// One new value of one variable.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Update {
    /// The variable's path, which is its NodeId.
    pub(crate) path: String,
    pub(crate) value: Variant,
    pub(crate) status: StatusCode,
    pub(crate) when: When,
}

/// How an update stands to the value the variable has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// A measurement: its time is the source timestamp, and it counts only if it is newer than the last one.
    Measured(Timestamp),
    /// A state: it counts if it differs, and its time is moved on where needed so that it follows the last one.
    Changed(Timestamp),
    /// It counts if it differs, and nothing was measured that could give it a source timestamp. A later measurement
    /// counts again, whatever the clock said in between.
    Untimed,
}

fn update(path: String, value: impl Into<Variant>, status: StatusCode, when: When) -> Update {
    let value = if status.is_bad() { Variant::Empty } else { value.into() };
    Update { path, value, status, when }
}

/// A number; one that is not finite is Bad, because a client could do nothing with it.
fn number(path: String, value: f64, status: StatusCode, when: When) -> Update {
    let status = if value.is_finite() || status.is_bad() { status } else { StatusCode::BAD_NO_DATA };
    update(path, value, status, when)
}

fn state(path: String, value: impl Into<Variant>, time: Timestamp) -> Update {
    update(path, value, StatusCode::GOOD, When::Changed(time))
}

/// The variables directly below an asset that a verdict sets.
const JUDGED: [&str; 9] = [
    "Score",
    "Threshold",
    "Probability",
    "ProbabilityLow",
    "ProbabilityHigh",
    "ReturnPeriod",
    "ImputedShare",
    "Anomalous",
    "OperatingMode",
];

/// The variables below a tag that a verdict sets.
const JUDGED_OF_TAG: [&str; 5] = ["Expected", "ExpectedLow", "ExpectedHigh", "Residual", "Contribution"];

/// What a verdict says.
pub(crate) fn of_verdict(verdict: &Verdict, return_period_s: f64) -> Vec<Update> {
    let (asset, status, when) = (&verdict.asset, verdict.status, When::Measured(verdict.time));
    let numbers = [
        ("Score", verdict.score),
        ("Threshold", verdict.threshold),
        ("Probability", verdict.probability),
        ("ProbabilityLow", verdict.probability_low),
        ("ProbabilityHigh", verdict.probability_high),
        ("ReturnPeriod", return_period_s),
        ("ImputedShare", verdict.imputed),
    ];
    let mut updates: Vec<Update> =
        numbers.map(|(name, value)| number(format!("{asset}/{name}"), value, status, when)).into();
    updates.push(update(format!("{asset}/Anomalous"), verdict.anomalous(), status, when));
    updates.push(update(format!("{asset}/OperatingMode"), verdict.mode.as_str(), status, when));
    updates.extend(verdict.tags.iter().flat_map(|tag| of_tag_verdict(verdict, tag)));
    updates
}

fn of_tag_verdict(verdict: &Verdict, tag: &TagVerdict) -> [Update; 5] {
    let made_up = tag.imputed && verdict.status.is_good();
    let status = if made_up { StatusCode::UNCERTAIN_SUBSTITUTE_VALUE } else { verdict.status };
    let values = [tag.expected, tag.expected_low, tag.expected_high, tag.residual, tag.contribution];
    let mut values = values.into_iter();
    JUDGED_OF_TAG.map(|name| {
        let path = format!("{}/Tags/{}/{name}", verdict.asset, tag.tag);
        number(path, values.next().unwrap_or(f64::NAN), status, When::Measured(verdict.time))
    })
}

/// What a sample says: the value with the PLC's own time and status.
pub(crate) fn of_sample(sample: &TagSample) -> Update {
    let path = format!("{}/Tags/{}/Value", sample.key.asset, sample.key.tag);
    let andon_plant::Sample { time, value, status } = sample.sample;
    number(path, value, status, When::Measured(time))
}

/// How a tag's instrument is.
pub(crate) fn of_tag_health(key: &TagKey, health: Ne107, time: Timestamp) -> Update {
    state(format!("{}/Tags/{}/DeviceHealth", key.asset, key.tag), health.code(), time)
}

/// What an asset is doing; see [`crate::UaServer::publish_state`].
pub(crate) struct StateOf<'a> {
    pub(crate) asset: &'a AssetName,
    pub(crate) tags: &'a [TagName],
    pub(crate) state: AssetState,
    pub(crate) status: StatusCode,
    pub(crate) model_version: Option<&'a str>,
    pub(crate) health: Ne107,
    pub(crate) time: Timestamp,
}

/// What an asset is doing, and, where `status` is Bad, that it has no verdict.
pub(crate) fn of_state(said: &StateOf<'_>) -> Vec<Update> {
    let (asset, time) = (said.asset, said.time);
    let version = format!("{asset}/ModelVersion");
    let mut updates = vec![
        state(format!("{asset}/State"), said.state.as_str(), time),
        state(format!("{asset}/DeviceHealth"), said.health.code(), time),
        match said.model_version {
            Some(name) => state(version, name, time),
            None => update(version, Variant::Empty, StatusCode::BAD_WAITING_FOR_INITIAL_DATA, When::Untimed),
        },
    ];
    if said.status.is_bad() {
        let lost = |path| update(path, Variant::Empty, said.status, When::Untimed);
        updates.extend(JUDGED.map(|name| lost(format!("{asset}/{name}"))));
        for tag in said.tags {
            updates.extend(JUDGED_OF_TAG.map(|name| lost(format!("{asset}/Tags/{tag}/{name}"))));
        }
    }
    updates
}

/// The plain variables that mirror an alarm.
pub(crate) fn of_alarm(alarm: &Alarm) -> Vec<Update> {
    let path = format!("{}/Alarms/{}", alarm.asset, alarm.condition);
    let times = [Some(alarm.raised_at), alarm.cleared_at, alarm.acknowledged_at];
    let time = times.into_iter().flatten().max().unwrap_or(alarm.raised_at);
    vec![
        state(format!("{path}/Active"), alarm.state.active(), time),
        state(format!("{path}/Acknowledged"), alarm.state.acknowledged, time),
        state(format!("{path}/Shelved"), false, time),
        state(format!("{path}/Severity"), alarm.severity, time),
        state(format!("{path}/Message"), alarm.message.as_str(), time),
        state(format!("{path}/ActiveTime"), date_time(alarm.raised_at), time),
    ]
}

/// A condition of which no alarm is known: inactive, and nothing to acknowledge.
pub(crate) fn of_quiet(asset: &AssetName, condition: &Condition) -> Vec<Update> {
    let quiet = |name: &str, value: Variant| {
        let path = format!("{asset}/Alarms/{condition}/{name}");
        update(path, value, StatusCode::GOOD, When::Untimed)
    };
    vec![
        quiet("Active", false.into()),
        quiet("Acknowledged", true.into()),
        quiet("Shelved", false.into()),
        quiet("Severity", 1u16.into()),
        quiet("Message", "".into()),
    ]
}

/// How a source is doing.
pub(crate) fn of_source(source: &SourceStatus, now: Timestamp) -> Vec<Update> {
    let path = |name: &str| format!("Sources/{}/{name}", source.name);
    let mut updates = vec![
        state(path("Connected"), source.connected, now),
        state(path("MonitoredItems"), source.monitored_items, now),
        state(path("MonitoredItemLimit"), source.monitored_item_limit.unwrap_or(0), now),
        number(path("SamplesPerSecond"), source.samples_per_second, StatusCode::GOOD, When::Changed(now)),
    ];
    if let Some(time) = source.last_sample {
        updates.push(state(path("LastSampleTime"), date_time(time), now));
    }
    updates
}
