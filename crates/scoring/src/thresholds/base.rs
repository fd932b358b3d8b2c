//! The base: where a threshold stands in steady normal operation, and between which bounds it may move.

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Serialize};

use super::{ThresholdCalibration, ThresholdSettings};

/// Where a threshold stands in steady normal operation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// What the score, the budget or the costs ask for.
    pub wanted: f64,
    /// What they get: a budget or costs no less than the floor, and no more than the cap or than what calibration can tell
    /// apart, which is once in twice as many rows as it had.
    pub score: f64,
}

impl Base {
    pub(super) fn new(settings: &ThresholdSettings, calibration: &ThresholdCalibration<'_>) -> Self {
        if let Some(score) = settings.score {
            return Self { wanted: score, score };
        }
        let wanted = match settings.cost {
            Some(cost) => cost.score(),
            None => settings.budget.unwrap_or_default().score(calibration),
        };
        let told_apart = (2.0 * calibration.scores.len() as f64).log10();
        Self { wanted, score: wanted.min(told_apart).clamp(settings.floor, settings.cap()) }
    }
}

/// How low and how high a threshold may stand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Bounds {
    low: f64,
    high: f64,
}

impl Bounds {
    /// A base that was set below the floor is its own floor.
    pub(super) fn new(settings: &ThresholdSettings, base: f64) -> Self {
        let low = (base - settings.fall).max(settings.floor.min(base));
        Self { low, high: (base + settings.reach).min(MAX_SCORE) }
    }

    pub(super) fn keep(self, threshold: f64) -> f64 {
        threshold.clamp(self.low, self.high)
    }
}
