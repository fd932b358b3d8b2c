//! The little linear algebra that mixtures need, on top of nalgebra.

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

    /// The variance of value `j`, a diagonal cell of S.
    pub(crate) fn variance(&self, j: usize) -> f64 {
        self.cells[j * self.size..(j + 1) * self.size].iter().map(|l| l * l).sum()
    }

    /// The factor of the rows and columns `keep` of S; `None` if rounding has made them singular.
    pub(crate) fn marginal(&self, keep: &[usize]) -> Option<Self> {
        let l = DMatrix::from_row_slice(self.size, self.size, &self.cells);
        let whole = &l * l.transpose();
        Self::of(DMatrix::from_fn(keep.len(), keep.len(), |i, j| whole[(keep[i], keep[j])]))
    }
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

    #[test]
    fn far_terms_do_not_underflow() {
        assert!((ln_sum_exp(&[-1000.0, -1000.0]) - (2f64.ln() - 1000.0)).abs() < 1e-12);
        assert_eq!(ln_sum_exp(&[]), f64::NEG_INFINITY);
    }
}
