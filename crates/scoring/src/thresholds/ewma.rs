//! A threshold that follows the recent scores' mean and deviation (paper, section 3.3).

use serde::{Deserialize, Serialize};

use super::{ThresholdSettings, calibration::Normal, lessons::Lesson, moments::Moments};

/// mu_t + k sigma_t. It begins as if it had seen normal operation for ever: scores are calibrated, so their mean and
/// deviation are known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ewma {
    base: f64,
    alpha: f64,
    normal: Moments,
    moments: Moments,
}

impl Ewma {
    pub(super) fn fit(settings: &ThresholdSettings, normal: &Normal) -> Self {
        Self { base: normal.base, alpha: settings.alpha, normal: normal.moments, moments: normal.moments }
    }

    pub(super) fn learn(&mut self, lesson: &Lesson) {
        self.moments.learn(lesson.score, (self.alpha * lesson.speed).min(0.5));
    }

    pub(super) fn at(&self) -> f64 {
        self.moments.threshold(self.base, &self.normal)
    }
}
