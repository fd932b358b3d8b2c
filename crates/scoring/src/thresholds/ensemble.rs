//! A threshold that is the median of the five others.

use serde::{Deserialize, Serialize};

use super::{
    ThresholdError, ThresholdSettings,
    calibration::{Normal, Place},
    context::Context,
    ewma::Ewma,
    fixed::Fixed,
    gmm::Mixtures,
    lessons::Lesson,
    percentile::Percentile,
};

/// All the others. The median moves only once three of them have moved the same way: one that is led astray, by a wide
/// component or an outlying score, leads nobody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ensemble {
    fixed: Fixed,
    percentile: Percentile,
    ewma: Ewma,
    gmm: Mixtures,
    context: Context,
}

impl Ensemble {
    pub(super) fn fit(settings: &ThresholdSettings, normal: &Normal) -> Result<Self, ThresholdError> {
        Ok(Self {
            fixed: Fixed::fit(normal),
            percentile: Percentile::fit(settings, normal),
            ewma: Ewma::fit(settings, normal),
            gmm: Mixtures::fit(settings, normal)?,
            context: Context::fit(settings, normal),
        })
    }

    pub(super) fn learn(&mut self, lesson: &Lesson) {
        self.percentile.learn(lesson);
        self.ewma.learn(lesson);
        self.gmm.learn(lesson);
        self.context.learn(lesson);
    }

    pub(super) fn at(&self, place: Place) -> f64 {
        let mut all =
            [self.fixed.at(), self.percentile.at(), self.ewma.at(), self.gmm.at(place), self.context.at(place)];
        all.sort_unstable_by(f64::total_cmp);
        all[2]
    }
}
