//! A linear map of the last dimension.

use candle_core::{Result, Tensor};

use super::{Init, Vars, VarsError};

/// y = x W + b; x is (n, input), y is (n, output).
#[derive(Debug)]
pub(crate) struct Linear {
    weight: Tensor,
    bias: Tensor,
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

    /// (n, input) -> (n, output).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        x.matmul(&self.weight)?.broadcast_add(&self.bias)
    }
}
