//! Parallel convolutions over time with several kernel widths, as one matrix product.

use candle_core::{Result, Tensor};

use super::{Init, Vars, VarsError};
use crate::architectures::Padding;

/// relu(conv_k(x) + b_k) for every kernel width k, side by side in the last dimension (paper, section 3.2).
///
/// A convolution is k shifted matrix products. The shifts of the widest kernel are laid side by side once, (b, t, k c),
/// and all kernels are one product with them: narrower ones hold zeros in the rows they don't reach. candle's own Conv1d
/// with padding is a naive loop in the backward pass. Time outside the window is zero.
#[derive(Debug)]
pub(crate) struct MultiScaleConv {
    input: usize,
    filters: usize,
    padding: Padding,
    /// Kernel width and weight (width * input, filters), row-major from the oldest row.
    kernels: Vec<(usize, Tensor)>,
    /// (kernels * filters).
    bias: Tensor,
}

impl MultiScaleConv {
    /// Weights `{name}.kernel{k}` for each width in `widths` (odd, at least one) and `{name}.bias`.
    pub(crate) fn new(
        vars: &mut Vars,
        name: &str,
        (input, filters): (usize, usize),
        widths: &[usize],
        padding: Padding,
    ) -> std::result::Result<Self, VarsError> {
        let mut kernels = Vec::with_capacity(widths.len());
        for &width in widths {
            let fan_in = width * input;
            let weight = vars.get(&format!("{name}.kernel{width}"), &[fan_in, filters], Init::He { fan_in })?;
            kernels.push((width, weight));
        }
        let bias = vars.get(&format!("{name}.bias"), &[widths.len() * filters], Init::Zeros)?;
        Ok(Self { input, filters, padding, kernels, bias })
    }

    /// How wide the output is.
    pub(crate) fn output(&self) -> usize {
        self.kernels.len() * self.filters
    }

    /// (batch, time, input) -> (batch * time, kernels * filters).
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, _) = x.dims3()?;
        let widest = self.kernels.iter().map(|(width, _)| *width).max().unwrap_or(1);
        let (before, after) = self.around(widest);
        let padded = x.pad_with_zeros(1, before, after)?;
        let shifts: Vec<Tensor> = (0..widest).map(|s| padded.narrow(1, s, time)).collect::<Result<_>>()?;
        let unfolded = Tensor::cat(&shifts, 2)?.reshape((batch * time, widest * self.input))?;
        unfolded.matmul(&self.fused(widest)?)?.broadcast_add(&self.bias)?.relu()
    }

    /// All kernels as one matrix, (widest * input, kernels * filters).
    fn fused(&self, widest: usize) -> Result<Tensor> {
        let (reach, _) = self.around(widest);
        let columns: Vec<Tensor> = self
            .kernels
            .iter()
            .map(|(width, weight)| {
                let (before, after) = self.around(*width);
                let below = widest - 1 - reach - after;
                weight.pad_with_zeros(0, (reach - before) * self.input, below * self.input)
            })
            .collect::<Result<_>>()?;
        Tensor::cat(&columns, 1)
    }

    /// How many rows before and after a row a kernel of `width` reaches.
    fn around(&self, width: usize) -> (usize, usize) {
        match self.padding {
            Padding::Causal => (width - 1, 0),
            Padding::Centred => ((width - 1) / 2, width - 1 - (width - 1) / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// The definition, one sum at a time.
    fn naive(x: &[f64], time: usize, weight: &[f64], (width, filters): (usize, usize), before: usize) -> Vec<f64> {
        let input = x.len() / time;
        let mut out = vec![0.0; time * filters];
        for t in 0..time {
            for shift in 0..width {
                let Some(from) = (t + shift).checked_sub(before).filter(|f| *f < time) else { continue };
                for c in 0..input {
                    for f in 0..filters {
                        out[t * filters + f] += x[from * input + c] * weight[(shift * input + c) * filters + f];
                    }
                }
            }
        }
        out.into_iter().map(|v| v.max(0.0)).collect()
    }

    fn check(padding: Padding, before: fn(usize) -> usize) {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
        let conv = MultiScaleConv::new(&mut vars, "c", (2, 3), &[3, 5, 7], padding).unwrap();
        let x: Vec<f64> = (0..18).map(|i| ((i * 7) % 11) as f64 - 5.0).collect();
        let got: Vec<Vec<f64>> =
            conv.forward(&Tensor::from_vec(x.clone(), (1, 9, 2), &Device::Cpu).unwrap()).unwrap().to_vec2().unwrap();
        for (ix, (width, weight)) in conv.kernels.iter().enumerate() {
            let weight: Vec<f64> = weight.flatten_all().unwrap().to_vec1().unwrap();
            let want = naive(&x, 9, &weight, (*width, 3), before(*width));
            for (t, row) in got.iter().enumerate() {
                for f in 0..3 {
                    assert!((row[ix * 3 + f] - want[t * 3 + f]).abs() < 1e-9, "width {width} row {t} filter {f}");
                }
            }
        }
    }

    #[test]
    fn a_centred_convolution_equals_its_definition() {
        check(Padding::Centred, |width| width / 2);
    }

    #[test]
    fn a_causal_convolution_equals_its_definition() {
        check(Padding::Causal, |width| width - 1);
    }
}
