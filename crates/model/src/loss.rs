//! What training makes small.

use candle_core::{Result, Tensor};

/// Weighted mean of squared errors: sum w (x - x')^2 / sum w, over (batch, time, tags). A weight of 0 (a cell that was
/// not measured) takes no part.
pub(crate) fn masked_squared_error(expected: &Tensor, truth: &Tensor, weights: &Tensor) -> Result<Tensor> {
    let error = (expected - truth)?.sqr()?;
    let total = weights.sum_all()?;
    (error * weights)?.sum_all()?.div(&(total + 1e-12)?)
}
