//! The Mahalanobis distance: how far a row of residuals lies from the usual ones, given how tags move together.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::pointwise::measured;
use crate::{effective::effective_rows, linalg::LedoitWolf};

/// What is added to every variance of scaled residuals: a direction in which calibration rows did not move at all has a
/// fifth of the usual scale, not none.
const VARIANCE_FLOOR: f64 = 0.05;

/// The squared Mahalanobis distance a tag, (z - mu)' S^-1 (z - mu) / m, over the m measured of d tags (paper, table 3);
/// about 1 in normal operation, without unit. O(d^2), and O(d^2 + u^3) where u tags were not measured.
///
/// mu is the mean of the calibration rows and S their covariance, shrunk as by Ledoit and Wolf. All operating modes share
/// one S: a mode's own would need d^2 / 2 numbers from its few rows, and what differs most between modes, each tag's own
/// spread, is in the [`Likelihood`](super::Likelihood) of the mode.
///
/// Tags that were not measured take their conditional mean given the others, which makes the distance that of the
/// marginal distribution of the others. A tag that no calibration row has measured is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mahalanobis {
    /// Tags a row has.
    tags: usize,
    /// The c tags that calibration rows measured.
    columns: Vec<usize>,
    /// c means.
    mean: Vec<f64>,
    /// S^-1: c x c cells, row-major.
    precision: Vec<f64>,
}

impl Mahalanobis {
    /// Mean and covariance of `rows` (n x d residuals in scales, NaN where nothing was measured), which stand in the order
    /// of the stream; `None` if nothing was measured.
    pub fn fit(rows: &[Vec<f64>]) -> Option<Self> {
        let tags = rows.first()?.len();
        let columns: Vec<usize> = (0..tags).filter(|j| rows.iter().any(|r| r[*j].is_finite())).collect();
        let kept: Vec<Vec<f64>> = rows.iter().map(|r| columns.iter().map(|j| cell(r[*j])).collect()).collect();
        let fitted = LedoitWolf::fit(&kept, independent_products(rows))?;
        tracing::debug!(columns = columns.len(), shrinkage = fitted.shrinkage, "fitted the covariance of residuals");
        let floor = DMatrix::identity(columns.len(), columns.len()) * VARIANCE_FLOOR;
        let inverse = (fitted.covariance + floor).cholesky()?.inverse();
        Some(Self { tags, columns, mean: fitted.mean, precision: inverse.as_slice().to_vec() })
    }

    /// The squared distance a measured tag; 0 if nothing was measured.
    pub fn statistic(&self, z: &[f64]) -> f64 {
        let row = self.centred(z);
        let pulls = self.pulls(&row.deviations);
        let distance: f64 = row.deviations.iter().zip(&pulls).map(|(e, p)| e * p).sum();
        distance.max(0.0) / row.measured.max(1) as f64
    }

    /// The row less the mean, with what was not measured filled in.
    fn centred(&self, z: &[f64]) -> Centred {
        let mut missing = Vec::new();
        let mut deviations = Vec::with_capacity(self.columns.len());
        for (i, (j, mean)) in self.columns.iter().zip(&self.mean).enumerate() {
            match z.get(*j).and_then(|z| measured(*z)) {
                Some(z) => deviations.push(z - mean),
                None => {
                    missing.push(i);
                    deviations.push(0.0);
                }
            }
        }
        let measured = deviations.len() - missing.len();
        if !missing.is_empty() && measured > 0 {
            self.fill(&missing, &mut deviations);
        }
        Centred { deviations, measured }
    }

    /// Sets the cells `missing` of `e`, which are 0, to their conditional mean: with P = S^-1 the e_u that solves
    /// P_uu e_u = -P_um e_m, which is also the one that makes e' P e smallest. Should rounding have made P_uu
    /// singular, they stay at their mean.
    fn fill(&self, missing: &[usize], e: &mut [f64]) {
        let pulls = self.pulls(e);
        let size = self.columns.len();
        let block =
            DMatrix::from_fn(missing.len(), missing.len(), |a, b| self.precision[missing[a] * size + missing[b]]);
        let Some(factor) = block.cholesky() else { return };
        let means = factor.solve(&DVector::from_iterator(missing.len(), missing.iter().map(|i| -pulls[*i])));
        missing.iter().zip(means.iter()).for_each(|(i, mean)| e[*i] = *mean);
    }

    /// S^-1 e, row by row, so that the inner loop has no sum to wait for.
    fn pulls(&self, e: &[f64]) -> Vec<f64> {
        let mut pulls = vec![0.0; e.len()];
        for (e, row) in e.iter().zip(self.precision.chunks_exact(e.len().max(1))) {
            pulls.iter_mut().zip(row).for_each(|(p, s)| *p += e * s);
        }
        pulls
    }
}

/// One row in the columns that are known.
struct Centred {
    /// c distances from the mean, in scales.
    deviations: Vec<f64>,
    /// How many of them were measured.
    measured: usize,
}

fn cell(z: f64) -> f64 {
    measured(z).unwrap_or(f64::NAN)
}

/// How many independent rows the products of two residuals are worth. Where n rows are worth e for a mean, consecutive ones
/// resemble each other by rho = (n - e) / (n + e), and their products by rho^2: n (1 - rho^2) / (1 + rho^2) of them.
fn independent_products(rows: &[Vec<f64>]) -> f64 {
    let (n, e) = (rows.len() as f64, effective_rows(rows));
    2.0 * n * n * e / (n * n + e * e)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Tags 0 and 1 move together, tag 2 has never been measured, tag 3 is alone.
    fn rows(n: usize, seed: u64) -> Vec<Vec<f64>> {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let mut noise = move || -> f64 { StandardNormal.sample(&mut rng) };
        let row = |_| {
            let common = noise();
            vec![common + 0.5 * noise() + 1.0, common + 0.5 * noise(), f64::NAN, noise()]
        };
        (0..n).map(row).collect()
    }

    fn fitted() -> Mahalanobis {
        Mahalanobis::fit(&rows(4000, 1)).unwrap()
    }

    #[test]
    fn what_breaks_the_correlation_is_farther_than_what_follows_it() {
        let it = fitted();
        let [with, against] = [2.0, -2.0].map(|other| it.statistic(&[3.0, other, f64::NAN, 0.0]));
        assert!(against > 5.0 * with, "{against} {with}");
        assert!(it.statistic(&[1.0, 0.0, f64::NAN, 0.0]) < 0.01);
    }

    #[test]
    fn a_missing_tag_gives_the_distance_of_the_marginal() {
        let alone: Vec<Vec<f64>> = rows(4000, 1).iter().map(|r| vec![r[0], r[3]]).collect();
        let (it, marginal) = (fitted(), Mahalanobis::fit(&alone).unwrap());
        for z in [[3.0, 0.0], [-1.0, 2.0], [0.0, -4.0]] {
            let (got, want) = (it.statistic(&[z[0], f64::NAN, 9.0, z[1]]), marginal.statistic(&z));
            assert!((got / want - 1.0).abs() < 0.02, "{got} {want}");
        }
    }

    #[test]
    fn fresh_rows_have_about_1_whether_or_not_a_tag_is_missing() {
        let it = fitted();
        let mean = |hide: usize| {
            let fresh = rows(4000, 2).into_iter().map(|mut r| {
                r[hide] = f64::NAN;
                it.statistic(&r)
            });
            fresh.sum::<f64>() / 4000.0
        };
        for hide in 0..4 {
            assert!((mean(hide) - 0.93).abs() < 0.1, "{hide}: {}", mean(hide));
        }
    }

    #[test]
    fn it_is_finite_whatever_comes() {
        let it = fitted();
        for z in [vec![], vec![f64::NAN; 4], vec![f64::INFINITY; 4], vec![f64::MAX; 4], vec![f64::MAX, f64::NAN]] {
            assert!(it.statistic(&z).is_finite(), "{z:?}");
        }
        assert_eq!(it.statistic(&[f64::NAN; 4]), 0.0);
        let fewer_rows_than_tags = vec![(0..30).map(f64::from).collect::<Vec<f64>>(); 3];
        assert!(Mahalanobis::fit(&fewer_rows_than_tags).unwrap().statistic(&[1.0; 30]).is_finite());
        assert_eq!(Mahalanobis::fit(&[]), None);
        assert_eq!(Mahalanobis::fit(&[vec![f64::NAN]]), None);
    }
}
