//! The little linear algebra that mixtures and distances need, on top of nalgebra.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// The lower triangular factor L of a covariance S = L L'.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lower {
    size: usize,
    /// `size * size` cells, row-major; above the diagonal they are 0.
    cells: Vec<f64>,
}

impl Lower {
    /// The factor of `covariance`; `None` if that is not positive definite.
    pub(crate) fn of(covariance: DMatrix<f64>) -> Option<Self> {
        let size = covariance.nrows();
        let l = covariance.cholesky()?.l();
        let cells = (0..size).flat_map(|i| (0..size).map(move |j| (i, j))).map(|at| l[at]).collect();
        Some(Self { size, cells })
    }

    /// e' S^-1 e, the squared Mahalanobis length of `e`.
    pub(crate) fn squared_length(&self, e: &[f64]) -> f64 {
        let mut half: Vec<f64> = Vec::with_capacity(self.size);
        for i in 0..self.size {
            let row = &self.cells[i * self.size..];
            let known: f64 = half.iter().zip(row).map(|(h, l)| h * l).sum();
            half.push((e[i] - known) / row[i]);
        }
        half.iter().map(|h| h * h).sum()
    }

    /// ln det S.
    pub(crate) fn ln_det(&self) -> f64 {
        (0..self.size).map(|i| 2.0 * self.cells[i * self.size + i].ln()).sum()
    }

    /// The factor of the rows and columns `keep` of S; `None` if rounding has made them singular.
    pub(crate) fn marginal(&self, keep: &[usize]) -> Option<Self> {
        let l = DMatrix::from_row_slice(self.size, self.size, &self.cells);
        let whole = &l * l.transpose();
        Self::of(DMatrix::from_fn(keep.len(), keep.len(), |i, j| whole[(keep[i], keep[j])]))
    }
}

/// The mean and the shrunk covariance of rows (Ledoit and Wolf 2004, J. Multivariate Analysis 88:365, section 3.3):
/// (1 - a) S + a m I, where S is the sample covariance, m the mean of its diagonal, and a the share of S's distance from
/// m I that is estimation error.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LedoitWolf {
    /// d means.
    pub(crate) mean: Vec<f64>,
    /// d x d.
    pub(crate) covariance: DMatrix<f64>,
    /// a, from 0 to 1.
    pub(crate) shrinkage: f64,
}

impl LedoitWolf {
    /// Of `rows` (n x d) that are worth `independent` independent ones: the fewer, the more S is shrunk.
    ///
    /// A cell that is not finite was not measured. It takes its column's mean, and the column is stretched to the variance
    /// that its measured cells have; S then stays positive semidefinite, and correlations with the column err towards 0.
    /// `None` if there are no rows or no columns.
    pub(crate) fn fit(rows: &[Vec<f64>], independent: f64) -> Option<Self> {
        let (n, d) = (rows.len(), rows.first().map_or(0, Vec::len));
        if d == 0 {
            return None;
        }
        let columns: Vec<(f64, f64)> = (0..d).map(|j| mean_and_stretch(rows, j)).collect();
        let cell =
            |i: usize, j: usize| if rows[i][j].is_finite() { (rows[i][j] - columns[j].0) * columns[j].1 } else { 0.0 };
        let centred = DMatrix::from_fn(n, d, cell);
        let sample = centred.tr_mul(&centred) / n as f64;
        let even = sample.trace() / d as f64;
        let error =
            centred.row_iter().map(|r| r.norm_squared().powi(2)).sum::<f64>() / n as f64 - sample.norm_squared();
        let distance = sample.norm_squared() - d as f64 * even * even;
        let shrinkage = (error / independent.max(1.0)).min(distance) / distance;
        let shrinkage = if shrinkage.is_finite() { shrinkage.max(0.0) } else { 0.0 };
        let covariance = sample * (1.0 - shrinkage) + DMatrix::identity(d, d) * (shrinkage * even);
        let mean = columns.into_iter().map(|(mean, _)| mean).collect();
        Some(Self { mean, covariance, shrinkage })
    }
}

/// The mean of what was measured of column `j`, and the root of how many times as many rows there are.
fn mean_and_stretch(rows: &[Vec<f64>], j: usize) -> (f64, f64) {
    let values = || rows.iter().map(|r| r[j]).filter(|x| x.is_finite());
    let seen = values().count().max(1) as f64;
    (values().sum::<f64>() / seen, (rows.len() as f64 / seen).sqrt())
}

/// ln sum exp of `terms`, with the maximum taken out first; minus infinity if there are none.
pub(crate) fn ln_sum_exp(terms: &[f64]) -> f64 {
    let max = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if max.is_infinite() {
        return max;
    }
    max + terms.iter().map(|t| (t - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marginal_of_a_factor_is_the_factor_of_the_marginal() {
        let s = DMatrix::from_row_slice(3, 3, &[4.0, 1.0, 0.5, 1.0, 3.0, 0.2, 0.5, 0.2, 2.0]);
        let l = Lower::of(s).unwrap();
        let m = l.marginal(&[0, 2]).unwrap();
        assert!((m.ln_det() - (4.0f64 * 2.0 - 0.25).ln()).abs() < 1e-12);
        assert!((m.squared_length(&[1.0, 0.0]) - 2.0 / 7.75).abs() < 1e-12);
    }

    /// Numbers of scikit-learn, which `tests/reference/ledoit_wolf.py` wrote.
    #[test]
    fn a_shrunk_covariance_is_scikit_learns() {
        #[derive(Deserialize)]
        struct Case {
            rows: Vec<Vec<f64>>,
            mean: Vec<f64>,
            shrinkage: f64,
            covariance: Vec<Vec<f64>>,
        }
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../tests/reference/ledoit_wolf.json")).unwrap();
        for case in golden["cases"].as_array().unwrap() {
            let case = Case::deserialize(case).unwrap();
            let got = LedoitWolf::fit(&case.rows, case.rows.len() as f64).unwrap();
            assert!((got.shrinkage - case.shrinkage).abs() < 1e-9, "{} {}", got.shrinkage, case.shrinkage);
            for (i, row) in case.covariance.iter().enumerate() {
                assert!((got.mean[i] - case.mean[i]).abs() < 1e-9);
                assert!(
                    row.iter().enumerate().all(|(j, want)| (got.covariance[(i, j)] - want).abs() < 1e-9),
                    "row {i}"
                );
            }
        }
    }

    #[test]
    fn missing_cells_and_dependent_rows_shrink_the_more() {
        let wave = |i: usize, j: usize| ((i * (j + 3)) as f64 * 0.37).sin() + (i as f64 * 0.9).sin();
        let mut rows: Vec<Vec<f64>> = (0..200).map(|i| (0..4).map(|j| wave(i, j)).collect()).collect();
        let shrinkage = |worth: f64| LedoitWolf::fit(&rows, worth).unwrap().shrinkage;
        assert!(shrinkage(20.0) > 5.0 * shrinkage(200.0));
        let whole = LedoitWolf::fit(&rows, 200.0).unwrap().covariance;
        rows.iter_mut().step_by(3).for_each(|r| r[1] = f64::NAN);
        let holed = LedoitWolf::fit(&rows, 200.0).unwrap().covariance;
        assert!((holed[(1, 1)] / whole[(1, 1)] - 1.0).abs() < 0.2 && holed[(0, 1)].abs() < whole[(0, 1)].abs());
        assert!(holed.cholesky().is_some());
    }

    #[test]
    fn far_terms_do_not_underflow() {
        assert!((ln_sum_exp(&[-1000.0, -1000.0]) - (2f64.ln() - 1000.0)).abs() < 1e-12);
        assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
