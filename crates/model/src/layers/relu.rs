//! The rectifier.

use candle_core::{Result, Tensor};

use crate::kernels;

/// max(x, 0).
pub(crate) fn relu(x: &Tensor) -> Result<Tensor> {
    if kernels::fit(x) { kernels::apply(kernels::Relu { shape: x.dims().to_vec() }, x) } else { x.relu() }
}
