//! The mean and the deviation of recent scores, which `ewma` and `context` go by.

use serde::{Deserialize, Serialize};

/// Mean and standard deviation of -log10 p where p is uniform, as it is in normal operation: 1 / ln 10 both.
const NORMAL: f64 = std::f64::consts::LOG10_E;
/// The least deviation that is believed, against that of normal operation: scores that stand still have none, but are no
/// surer for that.
const LEAST: f64 = 0.75;

/// Exponentially weighted mean and variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    mean: f64,
    variance: f64,
}

impl Moments {
    /// Of what teaches in normal operation: of scores that are calibrated, but for those that never teach. What these
    /// take away is measured, as the moments of those `taught` against those of `all`.
    pub(super) fn normal(taught: Self, all: Self) -> Self {
        let left = |taught: f64, all: f64| if all > 0.0 { taught / all } else { 1.0 };
        let variance = NORMAL * NORMAL * left(taught.variance, all.variance);
        Self { mean: NORMAL * left(taught.mean, all.mean), variance }
    }

    /// Of `scores`, of which there is at least one.
    pub(super) fn of(scores: impl Iterator<Item = f64>) -> Self {
        let (n, sum, squares) = scores.fold((0.0, 0.0, 0.0), |(n, a, b), s| (n + 1.0, a + s, b + s * s));
        let mean = sum / n;
        Self { mean, variance: (squares / n - mean * mean).max(0.0) }
    }

    /// mu_t = a s_t + (1 - a) mu_(t-1); sigma^2_t = a (s_t - mu_t)^2 + (1 - a) sigma^2_(t-1) (paper, section 3.3).
    pub(super) fn learn(&mut self, score: f64, a: f64) {
        self.mean += a * (score - self.mean);
        self.variance += a * ((score - self.mean).powi(2) - self.variance);
    }

    /// mu + k sigma, with the k for which it is `base` in normal operation.
    pub(super) fn threshold(&self, base: f64, normal: &Self) -> f64 {
        let [own, of_normal] = [self, normal].map(|m| m.variance.sqrt());
        self.mean + (base - normal.mean) / of_normal * own.max(LEAST * of_normal)
    }
}
