//! What the tests of every engine store, and the words for it.

pub(super) use andon_plant::{
    Alarm, AlarmId, AlarmState, AssetName, Condition, FaultClass, JournalEntry, Mode, Sample, StatusCode, TagFinding,
    TagKey, TagName, TagSample, TagVerdict, Timestamp, Verdict,
    alarm::{Contribution, Phase, Transition},
};

use crate::SeriesQuery;

pub(super) const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));
pub(super) const ALL: SeriesQuery = SeriesQuery { max_points: None, limit: None, newest_first: false };

pub(super) fn at(s: i64) -> Timestamp {
    Timestamp::from_secs(s)
}

pub(super) fn asset() -> AssetName {
    AssetName::new("Mixer").unwrap()
}

pub(super) fn key(tag: &str) -> TagKey {
    TagKey { asset: asset(), tag: TagName::new(tag).unwrap() }
}

pub(super) fn sample(tag: &str, time: Timestamp, value: f64) -> TagSample {
    TagSample { key: key(tag), sample: Sample::good(time, value) }
}

pub(super) fn verdict(time: Timestamp, score: f64, tags: usize) -> Verdict {
    let tags = (0..tags)
        .map(|n| TagVerdict {
            tag: TagName::new(&format!("Tag{n}")).unwrap(),
            value: 20.0 + score,
            expected: 20.0,
            expected_low: 19.0,
            expected_high: 21.0,
            residual: score,
            contribution: 1.0 / tags as f64,
            imputed: n % 2 == 1,
        })
        .collect();
    Verdict {
        asset: asset(),
        time,
        score,
        threshold: 3.0,
        probability: 0.999,
        probability_low: 0.99,
        probability_high: 0.9999,
        mode: Mode::Known("mixing".to_owned()),
        imputed: 0.25,
        status: StatusCode::UNCERTAIN_SUBSTITUTE_VALUE,
        tags,
        late: false,
        findings: Vec::new(),
        attention: Vec::new(),
    }
}

pub(super) fn alarm(raised_at: Timestamp) -> Alarm {
    Alarm {
        id: AlarmId(0),
        asset: asset(),
        condition: Condition::Score,
        state: AlarmState { phase: Phase::Active, acknowledged: false },
        severity: 700,
        message: "Temperature is 5 degC above what was expected".to_owned(),
        raised_at,
        cleared_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        assessment: None,
        contributions: vec![Contribution {
            tag: TagName::new("Temperature").unwrap(),
            share: 0.1 + 0.2,
            value: 65.0,
            expected: 60.0,
            unit: "degC".to_owned(),
            finding: Some(finding("Temperature")),
        }],
    }
}

pub(super) fn finding(tag: &str) -> TagFinding {
    let text = format!("{tag} 5 degC above expected for mode Fill, 14 min");
    TagFinding { tag: TagName::new(tag).unwrap(), class: FaultClass::Deviation, text }
}

pub(super) fn entry(time: Timestamp, transition: Transition) -> JournalEntry {
    JournalEntry { alarm: AlarmId(0), time, transition, by: None, comment: None }
}
