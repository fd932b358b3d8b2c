//! The alarm as a pure step function: levels and acknowledgements go in, transitions come out (after ISA-18.2 and
//! OPC 10000-9).
//!
//! An alarm is one *occurrence*: it begins when its condition has been anomalous for the on-delay, and ends when it has
//! both returned to normal (for the off-delay, below the threshold by the hysteresis) and been acknowledged. A condition
//! that comes back of the same cause before it was acknowledged is the same occurrence, so that a nuisance is one line on the list; what
//! an operator said of it before it came back is no longer said of it.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    name::{AssetName, NameError, TagName},
    time::Timestamp,
    verdict::TagFinding,
};

/// What an alarm is about; with the asset it is the alarm's identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Condition {
    /// The asset's score has reached its threshold.
    Score,
    /// The asset's source can't be read.
    Source,
    /// The asset's model is missing, has failed, or no longer fits.
    Model,
    /// One tag is far from what was expected of it.
    Tag(TagName),
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Condition::Score => f.write_str("Score"),
            Condition::Source => f.write_str("Source"),
            Condition::Model => f.write_str("Model"),
            Condition::Tag(tag) => write!(f, "Tag:{tag}"),
        }
    }
}

impl FromStr for Condition {
    type Err = NameError;
    fn from_str(name: &str) -> Result<Self, NameError> {
        Ok(match name {
            "Score" => Condition::Score,
            "Source" => Condition::Source,
            "Model" => Condition::Model,
            _ => Condition::Tag(TagName::new(name.strip_prefix("Tag:").unwrap_or(name))?),
        })
    }
}

impl From<Condition> for String {
    fn from(c: Condition) -> String {
        c.to_string()
    }
}

impl TryFrom<String> for Condition {
    type Error = NameError;
    fn try_from(name: String) -> Result<Self, NameError> {
        name.parse()
    }
}

/// When an alarm is raised and cleared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlarmSettings {
    /// How long a level must be at or above the threshold, dips within the hysteresis aside, before the alarm is raised.
    pub on_delay: Duration,
    /// How long a level must be below the threshold less the hysteresis before the alarm is cleared.
    pub off_delay: Duration,
    /// How far below the threshold a level must fall, in units of the score; never more than half of the threshold, for a score is
    /// never below 0.
    pub hysteresis: f64,
}

/// Where a condition stands between normal and active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Phase {
    /// Nothing wrong.
    #[default]
    Normal,
    /// At or above the threshold since then, not yet for the on-delay; a dip within the hysteresis does not begin it anew.
    Rising(Timestamp),
    /// Raised.
    Active,
    /// Raised, and below the threshold less the hysteresis since then, not yet for the off-delay.
    Falling(Timestamp),
}

/// The state of one condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmState {
    /// Between normal and active.
    pub phase: Phase,
    /// Whether the operator has seen it; true where there is nothing to see.
    pub acknowledged: bool,
}

impl Default for AlarmState {
    fn default() -> Self {
        Self { phase: Phase::Normal, acknowledged: true }
    }
}

impl AlarmState {
    /// Whether the alarm is raised.
    pub fn active(&self) -> bool {
        matches!(self.phase, Phase::Active | Phase::Falling(_))
    }

    /// Whether there is something to show: raised, or not yet acknowledged.
    pub fn open(&self) -> bool {
        self.active() || !self.acknowledged
    }
}

/// What happens to a condition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Input {
    /// A level was measured.
    Level {
        /// When, in event time.
        time: Timestamp,
        /// The level, in units of the score.
        level: f64,
        /// The threshold in force.
        threshold: f64,
    },
    /// The operator has seen it.
    Acknowledge,
}

/// A change worth a line in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// Became active.
    Raised,
    /// Became more severe while active.
    Worsened,
    /// Returned to normal.
    Cleared,
    /// Was acknowledged.
    Acknowledged,
    /// The operator wrote something.
    Commented,
    /// The operator said that it was real.
    AssessedReal,
    /// The operator said that it was a nuisance.
    AssessedNuisance,
}

impl Transition {
    /// The word for the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Transition::Raised => "raised",
            Transition::Worsened => "worsened",
            Transition::Cleared => "cleared",
            Transition::Acknowledged => "acknowledged",
            Transition::Commented => "commented",
            Transition::AssessedReal => "assessed_real",
            Transition::AssessedNuisance => "assessed_nuisance",
        }
    }
}

/// What an operator says of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assessment {
    /// Something was wrong.
    Real,
    /// Nothing was wrong: what it was raised for is normal.
    Nuisance,
}

impl Assessment {
    /// The word for JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Assessment::Real => "real",
            Assessment::Nuisance => "nuisance",
        }
    }
}

impl From<Assessment> for Transition {
    fn from(said: Assessment) -> Self {
        match said {
            Assessment::Real => Transition::AssessedReal,
            Assessment::Nuisance => Transition::AssessedNuisance,
        }
    }
}

/// One step of one condition: the new state, and the transition if there was one.
///
/// A level that is not a number changes nothing: no data neither raises nor clears an alarm.
pub fn step(settings: &AlarmSettings, state: AlarmState, input: Input) -> (AlarmState, Option<Transition>) {
    match input {
        Input::Acknowledge if state.acknowledged => (state, None),
        Input::Acknowledge => (AlarmState { acknowledged: true, ..state }, Some(Transition::Acknowledged)),
        Input::Level { time, level, threshold } => {
            let high = level >= threshold;
            let low = level < (threshold - settings.hysteresis).max(threshold / 2.0);
            let phase = match state.phase {
                _ if !(high || low || level < threshold) => state.phase,
                Phase::Normal if high => risen(settings, time, time),
                Phase::Rising(since) if high => risen(settings, since, time),
                Phase::Rising(_) if !low => state.phase,
                Phase::Normal | Phase::Rising(_) => Phase::Normal,
                Phase::Active if low => fallen(settings, time, time),
                Phase::Falling(since) if low => fallen(settings, since, time),
                Phase::Active | Phase::Falling(_) => Phase::Active,
            };
            let after = AlarmState { phase, ..state };
            match (state.active(), after.active()) {
                (false, true) => (AlarmState { acknowledged: false, ..after }, Some(Transition::Raised)),
                (true, false) => (after, Some(Transition::Cleared)),
                _ => (after, None),
            }
        }
    }
}

fn risen(settings: &AlarmSettings, since: Timestamp, now: Timestamp) -> Phase {
    if now.since(since) >= settings.on_delay { Phase::Active } else { Phase::Rising(since) }
}

fn fallen(settings: &AlarmSettings, since: Timestamp, now: Timestamp) -> Phase {
    if now.since(since) >= settings.off_delay { Phase::Normal } else { Phase::Falling(since) }
}

/// The number of an alarm occurrence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AlarmId(pub i64);

/// A tag's part in an alarm, as it is shown to people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// The tag.
    pub tag: TagName,
    /// Its share of the score, from 0 to 1.
    pub share: f64,
    /// Its value, in its unit.
    pub value: f64,
    /// What was expected, in its unit.
    pub expected: f64,
    /// The unit.
    pub unit: String,
    /// What its fault looks like; none where that is not known.
    #[serde(default)]
    pub finding: Option<TagFinding>,
}

/// One occurrence of an alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alarm {
    /// Its number.
    pub id: AlarmId,
    /// The asset.
    pub asset: AssetName,
    /// What it is about.
    pub condition: Condition,
    /// Where it stands.
    pub state: AlarmState,
    /// 1 to 1000; bands 1-333 low, 334-666 medium, 667-1000 high.
    pub severity: u16,
    /// A sentence that names the tags, how far and which way.
    pub message: String,
    /// When it was first raised.
    pub raised_at: Timestamp,
    /// When it last returned to normal; none while active.
    pub cleared_at: Option<Timestamp>,
    /// When it was acknowledged.
    pub acknowledged_at: Option<Timestamp>,
    /// Who acknowledged it.
    pub acknowledged_by: Option<String>,
    /// What an operator last said of it; none where nobody has since it was last raised.
    pub assessment: Option<Assessment>,
    /// The tags that carried it, largest share first.
    pub contributions: Vec<Contribution>,
}

/// One line of an alarm's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// The alarm.
    pub alarm: AlarmId,
    /// When it happened.
    pub time: Timestamp,
    /// What happened.
    pub transition: Transition,
    /// Who did it; none where the detector did.
    pub by: Option<String>,
    /// What was said with it.
    pub comment: Option<String>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SETTINGS: AlarmSettings =
        AlarmSettings { on_delay: Duration::from_secs(3), off_delay: Duration::from_secs(5), hysteresis: 0.5 };

    fn run(levels: impl IntoIterator<Item = f64>) -> (AlarmState, Vec<(i64, Transition)>) {
        let mut state = AlarmState::default();
        let mut seen = Vec::new();
        for (s, level) in levels.into_iter().enumerate() {
            let input = Input::Level { time: Timestamp::from_secs(s as i64), level, threshold: 3.0 };
            let (next, transition) = step(&SETTINGS, state, input);
            state = next;
            seen.extend(transition.map(|t| (s as i64, t)));
        }
        (state, seen)
    }

    #[test]
    fn a_spike_shorter_than_the_on_delay_raises_nothing() {
        assert_eq!(run([0.0, 9.0, 9.0, 9.0, 0.0]).1, []);
    }

    #[test]
    fn raised_after_the_on_delay_and_cleared_after_the_off_delay() {
        let levels = [9.0; 5].into_iter().chain([0.0; 10]);
        assert_eq!(run(levels).1, [(3, Transition::Raised), (10, Transition::Cleared)]);
    }

    #[test]
    fn a_dip_within_the_hysteresis_does_not_begin_the_on_delay_anew() {
        assert_eq!(run([9.0, 2.7, 9.0, 2.7, 9.0]).1, [(4, Transition::Raised)]);
        assert_eq!(run([9.0, 2.4, 9.0, 2.4, 9.0]).1, []);
    }

    #[test]
    fn a_level_within_the_hysteresis_keeps_it_active() {
        let levels = [9.0; 5].into_iter().chain([2.7; 60]);
        assert_eq!(run(levels).1, [(3, Transition::Raised)]);
    }

    #[test]
    fn a_hysteresis_wider_than_the_threshold_still_lets_an_alarm_clear() {
        let wide = AlarmSettings { on_delay: Duration::ZERO, off_delay: Duration::ZERO, hysteresis: 9.0 };
        let mut state = AlarmState::default();
        for (level, active) in [(3.0, true), (1.6, true), (1.4, false)] {
            let input = Input::Level { time: Timestamp::from_secs(1), level, threshold: 3.0 };
            state = step(&wide, state, input).0;
            assert_eq!(state.active(), active, "{level}");
        }
    }

    #[test]
    fn no_number_changes_nothing() {
        let (state, seen) = run([9.0, 9.0, 9.0, 9.0, f64::NAN, f64::NAN]);
        assert!(state.active());
        assert_eq!(seen, [(3, Transition::Raised)]);
    }

    #[test]
    fn acknowledging_twice_is_one_transition() {
        let (state, _) = run([9.0; 5]);
        let (state, first) = step(&SETTINGS, state, Input::Acknowledge);
        assert_eq!(first, Some(Transition::Acknowledged));
        assert_eq!(step(&SETTINGS, state, Input::Acknowledge), (state, None));
        assert!(state.active() && state.open());
    }

    proptest! {
        /// Raised and cleared alternate, and each comes no sooner than its delay allows.
        #[test]
        fn transitions_alternate(levels in prop::collection::vec(0.0f64..6.0, 0..200)) {
            let (state, seen) = run(levels);
            for pair in seen.windows(2) {
                prop_assert_ne!(pair[0].1, pair[1].1);
                let least = if pair[1].1 == Transition::Cleared { 5 } else { 3 };
                prop_assert!(pair[1].0 - pair[0].0 >= least);
            }
            prop_assert_eq!(state.active(), seen.last().is_some_and(|s| s.1 == Transition::Raised));
            prop_assert_eq!(state.acknowledged, seen.is_empty());
        }
    }
}
