//! The linear models, whose weights are solved in one go instead of learned: vector autoregression, cross-tag ridge and
//! principal components. They need seconds and an hour of data, see no epochs and no seed, and are the challengers that
//! every network must beat.

use std::{collections::BTreeMap, ops::Range};

use candle_core::{DType, Device, Result, Tensor};
use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

use crate::{
    architectures::NetworkKind,
    series::Material,
    settings::{ModelSettings, SettingsError},
};

/// How the linear models are solved.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearSettings {
    /// What is added to the diagonal of the sums of squares of normalised values (ridge): so many rows' worth of doubt in
    /// any relation.
    pub ridge: f64,
    /// The share of the variance that the principal components hold.
    pub variance: f64,
}

impl Default for LinearSettings {
    fn default() -> Self {
        Self { ridge: 50.0, variance: 0.9 }
    }
}

impl LinearSettings {
    pub(crate) fn check(&self) -> std::result::Result<(), SettingsError> {
        if !(self.ridge.is_finite() && self.ridge > 0.0) {
            return Err(SettingsError::new("linear", "ridge", self.ridge, "must be above 0"));
        }
        if !(self.variance > 0.0 && self.variance <= 1.0) {
            return Err(SettingsError::new("linear", "variance", self.variance, "must be above 0 and at most 1"));
        }
        Ok(())
    }
}

/// The name of the weight that says how a row follows from the rows before it.
pub(crate) const AUTOREGRESSIVE: &str = "autoregressive.weight";

/// The weights of a model by name.
pub(crate) type Weights = BTreeMap<String, Tensor>;

/// The weights of a linear model of `tags` tags.
pub(crate) fn solve(material: &[Material], tags: usize, settings: &ModelSettings) -> Result<Weights> {
    let LinearSettings { ridge, variance } = settings.linear;
    match settings.kind {
        NetworkKind::Ridge => cross_tag(material, tags, ridge),
        NetworkKind::Pca => components(material, tags, variance),
        _ => autoregression(material, (tags, settings.architecture.autoregressive), ridge),
    }
}

/// A vector autoregression's: `autoregressive.weight` (lags * 2 * tags, tags), the newest lag first, and `bias` (tags).
///
/// Ridge regression of each tag on all tags of the rows before, W = (X'X + ridge I)^-1 X'Y, where a tag that was not
/// measured in every row has its sums scaled up to all of them. A cell that was not measured holds the last value before
/// it, as it does when the model is asked.
pub(crate) fn autoregression(material: &[Material], (tags, lags): (usize, usize), ridge: f64) -> Result<Weights> {
    let features = lags * tags;
    let mut squares = DMatrix::from_diagonal_element(features + 1, features + 1, ridge);
    squares[(features, features)] = 1e-6;
    let (mut products, mut measured) = (DMatrix::zeros(features + 1, tags), vec![0.0; tags]);
    let mut rows = 0.0;
    for part in material {
        let held = held(part, tags);
        for some in chunks(lags..part.rows) {
            let past = DMatrix::from_fn(some.len(), features + 1, |row, ix| match ix.checked_sub(features) {
                Some(_) => 1.0,
                None => held[(some.start + row - 1 - ix / tags) * tags + ix % tags],
            });
            let known = |row: usize, tag: usize| f64::from(part.known[(some.start + row) * tags + tag]);
            let truth = DMatrix::from_fn(some.len(), tags, |row, tag| {
                f64::from(part.values[(some.start + row) * tags + tag]) * known(row, tag)
            });
            squares.gemm_tr(1.0, &past, &past, 1.0);
            products.gemm_tr(1.0, &past, &truth, 1.0);
            measured
                .iter_mut()
                .enumerate()
                .for_each(|(tag, m)| *m += (0..some.len()).map(|row| known(row, tag)).sum::<f64>());
            rows += some.len() as f64;
        }
    }
    products.column_iter_mut().zip(&measured).for_each(|(mut column, m)| column *= rows / m.max(1.0));
    let Some(weight) = squares.cholesky().map(|c| c.solve(&products)) else { return Err(singular()) };
    // A row of cells holds the tags' values and then their visibility, which has no say.
    let spread = |row: usize, tag: usize| match (row / (2 * tags), row % (2 * tags)) {
        (lag, cell) if cell < tags => weight[(lag * tags + cell, tag)],
        _ => 0.0,
    };
    let bias: Vec<f64> = weight.row(features).iter().copied().collect();
    Ok(BTreeMap::from([
        (AUTOREGRESSIVE.to_owned(), matrix(2 * features, tags, spread)?),
        ("bias".to_owned(), vector(&bias)?),
    ]))
}

/// A cross-tag ridge's: `others.weight` (2 tags, tags) with a zero diagonal, and `others.bias` (tags).
///
/// With the precision matrix P = (C + ridge I)^-1 of the sums of squares C about the mean, tag i's regression on all
/// others has the weights -P_ji / P_ii: all regressions in one inversion (Lauritzen 1996, section 5.1).
pub(crate) fn cross_tag(material: &[Material], tags: usize, ridge: f64) -> Result<Weights> {
    let moments = Moments::of(material, tags);
    // Sums of pairs that were not measured in the same rows need not belong together: no direction has less than none.
    let mut eigen = SymmetricEigen::new(moments.squares);
    eigen.eigenvalues.iter_mut().for_each(|value| *value = 1.0 / (value.max(0.0) + ridge));
    let precision = eigen.recompose();
    let say = |j: usize, i: usize| if i == j { 0.0 } else { -precision[(j, i)] / precision[(i, i)] };
    let mean = &moments.mean;
    let bias: Vec<f64> = (0..tags).map(|i| mean[i] - (0..tags).map(|j| mean[j] * say(j, i)).sum::<f64>()).collect();
    Ok(BTreeMap::from([
        ("others.weight".to_owned(), matrix(2 * tags, tags, |j, i| if j < tags { say(j, i) } else { 0.0 })?),
        ("others.bias".to_owned(), vector(&bias)?),
    ]))
}

/// Principal components': `mean` (tags), `components` (tags, k) and `deviations` (k), of the covariance of normalised
/// values; k is the smallest number that holds the `share` of the variance, and leaves one direction out at least.
pub(crate) fn components(material: &[Material], tags: usize, share: f64) -> Result<Weights> {
    let moments = Moments::of(material, tags);
    let eigen = SymmetricEigen::new(&moments.squares / moments.rows.max(1.0));
    let mut order: Vec<usize> = (0..tags).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    let variance = |ix: &usize| eigen.eigenvalues[*ix].max(0.0);
    let total: f64 = order.iter().map(variance).sum();
    let mut kept = 0.0;
    let enough = order.iter().position(|ix| {
        kept += variance(ix);
        kept >= share * total
    });
    let k = (enough.unwrap_or(0) + 1).min(tags.saturating_sub(1)).max(1);
    // A component's sign is chance: its largest weight is made positive.
    let sign = |ix: usize| {
        let largest =
            eigen.eigenvectors.column(ix).iter().fold(0.0, |most: f64, v| if v.abs() > most.abs() { *v } else { most });
        largest.signum()
    };
    let deviations: Vec<f64> = order[..k].iter().map(|ix| variance(ix).sqrt().max(DEVIATION_FLOOR)).collect();
    Ok(BTreeMap::from([
        ("mean".to_owned(), vector(&moments.mean)?),
        ("components".to_owned(), matrix(tags, k, |tag, ix| sign(order[ix]) * eigen.eigenvectors[(tag, order[ix])])?),
        ("deviations".to_owned(), vector(&deviations)?),
    ]))
}

/// Rows that are summed together.
const CHUNK: usize = 1024;

/// The smallest deviation of a component, in normalised units.
const DEVIATION_FLOOR: f64 = 1e-3;

/// Means and sums of squares about them of normalised values, pair by pair over the rows where both were measured and
/// scaled up to all rows.
struct Moments {
    rows: f64,
    mean: Vec<f64>,
    squares: DMatrix<f64>,
}

impl Moments {
    fn of(material: &[Material], tags: usize) -> Self {
        let cells = |all: &[f32], some: &Range<usize>| {
            DMatrix::from_fn(some.len(), tags, |row, tag| f64::from(all[(some.start + row) * tags + tag]))
        };
        let (mut sums, mut counts) = (DMatrix::zeros(tags, tags), DMatrix::zeros(tags, tags));
        let (mut squares, mut rows) = (DMatrix::zeros(tags, tags), 0.0);
        for part in material {
            for some in chunks(0..part.rows) {
                let known = cells(&part.known, &some);
                let values = cells(&part.values, &some).component_mul(&known);
                squares.gemm_tr(1.0, &values, &values, 1.0);
                sums.gemm_tr(1.0, &values, &known, 1.0);
                counts.gemm_tr(1.0, &known, &known, 1.0);
                rows += some.len() as f64;
            }
        }
        // sums[(i, j)] and counts[(i, j)] are of tag i over the rows where tag j was measured too.
        let about = |i: usize, j: usize| {
            let count = f64::max(counts[(i, j)], 1.0);
            (squares[(i, j)] - sums[(i, j)] * sums[(j, i)] / count) * (rows / count)
        };
        let mean = (0..tags).map(|tag| sums[(tag, tag)] / f64::max(counts[(tag, tag)], 1.0)).collect();
        Self { rows, mean, squares: DMatrix::from_fn(tags, tags, about) }
    }
}

/// A series' values with each cell that was not measured holding the last one before it; 0 before the first.
fn held(part: &Material, tags: usize) -> Vec<f64> {
    let mut last = vec![0.0; tags];
    let cells = part.values.iter().zip(&part.known).enumerate();
    cells
        .map(|(ix, (value, known))| {
            if *known > 0.0 {
                last[ix % tags] = f64::from(*value);
            }
            last[ix % tags]
        })
        .collect()
}

/// `rows` in pieces, so that the matrices of a long history stay small.
fn chunks(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = rows.end;
    rows.step_by(CHUNK).map(move |start| start..(start + CHUNK).min(end))
}

fn singular() -> candle_core::Error {
    candle_core::Error::msg("the tags' relations can't be solved for; raise `linear.ridge`")
}

fn matrix(rows: usize, columns: usize, cell: impl Fn(usize, usize) -> f64) -> Result<Tensor> {
    let cells: Vec<f64> = (0..rows * columns).map(|ix| cell(ix / columns, ix % columns)).collect();
    Tensor::from_vec(cells, (rows, columns), &Device::Cpu)?.to_dtype(DType::F32)
}

fn vector(values: &[f64]) -> Result<Tensor> {
    Tensor::new(values, &Device::Cpu)?.to_dtype(DType::F32)
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Two tags: the second is twice the first and one, the first half of what it was a row before, and noise.
    fn material(rows: usize) -> Material {
        let (mut values, mut x, mut rng) = (Vec::new(), 0.3_f32, ChaCha8Rng::seed_from_u64(4));
        for _ in 0..rows {
            x = 0.5 * x + rng.random_range(-0.5..0.5);
            values.extend([x, 2.0 * x + 1.0]);
        }
        let known = vec![1.0; values.len()];
        Material { values, known, rows, split: rows }
    }

    fn solved(weights: &Weights, name: &str) -> Vec<Vec<f32>> {
        weights[name].to_vec2().unwrap()
    }

    const LIGHT: f64 = 1e-6;

    #[test]
    fn an_autoregression_finds_how_a_tag_follows_from_the_row_before() {
        let w = solved(&autoregression(&[material(4_000)], (2, 1), LIGHT).unwrap(), "autoregressive.weight");
        // The second tag says nothing new, so how the two share the say is open; together they say 0.5.
        assert!((w[0][0] + 2.0 * w[1][0] - 0.5).abs() < 0.03, "{w:?}");
        assert_eq!(w[2..], [[0.0, 0.0], [0.0, 0.0]]);
    }

    #[test]
    fn a_cross_tag_ridge_finds_a_tag_from_the_other_and_never_from_itself() {
        let weights = cross_tag(&[material(500)], 2, LIGHT).unwrap();
        let (w, bias) = (solved(&weights, "others.weight"), weights["others.bias"].to_vec1::<f32>().unwrap());
        assert_eq!((w[0][0], w[1][1]), (0.0, 0.0));
        assert!((w[0][1] - 2.0).abs() < 1e-3 && (bias[1] - 1.0).abs() < 1e-3, "{w:?} {bias:?}");
    }

    #[test]
    fn principal_components_span_the_plane_of_normal_rows() {
        let weights = components(&[material(500)], 2, 0.9).unwrap();
        let p = solved(&weights, "components");
        assert!((p[1][0] / p[0][0] - 2.0).abs() < 1e-3 && (p[0][0].powi(2) + p[1][0].powi(2) - 1.0).abs() < 1e-5);
    }

    #[test]
    fn cells_that_were_not_measured_teach_nothing() {
        let (mut gaps, mut junk) = (material(2_000), material(2_000));
        for ix in (0..4_000).filter(|ix| ix % 7 == 0) {
            (gaps.known[ix], junk.known[ix]) = (0.0, 0.0);
            (gaps.values[ix], junk.values[ix]) = (0.0, 1e3);
        }
        let of = |m: &Material| {
            let m = std::slice::from_ref(m);
            let all = [autoregression(m, (2, 1), LIGHT), cross_tag(m, 2, LIGHT), components(m, 2, 0.9)];
            all.map(|w| {
                w.unwrap().into_values().map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap()).collect::<Vec<_>>()
            })
        };
        assert_eq!(of(&gaps), of(&junk));
        let w = solved(&cross_tag(&[gaps], 2, LIGHT).unwrap(), "others.weight");
        assert!((w[0][1] - 2.0).abs() < 0.05, "{w:?}");
    }
}
