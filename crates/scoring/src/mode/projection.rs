//! Principal components of the tags' values: a row of fifty numbers is too long for a mixture on a few hundred rows.

use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

/// The principal components kept.
const MAX_DIMENSIONS: usize = 8;
/// The share of the variance that is enough: modes may differ in a tag that varies little.
const VARIANCE_SHARE: f64 = 0.999;

/// A fitted projection of d numbers onto at most eight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Projection {
    /// d means and d standard deviations (1 where a number never varied).
    mean: Vec<f64>,
    sigma: Vec<f64>,
    /// Axes of unit length in standardised values, q x d.
    axes: Vec<Vec<f64>>,
}

impl Projection {
    /// The axes of largest variance of `rows`, n rows of d finite numbers.
    pub(super) fn fit(rows: &[&[f64]]) -> Self {
        let d = rows.first().map_or(0, |r| r.len());
        let n = rows.len().max(1) as f64;
        let mean: Vec<f64> = (0..d).map(|j| rows.iter().map(|c| c[j]).sum::<f64>() / n).collect();
        let sigma: Vec<f64> = (0..d)
            .map(|j| (rows.iter().map(|c| (c[j] - mean[j]).powi(2)).sum::<f64>() / n).sqrt())
            .zip(&mean)
            .map(|(s, m)| if s > 1e-9 * m.abs() && s.is_normal() { s } else { 1.0 })
            .collect();
        let mut it = Self { mean, sigma, axes: Vec::new() };
        let z = DMatrix::from_row_iterator(rows.len(), d, rows.iter().flat_map(|c| it.standardise(c)));
        it.axes = leading_axes(SymmetricEigen::new(z.transpose() * &z / n));
        it
    }

    /// The coordinates of a row along the axes, and its squared distance from the space they span, for each of d numbers
    /// in squared standard deviations.
    pub(super) fn apply(&self, row: &[f64]) -> (Vec<f64>, f64) {
        let z = self.standardise(row);
        let along: Vec<f64> = self.axes.iter().map(|a| a.iter().zip(&z).map(|(a, z)| a * z).sum()).collect();
        let mut off = z;
        for (axis, t) in self.axes.iter().zip(&along) {
            off.iter_mut().zip(axis).for_each(|(o, a)| *o -= a * t);
        }
        let distance = off.iter().map(|o| o * o).sum::<f64>() / off.len().max(1) as f64;
        (along, distance)
    }

    /// How many numbers a row has.
    pub(super) fn width(&self) -> usize {
        self.mean.len()
    }

    fn standardise(&self, row: &[f64]) -> Vec<f64> {
        row.iter().zip(&self.mean).zip(&self.sigma).map(|((x, m), s)| (x - m) / s).collect()
    }
}

/// Axes by falling variance until there are enough, each with its largest coordinate positive, so that they are the same
/// on every run.
fn leading_axes(eigen: SymmetricEigen<f64, nalgebra::Dyn>) -> Vec<Vec<f64>> {
    let mut order: Vec<usize> = (0..eigen.eigenvalues.len()).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let total: f64 = eigen.eigenvalues.iter().map(|v| v.max(0.0)).sum();
    let mut explained = 0.0;
    let mut axes = Vec::new();
    for k in order {
        if axes.len() == MAX_DIMENSIONS || (!axes.is_empty() && explained >= VARIANCE_SHARE * total) {
            break;
        }
        explained += eigen.eigenvalues[k].max(0.0);
        let axis: Vec<f64> = eigen.eigenvectors.column(k).iter().copied().collect();
        let lead = axis.iter().copied().fold(0.0, |m: f64, a| if a.abs() > m.abs() { a } else { m });
        axes.push(axis.into_iter().map(|a| a * lead.signum()).collect());
    }
    axes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plane_in_many_dimensions_becomes_two_numbers() {
        let rows: Vec<Vec<f64>> = (0..200)
            .map(|i| {
                let (a, b) = ((f64::from(i) * 0.7).sin(), (f64::from(i) * 1.3).cos());
                vec![a, b, a + b, a - b, 2.0 * a, 5.0]
            })
            .collect();
        let rows: Vec<&[f64]> = rows.iter().map(Vec::as_slice).collect();
        let p = Projection::fit(&rows);
        assert_eq!(p.axes.len(), 2);
        assert!(p.apply(rows[3]).1 < 1e-12);
        assert!(p.apply(&[0.0, 0.0, 50.0, 0.0, 0.0, 5.0]).1 > 1.0);
    }
}
