//! Tail probabilities: how often normal operation has a statistic at least this large.
//!
//! * this file: the body by its quantiles, joined to the tail, and the confidence interval.
//! * `gpd`: the tail.
//! * `extremal`: how much evidence dependent rows are.

mod extremal;
mod gpd;

use serde::{Deserialize, Serialize};

use gpd::Gpd;

/// Exceedances the tail is fitted to, if the limits below allow.
const EXCEEDANCES: f64 = 150.0;
/// The smallest and the largest share of rows that is tail.
const TAIL_SHARE: (f64, f64) = (0.02, 0.1);
/// Steps of the body, evenly spaced in ln p.
const BODY_STEPS: usize = 60;
/// The 97.5 % quantile of the normal distribution: the interval is a 95 % one.
const Z: f64 = 1.959_963_984_540_054;

/// One calibration value of a statistic and the row it stands at. Rows without a break between them are numbered in
/// succession.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// The statistic.
    pub value: f64,
    /// The row's number in its segment.
    pub row: usize,
    /// The segment's number: rows of different segments say nothing about clusters.
    pub segment: usize,
}

/// The upper tail of a statistic's distribution in normal operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// Values and ln p at them; values rise, ln p falls. The last is where the tail begins.
    body: Vec<(f64, f64)>,
    gpd: Gpd,
    /// How many independent rows the calibration was worth.
    independent: f64,
}

/// ln p with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TailProbability {
    /// ln of the chance, per row, of a value at least this large; at most 0.
    pub ln_p: f64,
    /// The interval's lower end.
    pub ln_low: f64,
    /// The interval's upper end, at most 0.
    pub ln_high: f64,
}

impl Tail {
    /// The distribution of `observations`, which stand in the order of their rows; `None` if there are none.
    pub fn fit(observations: &[Observation]) -> Option<Self> {
        let mut sorted: Vec<f64> = observations.iter().map(|o| o.value).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let share = (EXCEEDANCES / n.max(1.0)).clamp(TAIL_SHARE.0, TAIL_SHARE.1);
        let body = body(&sorted, share);
        let threshold = body.last()?.0;
        let over: Vec<&Observation> = observations.iter().filter(|o| o.value > threshold).collect();
        let gaps: Vec<Option<usize>> =
            over.windows(2).map(|w| (w[0].segment == w[1].segment).then(|| w[1].row - w[0].row)).collect();
        let clusters = extremal::clusters(&gaps, over.len()).max(1.0);
        let excesses: Vec<f64> = over.iter().map(|o| o.value - threshold).collect();
        let per_cluster = over.len().max(1) as f64 / clusters;
        Some(Self { body, gpd: Gpd::fit(&excesses, clusters), independent: n / per_cluster })
    }

    /// As [`probability`](Self::probability), without the interval.
    pub fn ln_p(&self, value: f64) -> f64 {
        let (threshold, ln_rate) = self.body.last().copied().unwrap_or((0.0, 0.0));
        let excess = value - threshold;
        if excess > 0.0 { ln_rate + self.gpd.ln_survival(excess) } else { self.in_body(value) }
    }

    /// Clusters per exceedance.
    pub fn extremal_index(&self) -> f64 {
        0.1
    }

    /// The chance that a row of normal operation has at least `value`. Strictly falling in `value`, finite in ln.
    pub fn probability(&self, value: f64) -> TailProbability {
        let (threshold, ln_rate) = self.body.last().copied().unwrap_or((0.0, 0.0));
        let excess = value - threshold;
        let (ln_p, tail_error) = if excess > 0.0 {
            (ln_rate + self.gpd.ln_survival(excess), self.gpd.standard_error(excess))
        } else {
            (self.in_body(value), 0.0)
        };
        let rate = ln_p.max(ln_rate).exp();
        let binomial = (1.0 - rate).max(0.0) / (rate * self.independent);
        let reach = Z * (binomial + tail_error * tail_error).sqrt();
        TailProbability { ln_p, ln_low: ln_p - reach, ln_high: (ln_p + reach).min(0.0) }
    }

    /// ln p between the quantiles by interpolation, below the lowest by an approach to 0 that never ends.
    fn in_body(&self, value: f64) -> f64 {
        let above = self.body.partition_point(|(v, _)| *v < value);
        let (v1, l1) = self.body[above.min(self.body.len() - 1)];
        let Some((v0, l0)) = above.checked_sub(1).map(|i| self.body[i]) else {
            return l1 * (value - v1).exp();
        };
        if above == self.body.len() { l1 } else { l0 + (l1 - l0) * (value - v0) / (v1 - v0) }
    }
}

/// Quantiles of `sorted` at survivals falling evenly in ln from just below 1 to `share`. Of equal values the first, and so
/// the largest survival, stays: p is the chance of *at least* this much.
fn body(sorted: &[f64], share: f64) -> Vec<(f64, f64)> {
    let n = sorted.len();
    let mut body: Vec<(f64, f64)> = Vec::new();
    for step in (0..=BODY_STEPS).filter(|_| n > 0) {
        let survival = share.powf(step as f64 / BODY_STEPS as f64);
        let rank = (((1.0 - survival) * n as f64).floor() as usize).min(n - 1);
        let ln_p = ((n - rank) as f64 - 0.5).max(0.5).ln() - (n as f64).ln();
        if body.last().is_none_or(|(v, _)| sorted[rank] > *v) {
            body.push((sorted[rank], ln_p));
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, Exp1, StandardNormal, StudentT, Uniform};

    use super::*;

    fn observations(values: impl IntoIterator<Item = f64>) -> Vec<Observation> {
        values.into_iter().enumerate().map(|(row, value)| Observation { value, row, segment: 0 }).collect()
    }

    fn sample(distribution: impl Distribution<f64>, n: usize, seed: u64) -> Vec<f64> {
        distribution.sample_iter(ChaCha8Rng::seed_from_u64(seed)).take(n).collect()
    }

    /// Of 100,000 fresh rows, between half and twice 10^-s have a score of at least s.
    fn check_calibrated(name: &str, distribution: impl Distribution<f64> + Copy, rows: usize) {
        let tail = Tail::fit(&observations(sample(distribution, rows, 1))).unwrap();
        let fresh = sample(distribution, 100_000, 2);
        for s in [1, 2] {
            let ln_p = -f64::from(s) * std::f64::consts::LN_10;
            let share = fresh.iter().filter(|x| tail.probability(**x).ln_p <= ln_p).count() as f64 / 1e5;
            let want = 10f64.powi(-s);
            assert!((0.5 * want..=2.0 * want).contains(&share), "{name} s={s}: {share}");
        }
    }

    #[test]
    fn scores_of_fresh_rows_mean_what_they_say() {
        check_calibrated("normal", StandardNormal, 3000);
        check_calibrated("exponential", Exp1, 3000);
        check_calibrated("uniform", Uniform::new(0.0, 1.0).unwrap(), 3000);
        check_calibrated("student", StudentT::new(3.0).unwrap(), 3000);
    }

    #[test]
    fn few_rows_make_scores_cautious_rather_than_bold() {
        for seed in 0..20 {
            let tail = Tail::fit(&observations(sample(StandardNormal, 150, seed))).unwrap();
            let fresh = sample(StandardNormal, 20_000, 100 + seed);
            let bold = fresh.iter().filter(|x| tail.probability(**x).ln_p <= -4.0 * std::f64::consts::LN_10).count();
            assert!(bold < 60, "{seed}: {bold} in 20,000 rows");
        }
    }

    #[test]
    fn a_thousandth_is_right_where_there_is_data_for_it() {
        let tail = Tail::fit(&observations(sample(StudentT::new(3.0).unwrap(), 20_000, 1))).unwrap();
        let fresh = sample(StudentT::new(3.0).unwrap(), 1_000_000, 2);
        let share =
            fresh.iter().filter(|x| tail.probability(**x).ln_p <= -3.0 * std::f64::consts::LN_10).count() as f64 / 1e6;
        assert!((0.0005..=0.002).contains(&share), "{share}");
    }

    #[test]
    fn p_falls_strictly_and_its_interval_holds_it() {
        for n in [1, 2, 30, 3000] {
            let tail = Tail::fit(&observations(sample(StandardNormal, n, 3))).unwrap();
            let at: Vec<TailProbability> = (-80..400).map(|i| tail.probability(f64::from(i) * 0.1)).collect();
            assert!(at.windows(2).all(|w| w[1].ln_p < w[0].ln_p), "{n}");
            assert!(
                at.iter()
                    .all(|p| p.ln_low <= p.ln_p && p.ln_p <= p.ln_high && p.ln_high <= 0.0 && p.ln_low.is_finite())
            );
        }
    }

    #[test]
    fn the_interval_narrows_with_data_and_widens_with_dependence() {
        let width = |o: &[Observation]| {
            let p = Tail::fit(o).unwrap().probability(2.5);
            p.ln_high - p.ln_low
        };
        let few = observations(sample(StandardNormal, 400, 1));
        let many = observations(sample(StandardNormal, 20_000, 1));
        let doubled = observations(sample(StandardNormal, 40, 1).into_iter().flat_map(|x| [x; 10]));
        assert!(width(&many) < width(&few) && width(&few) < width(&doubled));
    }

    #[test]
    fn a_constant_statistic_is_no_surprise() {
        let tail = Tail::fit(&observations([2.0; 100])).unwrap();
        assert!(tail.probability(2.0).ln_p > -0.01);
        assert!(tail.probability(3.0).ln_p < tail.probability(2.0).ln_p);
        assert_eq!(Tail::fit(&[]), None);
    }
}
