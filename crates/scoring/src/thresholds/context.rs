//! A threshold with an offset for each operating mode: theta = base + sum_i beta_i I(mode = i) (paper, section 3.3).

use serde::{Deserialize, Serialize};

use super::{
    ThresholdSettings,
    calibration::{Normal, Place},
    lessons::Lesson,
    moments::Moments,
};

/// The base and each place's offset.
///
/// beta_i is (mu_i + k sigma_i) - base, of the scores of mode i alone: those of calibration first, recent ones as they
/// come. Transitions have an offset of their own. A mode that is seldom visited seldom learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Context {
    base: f64,
    alpha: f64,
    normal: Moments,
    /// One a place.
    moments: Vec<Moments>,
}

impl Context {
    pub(super) fn fit(settings: &ThresholdSettings, normal: &Normal) -> Self {
        let moments = normal.places.all().map(|place| Moments::of(normal.scores(Some(place)))).collect();
        Self { base: normal.base, alpha: settings.alpha, normal: normal.moments, moments }
    }

    pub(super) fn learn(&mut self, lesson: &Lesson) {
        self.moments[lesson.place.0].learn(lesson.score, (self.alpha * lesson.speed).min(0.5));
    }

    pub(super) fn at(&self, place: Place) -> f64 {
        self.base + self.offset(place)
    }

    fn offset(&self, place: Place) -> f64 {
        self.moments[place.0].threshold(self.base, &self.normal) - self.base
    }
}
