//! What excesses say of a tail: penalised likelihood, its maximum and the tails around it.

use super::gpd::Gpd;

/// The shape believed in before any data is seen: exponential tails, give or take. It is Student's t of three degrees of
/// freedom with this spread, which a handful of excesses can't overrule and a hundred can, even for a uniform tail, of
/// shape -1.
const PRIOR_SPREAD: f64 = 0.2;
const PRIOR_FREEDOM: f64 = 3.0;
/// The spread of ln sigma about the logarithm of the mean excess, for where there are next to none.
const PRIOR_LN_SIGMA: f64 = 2.0;
/// Shapes looked at.
const SHAPES: (f64, f64) = (-1.5, 1.0);
/// Logarithms of the free part of sigma looked at, in mean excesses.
const FREE: (f64, f64) = (-9.0, 5.0);
/// Shapes are believed in until their ln likelihood is this far below the largest.
const DROP: f64 = 6.0;
/// Shapes looked at in the end, and scales for each on either side of its best.
const SHAPE_STEPS: i32 = 13;
const SCALE_STEPS: i32 = 4;

/// Excesses and how much evidence they are.
pub(super) struct Belief {
    /// In units of `unit`.
    excesses: Vec<f64>,
    unit: f64,
    largest: f64,
    /// Independent excesses that each is worth.
    weight: f64,
}

/// A tail, its ln likelihood and its ln prior (with the size of the cell of parameters it stands for).
#[derive(Debug, Clone, Copy)]
pub(super) struct Believed {
    pub(super) tail: Gpd,
    pub(super) ln_likelihood: f64,
    pub(super) ln_prior: f64,
}

impl Believed {
    fn sum(&self) -> f64 {
        self.ln_likelihood + self.ln_prior
    }
}

impl Belief {
    /// `excesses` (all >= 0) that are worth `independent` independent ones; without any, tails are about `unit` long.
    ///
    /// All exceedances are used, for a row's chance is that of any exceedance and not of a cluster's peak; the
    /// likelihood is scaled down to `independent` rows, so that it weighs against the prior what it is worth (Fawcett and
    /// Walshaw 2007).
    pub(super) fn new(excesses: &[f64], independent: f64, unit: f64) -> Self {
        let mean = excesses.iter().sum::<f64>() / excesses.len().max(1) as f64;
        let unit = if mean.is_normal() { mean } else { unit };
        let excesses: Vec<f64> = excesses.iter().map(|e| e / unit).collect();
        let largest = excesses.iter().copied().fold(0.0, f64::max);
        let weight = independent / excesses.len().max(1) as f64;
        Self { excesses, unit, largest, weight }
    }

    /// Tails from one end of what is likely to the other, on a grid that follows the ridge of the likelihood.
    pub(super) fn tails(&self) -> Vec<Believed> {
        let xi = maximum(|xi| self.profile(xi), SHAPES, 5e-3);
        let (low, high) = (self.reach(xi, -1.0), self.reach(xi, 1.0));
        let shape = |i: i32| low + (high - low) * (f64::from(i) + 0.5) / f64::from(SHAPE_STEPS);
        (0..SHAPE_STEPS).flat_map(|i| self.scales(shape(i))).collect()
    }

    /// Tails of shape `xi` about the likeliest one.
    fn scales(&self, xi: f64) -> impl Iterator<Item = Believed> {
        const H: f64 = 0.05;
        let best = self.best(xi);
        let at = |free: f64| self.of(xi, free).sum();
        let curvature = (2.0 * at(best) - at(best + H) - at(best - H)) / (H * H);
        let error = 1.0 / curvature.max(0.05).sqrt();
        (-SCALE_STEPS..=SCALE_STEPS).map(move |j| {
            let it = self.of(xi, best + 0.7 * error * f64::from(j));
            Believed { ln_prior: it.ln_prior + error.ln(), ..it }
        })
    }

    /// How far from `xi` shapes are still believed in.
    fn reach(&self, xi: f64, direction: f64) -> f64 {
        let least = self.profile(xi) - DROP;
        let mut step = 0.02;
        while (SHAPES.0..SHAPES.1).contains(&(xi + direction * step)) && self.profile(xi + direction * step) > least {
            step *= 1.6;
        }
        (xi + direction * step).clamp(SHAPES.0, SHAPES.1)
    }

    fn profile(&self, xi: f64) -> f64 {
        self.of(xi, self.best(xi)).sum()
    }

    fn best(&self, xi: f64) -> f64 {
        maximum(|free| self.of(xi, free).sum(), FREE, 5e-3)
    }

    /// The tail of shape `xi` and sigma = -xi y + exp(free), where y is the largest excess if xi is below 0, and 0 if not:
    /// no shorter tail could have it. The prior is even in ln sigma, but for its faint spread.
    fn of(&self, xi: f64, free: f64) -> Believed {
        let sigma = (-xi).max(0.0) * self.largest + free.exp();
        let ln_sigma = sigma.ln();
        let likelihood = Gpd { xi, sigma }.ln_likelihood(&self.excesses);
        let shape = (PRIOR_FREEDOM + 1.0) / 2.0 * ((xi / PRIOR_SPREAD).powi(2) / PRIOR_FREEDOM).ln_1p();
        let scale = 0.5 * (ln_sigma / PRIOR_LN_SIGMA).powi(2);
        Believed {
            tail: Gpd { xi, sigma: sigma * self.unit },
            ln_likelihood: self.weight * likelihood,
            ln_prior: free - ln_sigma - shape - scale,
        }
    }
}

/// Where `f` is largest between the two ends, for an `f` with one peak, to within `width` (golden section).
fn maximum(f: impl Fn(f64) -> f64, (mut low, mut high): (f64, f64), width: f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut fa, mut fb) = (f(a), f(b));
    while high - low > width {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` excesses at even ranks of a tail of shape `xi` and scale 2.
    fn excesses(xi: f64, n: usize) -> Vec<f64> {
        let tail = Gpd { xi, sigma: 2.0 };
        (0..n).map(|i| tail.quantile(-((i as f64 + 0.5) / n as f64).ln())).collect()
    }

    /// The mean of what `f` says of tails.
    fn mean(y: &[f64], independent: f64, f: impl Fn(&Gpd) -> f64) -> f64 {
        let tails = Belief::new(y, independent, 1.0).tails();
        let most = tails.iter().map(Believed::sum).fold(f64::MIN, f64::max);
        let weights: Vec<f64> = tails.iter().map(|t| (t.sum() - most).exp()).collect();
        tails.iter().zip(&weights).map(|(t, w)| w * f(&t.tail)).sum::<f64>() / weights.iter().sum::<f64>()
    }

    /// The mean and the standard error of the shape.
    fn shape(y: &[f64], independent: f64) -> (f64, f64) {
        let xi = mean(y, independent, |t| t.xi);
        (xi, mean(y, independent, |t| (t.xi - xi).powi(2)).sqrt())
    }

    #[test]
    fn the_shape_is_found_below_at_and_above_zero() {
        for xi in [-1.0, -0.4, -0.2, 0.0, 0.25, 0.5] {
            let (got, _) = shape(&excesses(xi, 4000), 4000.0);
            assert!((got - xi).abs() < 0.02, "{xi} {got}");
        }
    }

    /// Numbers of scipy, which `tests/reference/genpareto.py` wrote. With as much evidence as there would be of a hundred
    /// times as many excesses the prior plays no part, and all that is believed in is the maximum of the likelihood.
    #[test]
    fn with_much_evidence_the_fit_is_scipys_maximum_of_the_likelihood() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/reference/genpareto.json")).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let excesses: Vec<f64> = serde_json::from_value(case["excesses"].clone()).unwrap();
            let believed = |f: fn(&Gpd) -> f64| mean(&excesses, 1e5, f);
            let (xi, sigma) = (case["fitted_xi"].as_f64().unwrap(), case["fitted_sigma"].as_f64().unwrap());
            assert!((believed(|t| t.xi) - xi).abs() < 1e-3, "{} {xi}", believed(|t| t.xi));
            assert!((believed(|t| t.sigma) / sigma - 1.0).abs() < 1e-3, "{} {sigma}", believed(|t| t.sigma));
        }
    }

    #[test]
    fn standard_errors_are_the_textbooks() {
        // Of n independent excesses: (1 + xi)^2 / n for xi (Smith 1987).
        for (xi, n) in [(0.2, 4000.0), (0.0, 1000.0)] {
            let (_, error) = shape(&excesses(xi, 4000), n);
            let textbook = (1.0 + xi) / f64::sqrt(n);
            assert!((error / textbook - 1.0).abs() < 0.05, "{error} {textbook}");
        }
    }

    #[test]
    fn excesses_of_nothing_give_tails_all_the_same() {
        for y in [vec![], vec![0.0], vec![0.0; 20], vec![3.0; 20]] {
            let tails = Belief::new(&y, 1.0, 1.0).tails();
            assert!(tails.iter().all(|t| t.sum().is_finite() && t.tail.ln_survival(5.0).is_finite()), "{y:?}");
        }
    }
}
