//! What may be set about a threshold.

use std::time::Duration;

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{AlarmBudget, AlarmCost, Strategy, ThresholdError};

/// The cap of a budget that nobody wrote.
const USUAL_CAP: f64 = 3.5;
/// The lowest base that can be set: four of five rows of normal operation reach it.
const LEAST_SCORE: f64 = 0.1;
/// The longest freeze that can be set: a year.
pub const LONGEST_FREEZE: Duration = Duration::from_secs(366 * 24 * 3600);

/// A threshold's settings; nothing is checked yet.
///
/// At most one of `score`, `budget` and `cost` says where the threshold stands; without any it is the default budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ThresholdSettings {
    /// How the threshold moves around its base.
    pub strategy: Strategy,
    /// The base itself, for who knows it: a score, bounded by nothing else. 3 is once in 1,000 rows.
    pub score: Option<f64>,
    /// How many false alarms are put up with.
    pub budget: Option<AlarmBudget>,
    /// What a false alarm and a miss cost.
    pub cost: Option<AlarmCost>,
    /// A base out of a budget or of costs is at least this score, and the threshold never falls below it.
    pub floor: f64,
    /// A base out of a budget or of costs is at most this score; where nobody wrote a budget or costs 3.5, so that a recording of
    /// a year does not make the detector deaf to what takes place once a month (or the floor, if that is higher), and else none.
    pub cap: Option<f64>,
    /// How far above its base the threshold may rise.
    pub reach: f64,
    /// How far below its base the threshold may fall. After an hour that is quieter than usual the usual is no anomaly.
    pub fall: f64,
    /// The longest the threshold stands still because of an alarm, in event time.
    #[serde(rename = "freeze_s", with = "seconds")]
    pub freeze: Duration,
    /// How many times faster a row in transition teaches.
    pub transition_factor: f64,
    /// `ewma`, `gmm`, `context`: the weight of the newest score; 0.0005 remembers some 2,000 rows.
    pub alpha: f64,
    /// `percentile`: the share of scores below the one that is followed.
    pub percentile: f64,
    /// `percentile`: rows looked back over.
    pub window: usize,
    /// `gmm`: the most components of a mode's mixture; BIC chooses.
    pub components: usize,
}

impl Default for ThresholdSettings {
    fn default() -> Self {
        Self {
            strategy: Strategy::Percentile,
            score: None,
            budget: None,
            cost: None,
            floor: 1.9,
            cap: None,
            reach: 4.0,
            fall: 0.5,
            freeze: Duration::from_secs(48 * 3600),
            transition_factor: 4.0,
            alpha: 0.0005,
            percentile: 0.95,
            window: 5000,
            components: 3,
        }
    }
}

impl ThresholdSettings {
    /// The cap in force.
    pub fn cap(&self) -> f64 {
        let written = self.budget.is_some() || self.cost.is_some();
        self.cap.unwrap_or(if written { MAX_SCORE } else { USUAL_CAP.max(self.floor) })
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// If a number is out of its range, or two keys say where the threshold stands.
    pub fn check(&self) -> Result<(), ThresholdError> {
        self.check_base()?;
        let check = ThresholdError::check;
        check("floor", self.floor, (0.0, MAX_SCORE), "from 0 to 16")?;
        check("cap", self.cap(), (self.floor, MAX_SCORE), "from threshold.floor to 16")?;
        check("reach", self.reach, (0.0, MAX_SCORE), "from 0 to 16")?;
        check("fall", self.fall, (0.0, MAX_SCORE), "from 0 to 16")?;
        let freeze = (0.0, LONGEST_FREEZE.as_secs_f64());
        check("freeze_s", self.freeze.as_secs_f64(), freeze, "from 0 s to 366 days")?;
        check("transition_factor", self.transition_factor, (1.0, 100.0), "from 1 to 100")?;
        check("alpha", self.alpha, (1e-6, 0.5), "from 0.000001 to 0.5")?;
        check("percentile", self.percentile, (0.6, 0.999), "from 0.6 to 0.999")?;
        check("window", self.window as f64, (100.0, 5e4), "from 100 to 50000 rows")?;
        check("components", self.components as f64, (1.0, 8.0), "from 1 to 8")
    }

    fn check_base(&self) -> Result<(), ThresholdError> {
        let keys = [("score", self.score.is_some()), ("budget", self.budget.is_some()), ("cost", self.cost.is_some())];
        let mut set = keys.iter().filter(|(_, set)| *set).map(|(key, _)| *key);
        if let (Some(first), Some(second)) = (set.next(), set.next()) {
            return Err(ThresholdError::TwoBases { first, second });
        }
        if let Some(score) = self.score {
            ThresholdError::check("score", score, (LEAST_SCORE, MAX_SCORE), "from 0.1 to 16")?;
        }
        self.cost.map_or(Ok(()), |cost| cost.check())
    }
}

/// A time span as a number of seconds.
mod seconds {
    use super::*;

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(span.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}
