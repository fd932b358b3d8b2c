//! A linear map of the last dimension.

use candle_core::{Result, Tensor};

use super::{Init, Vars, VarsError};
use crate::kernels::{self, Branch, Taps};

/// y = x W + b; x is (batch, time, input), y is (batch, time, output).
#[derive(Debug)]
pub(crate) struct Linear {
    pub(super) weight: Tensor,
    pub(super) bias: Tensor,
}

impl Linear {
    /// Weights `{name}.weight` (input, output) and `{name}.bias` (output).
    pub(crate) fn new(
        vars: &mut Vars,
        name: &str,
        input: usize,
        output: usize,
    ) -> std::result::Result<Self, VarsError> {
        Ok(Self {
            weight: vars.get(&format!("{name}.weight"), &[input, output], Init::Lecun { fan_in: input })?,
            bias: vars.get(&format!("{name}.bias"), &[output], Init::Zeros)?,
        })
    }

    /// (batch, time, input) -> (batch, time, output), as one matrix product.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if kernels::fit(x) {
            return self.forward_fused(x);
        }
        let (batch, time, input) = x.dims3()?;
        let y = x.reshape((batch * time, input))?.matmul(&self.weight)?.broadcast_add(&self.bias)?;
        y.reshape((batch, time, ()))
    }

    fn forward_fused(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, input) = x.dims3()?;
        let branches = vec![Branch { offsets: vec![0], filters: self.bias.dim(0)? }];
        kernels::apply_three(Taps { batch, time, input, branches, inner: x.track_op() }, x, &self.weight, &self.bias)
    }
}
