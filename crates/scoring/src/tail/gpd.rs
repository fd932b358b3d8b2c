//! The generalised Pareto distribution of exceedances.

/// The conditional survival at which a bounded tail is left for its exponential continuation.
const LEAVE_AT: f64 = 1e-3;

/// Below this a shape is so small that its square plays no part.
const NO_SHAPE: f64 = 1e-6;
/// Factors that are multiplied before their logarithm is taken; each lies between 1e-9 and 1e9.
const FACTORS: usize = 16;

/// A generalised Pareto tail: P(Y > y) = (1 + xi y / sigma)^(-1/xi), exp(-y / sigma) for xi = 0 (paper, section 3.3).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Gpd {
    /// The shape: below 0 the tail has an end, above 0 it is heavy.
    pub(super) xi: f64,
    /// The scale, above 0, in units of the statistic.
    pub(super) sigma: f64,
}

impl Gpd {
    /// The sum of ln densities of `excesses`; minus infinity if one lies past the end of a bounded tail.
    pub(super) fn ln_likelihood(&self, excesses: &[f64]) -> f64 {
        let terms: f64 = if self.xi.abs() < NO_SHAPE {
            excesses.iter().map(|y| ln_term(self.xi, y / self.sigma)).sum()
        } else {
            excesses.chunks(FACTORS).map(|y| self.ln_product(y)).sum::<f64>() / self.xi
        };
        let sum = -self.sigma.ln() * excesses.len() as f64 - (1.0 + self.xi) * terms;
        if sum.is_finite() { sum } else { f64::NEG_INFINITY }
    }

    /// ln P(Y > y), strictly falling and finite: where a bounded tail nears its end it goes on as an exponential one.
    pub(super) fn ln_survival(&self, y: f64) -> f64 {
        let t = y / self.sigma;
        let deepest = -LEAVE_AT.ln();
        let depth = if self.xi * t > -1.0 { ln_term(self.xi, t) } else { f64::INFINITY };
        if self.xi >= 0.0 || depth <= deepest {
            return -depth;
        }
        let leave = quantile(self.xi, deepest);
        -deepest - (t - leave) / (1.0 + self.xi * leave)
    }

    /// Where [`ln_survival`](Self::ln_survival) is `-depth`.
    pub(super) fn quantile(&self, depth: f64) -> f64 {
        let within = if self.xi < 0.0 { depth.min(-LEAVE_AT.ln()) } else { depth };
        let beyond = (depth - within) * (self.xi * within).exp();
        self.sigma * (quantile(self.xi, within) + beyond)
    }

    /// ln of the product of 1 + xi y / sigma; not a number if one of them is below 0.
    fn ln_product(&self, excesses: &[f64]) -> f64 {
        let factor = |y: &f64| (1.0 + self.xi * y / self.sigma).min(1e9);
        let least = excesses.iter().map(factor).fold(f64::INFINITY, f64::min);
        if least > 1e-9 { excesses.iter().map(factor).product::<f64>().ln() } else { f64::NAN }
    }
}

/// ln(1 + xi t) / xi, and t for xi = 0.
fn ln_term(xi: f64, t: f64) -> f64 {
    if (xi * t).abs() < 1e-8 { t - 0.5 * xi * t * t } else { (xi * t).ln_1p() / xi }
}

/// The inverse of [`ln_term`] in t.
fn quantile(xi: f64, depth: f64) -> f64 {
    if (xi * depth).abs() < 1e-8 { depth + 0.5 * xi * depth * depth } else { (xi * depth).exp_m1() / xi }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survival_falls_strictly_past_the_end_of_a_bounded_tail() {
        for xi in [-1.5, -0.4, 0.0, 0.3] {
            let tail = Gpd { xi, sigma: 2.0 };
            let s: Vec<f64> = (0..200).map(|i| tail.ln_survival(f64::from(i) * 0.1)).collect();
            assert!(s.windows(2).all(|w| w[1] < w[0]) && tail.ln_survival(1e9).is_finite(), "{xi}");
        }
    }

    #[test]
    fn the_likelihood_is_the_sum_of_ln_densities() {
        let y: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.1).collect();
        for xi in [-0.4, -1e-5, 0.0, 1e-7, 1e-5, 0.3] {
            let density = |y: &f64| if xi == 0.0 { -y / 2.0 } else { -(1.0 + 1.0 / xi) * (xi * y / 2.0).ln_1p() };
            let want: f64 = y.iter().map(|y| density(y) - 2f64.ln()).sum();
            let got = Gpd { xi, sigma: 2.0 }.ln_likelihood(&y);
            assert!((got - want).abs() < 1e-5, "{xi}: {got} {want}");
        }
        assert_eq!(Gpd { xi: -1.0, sigma: 2.0 }.ln_likelihood(&[1.0, 3.0]), f64::NEG_INFINITY);
    }

    /// Numbers of scipy, which `tests/reference/genpareto.py` wrote.
    #[test]
    fn survival_and_likelihood_are_scipys() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/reference/genpareto.json")).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let tail = Gpd { xi: number("xi"), sigma: number("sigma") };
            let survival: Vec<(f64, f64)> = serde_json::from_value(case["ln_survival"].clone()).unwrap();
            for (y, want) in survival.iter().filter(|(_, s)| *s > LEAVE_AT.ln() || tail.xi >= 0.0) {
                assert!((tail.ln_survival(*y) - want).abs() <= 1e-12 * want.abs(), "{tail:?} {y}");
            }
            let excesses: Vec<f64> = serde_json::from_value(case["excesses"].clone()).unwrap();
            assert!((tail.ln_likelihood(&excesses) - number("ln_likelihood")).abs() < 1e-8, "{tail:?}");
        }
    }

    #[test]
    fn a_quantile_is_where_the_survival_is() {
        for xi in [-1.5, -0.4, 0.0, 1e-9, 0.3] {
            let tail = Gpd { xi, sigma: 2.0 };
            for depth in [0.01, 1.0, 5.0, 20.0] {
                assert!((tail.ln_survival(tail.quantile(depth)) + depth).abs() < 1e-6, "{xi} {depth}");
            }
        }
    }
}
