//! What training makes small.
//!
//! total = squared error + ssim (1 - SSIM) + sparsity mean|z| + temporal mean|z_t - z_(t-1)|^2 - diversity log det(Z'Z / n + I)
//!
//! The paper (section 3.2) *adds* SSIM to a loss, which rewards dissimilarity: what is added here is 1 - SSIM. It takes its
//! temporal term over steps of a code that it has pooled to one: here it is taken over the rows' codes, before the mean.
//! Its log det Z'Z is minus infinity for a batch smaller than the code: here Z'Z has the unit matrix added.

use candle_core::{DType, Result, Tensor};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::{architectures::Forward, batch::Batch, kernels, settings::SettingsError};

/// What is made small beside the squared error, and how much it weighs (paper, section 3.2). The defaults are 0: none of
/// the four was seen to help detection.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossSettings {
    /// The paper's beta: what 1 - SSIM of each tag's course over the window weighs.
    pub ssim: f64,
    /// The paper's lambda 1: what the mean absolute value of the codes weighs.
    pub sparsity: f64,
    /// The paper's lambda 2: what the mean squared change of the code from row to row weighs.
    pub temporal: f64,
    /// The paper's lambda 3: what -log det(Z'Z / n + I) of the windows' codes weighs.
    pub diversity: f64,
}

impl LossSettings {
    pub(crate) fn check(&self) -> std::result::Result<(), SettingsError> {
        let all = [
            ("ssim", self.ssim),
            ("sparsity", self.sparsity),
            ("temporal", self.temporal),
            ("diversity", self.diversity),
        ];
        match all.into_iter().find(|(_, weight)| !(weight.is_finite() && *weight >= 0.0)) {
            Some((key, weight)) => Err(SettingsError::new("training.loss", key, weight, "must be at least 0")),
            None => Ok(()),
        }
    }
}

/// The whole loss, a scalar.
pub(crate) fn total(forward: &Forward, batch: &Batch, settings: &LossSettings) -> Result<Tensor> {
    let mut sum = masked_squared_error(&forward.expected, &batch.truth, &batch.weights)?;
    let mut add = |weight: f64, term: &dyn Fn() -> Result<Tensor>| -> Result<()> {
        if weight > 0.0 {
            sum = (&sum + (term()? * weight)?)?;
        }
        Ok(())
    };
    add(settings.ssim, &|| dissimilarity(&forward.expected, &batch.truth, &batch.weights))?;
    if let Some(codes) = &forward.codes {
        add(settings.sparsity, &|| codes.abs()?.mean_all())?;
        add(settings.temporal, &|| change(codes))?;
    }
    if let Some(code) = &forward.code {
        add(settings.diversity, &|| sameness(code))?;
    }
    if let Some(penalty) = &forward.penalty {
        sum = (sum + penalty)?;
    }
    Ok(sum)
}

/// Weighted mean of squared errors: sum w (x - x')^2 / sum w, over (batch, time, tags). A weight of 0 (a cell that was
/// not measured) takes no part.
pub(crate) fn masked_squared_error(expected: &Tensor, truth: &Tensor, weights: &Tensor) -> Result<Tensor> {
    if kernels::fit(expected) {
        return kernels::apply_three(kernels::SquaredError, expected, truth, weights);
    }
    let error = (expected - truth)?.sqr()?;
    let total = weights.sum_all()?;
    (error * weights)?.sum_all()?.div(&(total + 1e-12)?)
}

/// SSIM's constants (Wang et al. 2004) for values of about unit deviation: (0.01 L)^2 and (0.03 L)^2 with L = 6.
const SSIM_MEAN: f64 = 0.0036;
const SSIM_VARIANCE: f64 = 0.0324;

/// 1 - SSIM between what was expected of a tag over the window and what it was, mean over windows and tags, from 0 to 2.
fn dissimilarity(expected: &Tensor, truth: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let counted = weights.gt(0f64)?.to_dtype(weights.dtype())?;
    let count = (counted.sum_keepdim(1)? + 1e-6)?;
    let mean = |x: &Tensor| (x * &counted)?.sum_keepdim(1)?.div(&count);
    let (mx, mt) = (mean(expected)?, mean(truth)?);
    let (x, t) = (expected.broadcast_sub(&mx)?, truth.broadcast_sub(&mt)?);
    let (vx, vt, cov) = (mean(&x.sqr()?)?, mean(&t.sqr()?)?, mean(&(&x * &t)?)?);
    let means = (((&mx * &mt)? * 2.0)? + SSIM_MEAN)?.div(&((mx.sqr()? + mt.sqr()?)? + SSIM_MEAN)?)?;
    let courses = ((cov * 2.0)? + SSIM_VARIANCE)?.div(&((vx + vt)? + SSIM_VARIANCE)?)?;
    (means * courses)?.mean_all()?.affine(-1.0, 1.0)
}

/// Mean over rows of |z_t - z_(t-1)|^2 / width; codes are (batch, time, width).
fn change(codes: &Tensor) -> Result<Tensor> {
    let time = codes.dim(1)?;
    if time < 2 {
        return codes.sqr()?.mean_all()? * 0.0;
    }
    (codes.narrow(1, 1, time - 1)? - codes.narrow(1, 0, time - 1)?)?.sqr()?.mean_all()
}

/// -log det(Z'Z / n + I) / width of the codes Z (n, width).
///
/// candle has no determinant, so value and gradient are computed beside the graph: with A = Z'Z / n + I the gradient by Z is
/// -(2 / n) Z A^-1 / width, which enters as sum(Z * gradient), less its own value, plus the true one.
fn sameness(code: &Tensor) -> Result<Tensor> {
    let (n, width) = code.dims2()?;
    let values: Vec<f64> = code.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let z = DMatrix::from_row_slice(n, width, &values);
    let a = z.transpose() * &z / n as f64 + DMatrix::identity(width, width);
    let Some(cholesky) = a.cholesky() else {
        return Err(candle_core::Error::msg("the codes are not finite"));
    };
    let log_det: f64 = cholesky.l_dirty().diagonal().iter().map(|d| 2.0 * d.ln()).sum();
    let gradient = z * cholesky.inverse() * (-2.0 / (n * width) as f64);
    let rows: Vec<f64> = gradient.transpose().iter().copied().collect();
    let gradient = Tensor::from_vec(rows, (n, width), code.device())?.to_dtype(code.dtype())?;
    let surrogate = (code * gradient)?.sum_all()?;
    (&surrogate - surrogate.detach())? + (-log_det / width as f64)
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn wave(rows: usize, size: f64, level: f64) -> Tensor {
        let values: Vec<f64> = (0..rows).map(|t| level + size * (t as f64 / 3.0).sin()).collect();
        Tensor::from_vec(values, (1, rows, 1), &Device::Cpu).unwrap()
    }

    fn scalar(x: Result<Tensor>) -> f64 {
        x.unwrap().to_scalar().unwrap()
    }

    #[test]
    fn a_like_course_costs_nothing_and_an_opposite_one_much() {
        let (truth, ones) = (wave(40, 1.0, 0.0), wave(40, 0.0, 1.0));
        let cost = |other: &Tensor| scalar(dissimilarity(other, &truth, &ones));
        assert!(cost(&truth).abs() < 1e-12);
        assert!(cost(&wave(40, -1.0, 0.0)) > 0.9);
        assert!(cost(&wave(40, 0.1, 0.0)) > cost(&wave(40, 0.9, 0.0)));
    }

    #[test]
    fn an_unmeasured_cell_takes_no_part_in_any_error() {
        let truth = wave(9, 1.0, 0.0);
        let mut cells: Vec<f64> = truth.flatten_all().unwrap().to_vec1().unwrap();
        cells[4] = 1e6;
        let other = Tensor::from_vec(cells, (1, 9, 1), &Device::Cpu).unwrap();
        let mut weights = vec![1.0; 9];
        weights[4] = 0.0;
        let weights = Tensor::from_vec(weights, (1, 9, 1), &Device::Cpu).unwrap();
        assert!(scalar(dissimilarity(&other, &truth, &weights)).abs() < 1e-12);
        assert_eq!(scalar(masked_squared_error(&other, &truth, &weights)), 0.0);
    }

    #[test]
    fn a_steady_code_does_not_change() {
        assert_eq!(scalar(change(&wave(9, 0.0, 3.0))), 0.0);
        assert!(scalar(change(&wave(9, 1.0, 3.0))) > 0.0);
    }

    #[test]
    fn codes_that_differ_are_less_same_and_the_gradient_equals_finite_differences() {
        let at = vec![0.5, -1.0, 2.0, 0.3, 0.7, -0.2];
        let code = |values: &[f64]| Tensor::from_vec(values.to_vec(), (3, 2), &Device::Cpu).unwrap();
        let value = |values: &[f64]| scalar(sameness(&code(values)));
        assert!(value(&at) < value(&[1.0, 1.0, 1.0, 1.0, 1.0, 1.0]));
        let var = Var::from_tensor(&code(&at)).unwrap();
        let gradients = sameness(&var).unwrap().backward().unwrap();
        let slope: Vec<f64> = gradients.get(&var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for ix in 0..at.len() {
            let moved = |by: f64| {
                let mut at = at.clone();
                at[ix] += by;
                value(&at)
            };
            let measured = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((measured - slope[ix]).abs() < 1e-8, "{ix}: {measured} against {}", slope[ix]);
        }
    }

    #[test]
    fn one_window_alone_has_a_finite_diversity() {
        let code = Tensor::from_vec(vec![1e3, -1e3, 0.0], (1, 3), &Device::Cpu).unwrap();
        assert!(scalar(sameness(&code)).is_finite());
    }
}
