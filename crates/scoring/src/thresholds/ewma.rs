//! A threshold that follows the recent scores' mean and deviation (paper, section 3.3).

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Serialize};

use super::{ThresholdError, check};

/// Mean and standard deviation of -log10 p where p is uniform, as it is in normal operation: 1 / ln 10 both.
const NORMAL: f64 = std::f64::consts::LOG10_E;

/// A score from which on a row is unusual: one in a hundred of normal operation.
const UNUSUAL: f64 = 2.0;
/// Rows in a row that may be unusual in normal operation, whose scores are means of ten rows.
const LONGEST: usize = 10;

/// Settings of the adaptive threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EwmaSettings {
    /// The threshold never falls below this score.
    pub floor: f64,
    /// The threshold never rises above this score.
    pub cap: f64,
    /// The weight of the newest score; 0.002 remembers some 500 rows.
    pub alpha: f64,
    /// How many standard deviations above the mean the threshold stands.
    pub deviations: f64,
}

/// From once in 1,000 rows to once in 10,000.
impl Default for EwmaSettings {
    fn default() -> Self {
        Self { floor: 3.0, cap: 3.5, alpha: 0.002, deviations: 4.0 }
    }
}

impl EwmaSettings {
    pub(super) fn check(&self) -> Result<(), ThresholdError> {
        check("floor", self.floor, 0.0, MAX_SCORE, "from 0 to 16")?;
        check("cap", self.cap, self.floor, MAX_SCORE, "from threshold.floor to 16")?;
        check("alpha", self.alpha, f64::MIN_POSITIVE, 0.5, "above 0, at most 0.5")?;
        check("deviations", self.deviations, 0.0, 1e3, "from 0 to 1000")
    }
}

/// The adaptive threshold with its state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ewma {
    settings: EwmaSettings,
    mean: f64,
    variance: f64,
    /// The newest scores, as long as they are unusual, at most one more than normal operation has in a row.
    #[serde(default)]
    unusual: Vec<f64>,
}

impl Ewma {
    /// Begins as if it had seen normal operation for ever: scores are calibrated, so their mean and deviation are known.
    pub(super) fn new(settings: EwmaSettings) -> Self {
        Self { settings, mean: NORMAL, variance: NORMAL * NORMAL, unusual: Vec::new() }
    }

    /// mu_t = a s_t + (1 - a) mu_(t-1); sigma^2_t = a (s_t - mu_t)^2 + (1 - a) sigma^2_(t-1).
    ///
    /// An anomaly must not raise the threshold that it is to cross: nothing is learned from a score above it, and from
    /// unusual ones only once they have ended, and if they lasted no longer than in normal operation.
    pub(super) fn observe(&mut self, score: f64) -> f64 {
        let threshold = self.in_force();
        if score >= UNUSUAL {
            self.unusual.push(score);
            self.unusual.truncate(LONGEST + 1);
            return threshold;
        }
        let unusual = std::mem::take(&mut self.unusual);
        if unusual.len() <= LONGEST {
            unusual.into_iter().filter(|score| *score < threshold).for_each(|score| self.learn(score));
        }
        if score.is_finite() {
            self.learn(score);
        }
        threshold
    }

    fn learn(&mut self, score: f64) {
        let a = self.settings.alpha;
        self.mean += a * (score - self.mean);
        self.variance += a * ((score - self.mean).powi(2) - self.variance);
    }

    /// mu + k sigma, between floor and cap. Scores that stand still have no deviation, but are no surer for that: sigma is
    /// at least that of normal operation.
    pub(super) fn in_force(&self) -> f64 {
        let sigma = self.variance.sqrt().max(NORMAL);
        (self.mean + self.settings.deviations * sigma).max(self.settings.floor).min(self.settings.cap)
    }
}

#[cfg(test)]
mod tests {
    use crate::thresholds::{Threshold, ThresholdError, ThresholdSettings};

    use super::*;

    fn threshold() -> Threshold {
        Threshold::new(ThresholdSettings::default())
    }

    /// Scores of normal operation, one a row: -log10 of a number spread evenly over 0 to 1, times `scale`.
    fn normal(scale: f64) -> impl Iterator<Item = f64> {
        (0..).map(move |i: u32| -scale * (f64::from(i) * 0.618_034).fract().max(1e-3).log10())
    }

    #[test]
    fn it_stands_still_in_normal_operation() {
        let mut t = threshold();
        let start = t.in_force();
        for s in normal(1.0).take(5000) {
            t.observe(s);
        }
        assert!((t.in_force() - start).abs() < 0.6, "{start} {}", t.in_force());
    }

    #[test]
    fn it_follows_a_slow_drift() {
        let mut t = threshold();
        let start = t.in_force();
        let (mut alarms, mut alarms_at_start) = (0, 0);
        for (i, s) in normal(1.0).take(20_000).enumerate() {
            let s = s * (1.0 + i as f64 / 20_000.0);
            alarms += u32::from(s >= t.observe(s));
            alarms_at_start += u32::from(s >= start);
        }
        assert!(t.in_force() > start + 0.2, "{start} {}", t.in_force());
        assert!(4 * alarms < 3 * alarms_at_start, "{alarms} {alarms_at_start}");
    }

    #[test]
    fn an_anomaly_does_not_teach() {
        let mut t = threshold();
        let start = t.in_force();
        for _ in 0..10_000 {
            t.observe(9.0);
        }
        assert_eq!(t.in_force(), start);
    }

    #[test]
    fn what_grows_slowly_does_not_raise_the_threshold_before_it_crosses_it() {
        let mut t = threshold();
        let start = t.in_force();
        for row in 0..100 {
            t.observe(2.0 + f64::from(row) / 100.0);
        }
        assert_eq!(t.in_force(), start);
    }

    #[test]
    fn it_stays_between_floor_and_cap() {
        let mut t = threshold();
        for _ in 0..10_000 {
            t.observe(0.0);
        }
        assert_eq!(t.in_force(), EwmaSettings::default().floor);
        for row in 0..100_000 {
            t.observe(if row % LONGEST == 0 { 1.9 } else { t.in_force() - 0.01 });
        }
        assert_eq!(t.in_force(), EwmaSettings::default().cap);
        t.observe(f64::NAN);
        assert_eq!(t.in_force(), EwmaSettings::default().cap);
    }

    #[test]
    fn a_restart_goes_on_where_it_stopped() {
        let mut t = threshold();
        normal(1.3).take(777).for_each(|s| assert!(t.observe(s) > 0.0));
        let again: Threshold = serde_json::from_str(&serde_json::to_string(&t).unwrap()).unwrap();
        assert!((again.in_force() - t.in_force()).abs() < 1e-12);
    }

    #[test]
    fn settings_are_read_by_strategy_and_checked() {
        let read = |s: &str| serde_json::from_str::<ThresholdSettings>(s);
        let ewma = read(r#"{"strategy": "ewma", "floor": 3.2}"#).unwrap();
        assert_eq!(ewma, ThresholdSettings::Ewma(EwmaSettings { floor: 3.2, ..EwmaSettings::default() }));
        assert!(read(r#"{"strategy": "ewma", "flor": 3.2}"#).is_err());
        let fixed = read(r#"{"strategy": "fixed", "score": 40}"#).unwrap();
        assert_eq!(fixed.check(), Err(ThresholdError::Range { key: "score", value: 40.0, range: "from 0 to 16" }));
        assert!(ewma.check().is_ok());
    }
}
