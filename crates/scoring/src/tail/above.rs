//! The part of a tail that lies above its threshold.

use super::{Knot, dependence::Dependence, excess::Excesses, posterior::Posterior, rate::Rate};

/// Knots above the threshold: first evenly spaced in ln p, then ever further apart.
const EVEN_STEPS: i32 = 35;
const STEP: f64 = 0.2;
const GROWING_STEPS: i32 = 27;
const GROWTH: f64 = 1.1;

/// P(X >= x) = P(X >= u) P(Y >= x - u) for the threshold u: the chance of exceeding it, and that of the excess.
pub(super) struct Above {
    threshold: f64,
    rate: Rate,
    excess: Posterior,
    /// Standard errors that a 95 % interval reaches.
    errors: f64,
    /// The correlation of what is known of the two.
    correlation: f64,
}

impl Above {
    /// Above a threshold that has `rate`; without excesses the tail is about `unit` long.
    pub(super) fn fit(excesses: &Excesses, rate: Rate, dependence: &Dependence, unit: f64) -> Self {
        let (evidence, correlation) = excesses.evidence(dependence, rate.inflation, unit);
        let excess = Posterior::of(&excesses.values, evidence);
        let errors = dependence.reach(evidence.excesses);
        Self { threshold: excesses.threshold, rate, excess, errors, correlation }
    }

    /// What is known at some values, which rise.
    pub(super) fn knots(&self) -> impl Iterator<Item = Knot> {
        let even = (1..=EVEN_STEPS).map(|i| STEP * f64::from(i));
        let growing = (1..=GROWING_STEPS).map(|i| STEP * f64::from(EVEN_STEPS) * GROWTH.powi(i));
        let best = self.excess.best();
        even.chain(growing).filter_map(move |depth| Some(self.knot(best?.quantile(depth))))
    }

    /// The two chances multiplied. Their intervals are joined by their reach (MOVER; Zou and Donner 2008), which need not be
    /// the same to either side.
    fn knot(&self, excess: f64) -> Knot {
        let survival = self.excess.survival(excess);
        let centre = survival.ln_at(0.0);
        let joined = |rate: f64, tail: f64| (rate * rate + 2.0 * self.correlation * rate * tail + tail * tail).sqrt();
        let below = joined(self.rate.ln_share - self.rate.ln_low, centre - survival.ln_at(self.errors));
        let above = joined(self.rate.ln_high - self.rate.ln_share, survival.ln_at(-self.errors) - centre);
        Knot {
            value: self.threshold + excess,
            ln_p: self.rate.ln_p + survival.ln_p,
            ln_low: self.rate.ln_share + centre - below,
            ln_high: self.rate.ln_share + centre + above,
        }
    }
}
