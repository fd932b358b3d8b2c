//! The generalised Pareto distribution of exceedances, fitted by penalised likelihood.

use serde::{Deserialize, Serialize};

/// The spread of the shape believed before any data is seen: exponential tails, give or take. A handful of exceedances
/// can't overrule it, some hundred do.
const PRIOR_SIGMA: f64 = 0.2;
/// Shapes looked at; below -0.5 the likelihood has no usual maximum (Smith 1985).
const SHAPES: (f64, f64) = (-0.5, 1.0);
/// The conditional survival at which a bounded tail is left for its exponential continuation.
const LEAVE_AT: f64 = 1e-3;

/// A generalised Pareto tail: P(Y > y) = (1 + xi y / sigma)^(-1/xi), exp(-y / sigma) for xi = 0 (paper, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Gpd {
    /// The shape: below 0 the tail has an end, above 0 it is heavy.
    xi: f64,
    ln_sigma: f64,
    /// Variance of xi, covariance, variance of ln sigma.
    covariance: [f64; 3],
}

impl Gpd {
    /// The tail of `excesses` (all >= 0) that are worth `independent` independent ones.
    ///
    /// All exceedances are used, for a row's chance is that of any exceedance and not of a cluster's peak; the
    /// likelihood is scaled down to `independent` rows, so that prior and standard errors see as much evidence as there
    /// is (Fawcett and Walshaw 2007). The shape then gets the 1/n that the prediction of an exponential tail from n
    /// excesses has: few data make a heavier tail, not a bolder one.
    pub(super) fn fit(excesses: &[f64], independent: f64) -> Self {
        let mean = excesses.iter().sum::<f64>() / excesses.len().max(1) as f64;
        let scale = if mean.is_normal() { mean } else { 1.0 };
        let y: Vec<f64> = excesses.iter().map(|e| e / scale).collect();
        let weight = independent / y.len().max(1) as f64;
        let penalised = |xi: f64, ln_sigma: f64| {
            weight * y.iter().map(|y| ln_density(xi, ln_sigma, *y)).sum::<f64>() - 0.5 * (xi / PRIOR_SIGMA).powi(2)
        };
        let best_sigma = |xi: f64| maximum(|ln_sigma| penalised(xi, ln_sigma), (-3.0, 3.0));
        let xi = maximum(|xi| penalised(xi, best_sigma(xi)), SHAPES);
        let ln_sigma = best_sigma(xi);
        let covariance = inverse_curvature(penalised, xi, ln_sigma, independent);
        Self { xi: xi + 1.0 / independent.max(1.0), ln_sigma: ln_sigma + scale.ln(), covariance }
    }

    /// ln P(Y > y), strictly falling and finite: where a bounded tail nears its end it goes on as an exponential one.
    pub(super) fn ln_survival(&self, y: f64) -> f64 {
        ln_survival(self.xi, self.ln_sigma, y)
    }

    /// The standard error of [`ln_survival`](Self::ln_survival) by the delta method.
    pub(super) fn standard_error(&self, y: f64) -> f64 {
        const STEP: f64 = 1e-4;
        let at = |dx: f64, ds: f64| ln_survival(self.xi + dx, self.ln_sigma + ds, y);
        let by_xi = (at(STEP, 0.0) - at(-STEP, 0.0)) / (2.0 * STEP);
        let by_sigma = (at(0.0, STEP) - at(0.0, -STEP)) / (2.0 * STEP);
        let [xx, xs, ss] = self.covariance;
        (by_xi * by_xi * xx + 2.0 * by_xi * by_sigma * xs + by_sigma * by_sigma * ss).max(0.0).sqrt()
    }
}

/// ln(1 + xi t) / xi, and t for xi = 0.
fn ln_term(xi: f64, t: f64) -> f64 {
    if (xi * t).abs() < 1e-8 { t - 0.5 * xi * t * t } else { (xi * t).ln_1p() / xi }
}

fn ln_density(xi: f64, ln_sigma: f64, y: f64) -> f64 {
    let t = y / ln_sigma.exp();
    if xi * t <= -1.0 {
        return f64::MIN / 1e9;
    }
    -ln_sigma - (1.0 + xi) * ln_term(xi, t)
}

fn ln_survival(xi: f64, ln_sigma: f64, y: f64) -> f64 {
    let t = y / ln_sigma.exp();
    if xi >= 0.0 {
        return -ln_term(xi, t);
    }
    let leave = (LEAVE_AT.powf(-xi) - 1.0) / xi;
    if t <= leave {
        return -ln_term(xi, t);
    }
    LEAVE_AT.ln() - (t - leave) / (1.0 + xi * leave)
}

/// Where `f` is largest between the two ends, for an `f` with one peak (golden section).
fn maximum(f: impl Fn(f64) -> f64, (mut low, mut high): (f64, f64)) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    while high - low > 1e-5 {
        if fa >= fb {
            (high, b, fb) = (b, a, fa);
            a = high - GOLDEN * (high - low);
            fa = f(a);
        } else {
            (low, a, fa) = (a, b, fb);
            b = low + GOLDEN * (high - low);
            fb = f(b);
        }
    }
    (low + high) / 2.0
}

/// The covariance of the parameters from the curvature at the maximum. Where that is no maximum (at the edge of the
/// shapes) the exponential tail's errors stand in.
fn inverse_curvature(f: impl Fn(f64, f64) -> f64, xi: f64, ln_sigma: f64, independent: f64) -> [f64; 3] {
    const H: f64 = 1e-3;
    let at = |a: f64, b: f64| f(xi + a * H, ln_sigma + b * H);
    let xx = -(at(1.0, 0.0) - 2.0 * at(0.0, 0.0) + at(-1.0, 0.0)) / (H * H);
    let ss = -(at(0.0, 1.0) - 2.0 * at(0.0, 0.0) + at(0.0, -1.0)) / (H * H);
    let xs = -(at(1.0, 1.0) - at(1.0, -1.0) - at(-1.0, 1.0) + at(-1.0, -1.0)) / (4.0 * H * H);
    let determinant = xx * ss - xs * xs;
    let usual = determinant.is_finite() && determinant > 1e-9 && xx > 0.0 && ss > 0.0 && determinant < 1e18;
    if usual {
        [ss / determinant, -xs / determinant, xx / determinant]
    } else {
        [PRIOR_SIGMA * PRIOR_SIGMA, 0.0, 1.0 / independent.max(1.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` excesses at even ranks of a tail of shape `xi` and scale 2.
    fn excesses(xi: f64, n: usize) -> Vec<f64> {
        let at = |i: usize| {
            let s = (i as f64 + 0.5) / n as f64;
            if xi == 0.0 { -2.0 * s.ln() } else { 2.0 * (s.powf(-xi) - 1.0) / xi }
        };
        (0..n).map(at).collect()
    }

    #[test]
    fn the_shape_is_found_below_at_and_above_zero() {
        for xi in [-0.4, -0.2, 0.0, 0.25, 0.5] {
            let tail = Gpd::fit(&excesses(xi, 4000), 4000.0);
            assert!((tail.xi - xi).abs() < 0.02, "{xi} {tail:?}");
            assert!((tail.ln_sigma.exp() - 2.0).abs() < 0.05, "{xi} {tail:?}");
        }
    }

    #[test]
    fn standard_errors_are_the_textbooks() {
        // Of n independent excesses: (1 + xi)^2 / n for xi (Smith 1987); the prior takes a little off.
        let tail = Gpd::fit(&excesses(0.2, 4000), 4000.0);
        let textbook = 1.2f64.powi(2) / 4000.0;
        assert!((tail.covariance[0] / textbook - 1.0).abs() < 0.05, "{tail:?}");
        let few = Gpd::fit(&excesses(0.2, 4000), 40.0);
        assert!(few.standard_error(10.0) > 3.0 * tail.standard_error(10.0));
    }

    #[test]
    fn few_excesses_make_a_heavier_tail() {
        let y = excesses(0.0, 12);
        assert!(Gpd::fit(&y, 3.0).ln_survival(40.0) > Gpd::fit(&y, 12.0).ln_survival(40.0));
        assert!(Gpd::fit(&y, 3.0).xi > 0.2);
    }

    #[test]
    fn survival_falls_strictly_past_the_end_of_a_bounded_tail() {
        let tail = Gpd::fit(&excesses(-0.4, 2000), 2000.0);
        let s: Vec<f64> = (0..200).map(|i| tail.ln_survival(f64::from(i) * 0.1)).collect();
        assert!(s.windows(2).all(|w| w[1] < w[0]) && s[199].is_finite());
        assert!(tail.ln_survival(1e6).is_finite());
    }

    #[test]
    fn excesses_of_nothing_give_a_tail_all_the_same() {
        for y in [vec![], vec![0.0], vec![0.0; 20], vec![3.0; 20]] {
            let tail = Gpd::fit(&y, 1.0);
            assert!(tail.ln_survival(5.0).is_finite() && tail.standard_error(5.0).is_finite(), "{y:?} {tail:?}");
        }
    }
}
