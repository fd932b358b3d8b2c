//! Costs: what a false alarm and a miss cost, and the score from which on an alarm is the cheaper mistake.

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Serialize};

use super::ThresholdError;

/// What mistakes cost. Only the ratio of the two costs counts, so they may be in any unit: minutes, parts, euros.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlarmCost {
    /// An alarm where all is normal.
    pub false_alarm: f64,
    /// No alarm where something is not.
    pub miss: f64,
    /// The share of rows, before the score is looked at, in which something is not normal.
    #[serde(default = "rarely")]
    pub anomalous: f64,
}

fn rarely() -> f64 {
    AlarmCost::RARELY
}

impl AlarmCost {
    /// The share of anomalous rows where nobody says: one in a thousand.
    pub const RARELY: f64 = 0.001;

    pub(super) fn check(&self) -> Result<(), ThresholdError> {
        let positive = (1e-9, 1e9);
        ThresholdError::check("cost.false_alarm", self.false_alarm, positive, "above 0, at most 1e9")?;
        ThresholdError::check("cost.miss", self.miss, positive, "above 0, at most 1e9")?;
        ThresholdError::check("cost.anomalous", self.anomalous, (1e-9, 0.5), "above 0, at most 0.5")
    }

    /// The lowest score at which an alarm can be the cheaper mistake.
    ///
    /// An alarm is cheaper where P(normal | p) `false_alarm` < P(anomalous | p) `miss`, that is where the Bayes factor of
    /// normal against anomalous is below `miss / false_alarm * anomalous / (1 - anomalous)`. What anomalies look like is
    /// not known, but whatever it is, that factor is at least -e p ln p for p < 1/e, for a large class of alternatives
    /// (Sellke, Bayarri and Berger 2001, Calibration of p values, The American Statistician 55(1)). The score
    /// is where the bound meets the ratio; lower ones can't warrant an alarm.
    pub(super) fn score(&self) -> f64 {
        let ratio = self.miss / self.false_alarm * self.anomalous / (1.0 - self.anomalous);
        let (mut low, mut high) = (std::f64::consts::LOG10_E, MAX_SCORE);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if bayes_factor(middle) > ratio { low = middle } else { high = middle }
        }
        high
    }
}

/// -e p ln p of p = 10^-score; it falls from 1 where p = 1/e.
fn bayes_factor(score: f64) -> f64 {
    std::f64::consts::E * 10f64.powf(-score) * score * std::f64::consts::LN_10
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(false_alarm: f64, miss: f64, anomalous: f64) -> f64 {
        AlarmCost { false_alarm, miss, anomalous }.score()
    }

    #[test]
    fn the_bound_is_the_papers() {
        // Sellke, Bayarri and Berger 2001, Table 1: p = 0.05 has a bound of 0.407, 0.01 of 0.125, 0.001 of 0.0188.
        for (p, bound) in [(0.05f64, 0.407), (0.01, 0.125), (0.001, 0.0188)] {
            assert!((bayes_factor(-p.log10()) - bound).abs() < 0.0006, "{p}");
        }
        assert!((score(1.0, 0.125_184, 0.5) - 2.0).abs() < 1e-3);
    }

    #[test]
    fn dear_misses_lower_it_and_dear_alarms_or_rare_anomalies_raise_it() {
        assert!(score(1.0, 100.0, 0.001) < score(1.0, 10.0, 0.001));
        assert!(score(10.0, 10.0, 0.001) > score(1.0, 10.0, 0.001));
        assert!(score(1.0, 10.0, 0.0001) > score(1.0, 10.0, 0.001));
    }

    #[test]
    fn absurd_costs_end_at_the_ends() {
        assert!((score(1.0, 1e9, 0.5) - std::f64::consts::LOG10_E).abs() < 1e-9);
        assert_eq!(score(1e9, 1e-9, 1e-9), MAX_SCORE);
    }
}
