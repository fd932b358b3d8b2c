//! Normalisation over features and over rows.

use std::sync::{Arc, OnceLock};

use candle_core::{D, Result, Tensor, Var};

use super::{Init, Vars, VarsError};
use crate::{
    architectures::Pass,
    kernels::{self, Cut, Moments},
};

/// Below this variance a row is divided by this instead.
pub(crate) const EPSILON: f64 = 1e-5;

/// How much of a batch's statistics is remembered.
const MOMENTUM: f64 = 0.1;

/// Layer normalisation of the last dimension: y = (x - mean) / sqrt(variance + 1e-5) * gain + bias.
///
/// candle's own fused form has no backward pass and cuts the gradient in silence.
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

    /// (.., width) -> the same.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        if kernels::fit(x) {
            let kernel = kernels::LayerNorm { shape: x.dims().to_vec(), epsilon: EPSILON };
            return kernels::apply_three(kernel, x, &self.gain, &self.bias);
        }
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
        centred.broadcast_div(&deviation)?.broadcast_mul(&self.gain)?.broadcast_add(&self.bias)
    }
}

/// Batch normalisation of each column over the rows: with the batch's statistics in training, with the remembered ones
/// otherwise.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    gain: Tensor,
    bias: Tensor,
    mean: Var,
    variance: Var,
}

impl BatchNorm {
    /// Weights `{name}.gain`, `{name}.bias` and the remembered `{name}.mean` and `{name}.variance`, all (width).
    pub(crate) fn new(vars: &mut Vars, name: &str, width: usize) -> std::result::Result<Self, VarsError> {
        Ok(Self {
            gain: vars.get(&format!("{name}.gain"), &[width], Init::Ones)?,
            bias: vars.get(&format!("{name}.bias"), &[width], Init::Zeros)?,
            mean: vars.remembered(&format!("{name}.mean"), &[width], Init::Zeros)?,
            variance: vars.remembered(&format!("{name}.variance"), &[width], Init::Ones)?,
        })
    }

    /// (batch, time, width) -> the same.
    pub(crate) fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let (mean, variance) = match pass {
            Pass::Infer => (self.mean.as_detached_tensor(), self.variance.as_detached_tensor()),
            Pass::Train(_) if kernels::fit(x) => return self.forward_fused(x, Cut::Nothing),
            Pass::Train(_) => {
                let mean = x.mean((0, 1))?;
                let variance = x.broadcast_sub(&mean)?.sqr()?.mean((0, 1))?;
                remember(&self.mean, &mean)?;
                remember(&self.variance, &variance)?;
                (mean, variance)
            }
        };
        let deviation = (variance + EPSILON)?.sqrt()?;
        x.broadcast_sub(&mean)?.broadcast_div(&deviation)?.broadcast_mul(&self.gain)?.broadcast_add(&self.bias)
    }

    /// In training, the same with what is below zero cut off.
    pub(crate) fn rectified(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_fused(x, Cut::Negative)
    }

    fn forward_fused(&self, x: &Tensor, cut: Cut) -> Result<Tensor> {
        let moments = Arc::new(OnceLock::new());
        let kernel = kernels::BatchNorm { shape: x.dims().to_vec(), epsilon: EPSILON, cut, moments: moments.clone() };
        let y = kernels::apply_three(kernel, x, &self.gain, &self.bias)?;
        let Moments { mean, variance } = moments.get().cloned().unwrap_or_default();
        for (var, seen) in [(&self.mean, mean), (&self.variance, variance)] {
            remember(var, &Tensor::from_vec(seen, var.shape(), var.device())?.to_dtype(var.dtype())?)?;
        }
        Ok(y)
    }
}

fn remember(var: &Var, seen: &Tensor) -> Result<()> {
    var.set(&((var.as_detached_tensor() * (1.0 - MOMENTUM))? + (seen.detach() * MOMENTUM)?)?)
}
