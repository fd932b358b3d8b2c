//! A threshold that is a quantile of a mixture of normal distributions, one mixture for each operating mode.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal as Gaussian};

use super::{
    ThresholdError, ThresholdSettings,
    calibration::{Normal, Place},
    lessons::Lesson,
};
use crate::gmm::{CheckedGmmParams, Covariance, GmmParams};

/// A place with fewer calibration rows than this goes by the mixture of all.
const MIN_ROWS: usize = 200;
/// The least weight and the least variance of a component: one that nothing belongs to must be found again.
const LEAST: (f64, f64) = (1e-3, 0.01);
/// The largest p that has a place on the normal scale: 1 lies at minus infinity.
const MOST_P: f64 = 0.999;
/// Between these standard deviations any quantile lies.
const ENDS: (f64, f64) = (-8.0, 40.0);
/// Halvings of that range until a quantile is exact enough.
const HALVINGS: usize = 40;

/// The mixtures.
///
/// Scores are mixed on the normal scale: z with P(N(0, 1) >= z) = 10^-score. Calibrated scores are standard normal
/// there, and the quantile at 10^-base of that is the base; what moves or spreads them moves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Mixtures {
    /// 10^-base.
    tail: f64,
    alpha: f64,
    everywhere: Mixture,
    /// One a place, where it has rows enough.
    places: Vec<Option<Mixture>>,
}

impl Mixtures {
    pub(super) fn fit(settings: &ThresholdSettings, normal: &Normal) -> Result<Self, ThresholdError> {
        let params = GmmParams {
            max_components: settings.components,
            covariance: Covariance::Diagonal,
            restarts: 2,
            iterations: 100,
            variance_floor: LEAST.1,
        }
        .check()?;
        let tail = 10f64.powf(-normal.base);
        let fit = |place| Mixture::fit(&params, normal, place, tail);
        let of_place = |place: Place| {
            let rows = normal.lessons.iter().filter(|l| l.place == place).count();
            (rows >= MIN_ROWS).then(|| fit(Some(place))).transpose()
        };
        let places = normal.places.all().map(of_place).collect::<Result<_, _>>()?;
        Ok(Self { tail, alpha: settings.alpha, everywhere: fit(None)?, places })
    }

    pub(super) fn learn(&mut self, lesson: &Lesson) {
        let (tail, alpha) = (self.tail, (self.alpha * lesson.speed).min(0.5));
        let own = self.places[lesson.place.0].as_mut();
        own.unwrap_or(&mut self.everywhere).learn(normal_score(lesson.score), alpha, tail);
    }

    pub(super) fn at(&self, place: Place) -> f64 {
        self.places[place.0].as_ref().unwrap_or(&self.everywhere).threshold
    }
}

/// A one-dimensional mixture, and its quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Mixture {
    components: Vec<Component>,
    threshold: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Component {
    weight: f64,
    mean: f64,
    variance: f64,
}

impl Mixture {
    fn fit(
        params: &CheckedGmmParams,
        normal: &Normal,
        place: Option<Place>,
        tail: f64,
    ) -> Result<Self, ThresholdError> {
        let rows: Vec<Vec<f64>> = normal.scores(place).map(|s| vec![normal_score(s)]).collect();
        let gmm = params.fit(&rows, rows.len() as f64 * normal.extremal_index, 0)?;
        let shares: Vec<Vec<f64>> = rows.iter().map(|row| gmm.responsibilities(row)).collect();
        let component = |k: usize| Component::of(rows.iter().zip(&shares).map(|(row, share)| (row[0], share[k])));
        let mut it = Self { components: (0..gmm.components()).map(component).collect(), threshold: 0.0 };
        it.threshold = it.quantile(tail);
        Ok(it)
    }

    /// One step of incremental expectation maximisation with forgetting (Cappé and Moulines 2009): each component's
    /// weight and moments move by `alpha` times its responsibility.
    fn learn(&mut self, z: f64, alpha: f64, tail: f64) {
        let joint: Vec<f64> = self.components.iter().map(|c| c.ln_joint(z)).collect();
        let total = crate::linalg::ln_sum_exp(&joint);
        for (component, joint) in self.components.iter_mut().zip(joint) {
            component.learn(z, (joint - total).exp(), alpha);
        }
        self.threshold = self.quantile(tail);
    }

    /// The score that a row of the mixture reaches with a chance of `tail`.
    fn quantile(&self, tail: f64) -> f64 {
        let (mut low, mut high) = ENDS;
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if self.survival(middle) > tail { low = middle } else { high = middle }
        }
        score(0.5 * (low + high))
    }

    fn survival(&self, z: f64) -> f64 {
        let weight: f64 = self.components.iter().map(|c| c.weight).sum();
        self.components.iter().map(|c| c.weight * above((z - c.mean) / c.variance.sqrt())).sum::<f64>() / weight
    }
}

impl Component {
    /// Of values with the share of each that belongs to it.
    fn of(values: impl Iterator<Item = (f64, f64)>) -> Self {
        let (n, mass, sum, squares) = values.fold((0.0, 0.0, 0.0, 0.0), |(n, m, a, b), (z, share)| {
            (n + 1.0, m + share, a + share * z, b + share * z * z)
        });
        let mean = sum / mass.max(f64::MIN_POSITIVE);
        let variance = squares / mass.max(f64::MIN_POSITIVE) - mean * mean;
        Self { weight: (mass / n).max(LEAST.0), mean, variance: variance.max(LEAST.1) }
    }

    /// ln w + ln N(z; mean, variance), but for a constant.
    fn ln_joint(&self, z: f64) -> f64 {
        self.weight.ln() - 0.5 * ((z - self.mean).powi(2) / self.variance + self.variance.ln())
    }

    fn learn(&mut self, z: f64, share: f64, alpha: f64) {
        self.weight = (self.weight + alpha * (share - self.weight)).max(LEAST.0);
        let step = (alpha * share / self.weight).min(0.5);
        let from = z - self.mean;
        self.mean += step * from;
        self.variance = (self.variance + step * (from * (z - self.mean) - self.variance)).max(LEAST.1);
    }
}

/// z of a score.
fn normal_score(score: f64) -> f64 {
    -Gaussian::standard().inverse_cdf(10f64.powf(-score).min(MOST_P))
}

/// The score of z.
fn score(z: f64) -> f64 {
    -above(z).max(f64::MIN_POSITIVE).log10()
}

/// P(N(0, 1) >= z).
fn above(z: f64) -> f64 {
    Gaussian::standard().sf(z)
}
