//! Layer normalisation.

use candle_core::{D, Result, Tensor};

use super::{Init, Vars, VarsError};

/// Below this variance a row is divided by this instead.
const EPSILON: f64 = 1e-5;

/// Layer normalisation of the last dimension: y = (x - mean) / sqrt(variance + 1e-5) * gain + bias.
///
/// Written out in plain operations: candle's fused form has no backward pass and cuts the gradient in silence.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    gain: Tensor,
    bias: Tensor,
}

impl LayerNorm {
    /// Weights `{name}.gain` and `{name}.bias`, both (width).
    pub(crate) fn new(vars: &mut Vars, name: &str, width: usize) -> std::result::Result<Self, VarsError> {
        Ok(Self {
            gain: vars.get(&format!("{name}.gain"), &[width], Init::Ones)?,
            bias: vars.get(&format!("{name}.bias"), &[width], Init::Zeros)?,
        })
    }

    /// (n, width) -> (n, width).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        centred.broadcast_div(&deviation)?.broadcast_mul(&self.gain)?.broadcast_add(&self.bias)
    }
}
