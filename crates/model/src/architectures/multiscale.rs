//! The multi-scale convolutional autoencoder.

use candle_core::{Result, Tensor};

use super::Architecture;
use crate::layers::{LayerNorm, Linear, MultiScaleConv, Vars, VarsError};

/// Embedding, parallel convolutions, bottleneck, parallel convolutions, projection (paper, section 3.2 and Table 2).
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   Linear + LayerNorm                   (b, t, embed)
///   Conv 3/5/7 + ReLU                    (b, t, 3 filters)
///   Linear: the bottleneck, row by row   (b, t, code)        mean over t: the code of the window
///   Conv 3/5/7 + ReLU                    (b, t, 3 filters)
///   Linear                               (b, t, d)
/// ```
///
/// The paper pools the sequence to one code and does not say how; here a row keeps its own code up to the decoder and
/// the window's code is their mean. There is no BatchNorm: its statistics would be those of batches of overlapping,
/// partly hidden windows, which are not what is seen in inference, and the LayerNorm already fixes the scale.
#[derive(Debug)]
pub(crate) struct Multiscale {
    embedding: Linear,
    norm: LayerNorm,
    encoder: MultiScaleConv,
    compress: Linear,
    decoder: MultiScaleConv,
    output: Linear,
}

/// What a forward pass gives.
#[derive(Debug)]
pub(crate) struct Forward {
    /// Expected normalised values, (batch, time, tags).
    pub(crate) expected: Tensor,
    /// The window's code, (batch, code).
    pub(crate) code: Tensor,
}

impl Multiscale {
    /// The network for `tags` tags with weights from `vars`.
    pub(crate) fn new(vars: &mut Vars, a: &Architecture, tags: usize) -> std::result::Result<Self, VarsError> {
        let encoder_sizes = (a.embed, a.filters);
        let embedding = Linear::new(vars, "embedding", 2 * tags, a.embed)?;
        let norm = LayerNorm::new(vars, "embedding.norm", a.embed)?;
        let encoder = MultiScaleConv::new(vars, "encoder", encoder_sizes, &a.kernels, a.padding)?;
        let compress = Linear::new(vars, "bottleneck", encoder.output(), a.code)?;
        let decoder = MultiScaleConv::new(vars, "decoder", (a.code, a.filters), &a.kernels, a.padding)?;
        let output = Linear::new(vars, "output", decoder.output(), tags)?;
        Ok(Self { embedding, norm, encoder, compress, decoder, output })
    }

    /// `cells` is (batch, time, 2 tags): normalised values, zero where hidden, then 1 where visible and 0 where hidden.
    pub(crate) fn forward(&self, cells: &Tensor) -> Result<Forward> {
        let (batch, time, width) = cells.dims3()?;
        let rows = batch * time;
        let embedded = self.norm.forward(&self.embedding.forward(&cells.reshape((rows, width))?)?)?;
        let features = self.encoder.forward(&embedded.reshape((batch, time, ()))?)?;
        let codes = self.compress.forward(&features)?.reshape((batch, time, ()))?;
        let decoded = self.decoder.forward(&codes)?;
        let expected = self.output.forward(&decoded)?.reshape((batch, time, width / 2))?;
        Ok(Forward { expected, code: codes.mean(1)? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use candle_core::{DType, Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::loss::masked_squared_error;

    /// A tiny network in f64 with its weights, and a lesson of two windows of nine rows of three tags.
    struct Tiny {
        network: Multiscale,
        vars: BTreeMap<String, Var>,
        cells: Tensor,
        truth: Tensor,
        weights: Tensor,
    }

    fn tiny() -> Tiny {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |shape: (usize, usize, usize)| {
            let values: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(shape.0 * shape.1 * shape.2).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (cells, truth) = (draw((2, 9, 6)), draw((2, 9, 3)));
        let weights = draw((2, 9, 3)).relu().unwrap();
        let architecture = Architecture { embed: 4, filters: 3, code: 2, ..Architecture::default() };
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(6), DType::F64, &Device::Cpu);
        let network = Multiscale::new(&mut vars, &architecture, 3).unwrap();
        Tiny { network, vars: vars.trainable(), cells, truth, weights }
    }

    impl Tiny {
        fn loss(&self) -> Tensor {
            let expected = self.network.forward(&self.cells).unwrap().expected;
            masked_squared_error(&expected, &self.truth, &self.weights).unwrap()
        }
    }

    #[test]
    fn every_weight_receives_a_gradient() {
        let tiny = tiny();
        let gradients = tiny.loss().backward().unwrap();
        assert_eq!(tiny.vars.len(), 16);
        for (name, var) in &tiny.vars {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` has no gradient"));
            let size = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(size > 0.0, "the gradient of `{name}` is zero");
        }
    }

    #[test]
    fn gradients_equal_finite_differences() {
        let tiny = tiny();
        let gradients = tiny.loss().backward().unwrap();
        for (name, var) in &tiny.vars {
            let at: Vec<f64> = var.flatten_all().unwrap().to_vec1().unwrap();
            let slope: Vec<f64> = gradients.get(var).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            for ix in (0..at.len()).step_by(3) {
                let loss_at = |change: f64| {
                    let mut moved = at.clone();
                    moved[ix] += change;
                    var.set(&Tensor::from_vec(moved, var.shape(), &Device::Cpu).unwrap()).unwrap();
                    tiny.loss().to_scalar::<f64>().unwrap()
                };
                let measured = (loss_at(1e-6) - loss_at(-1e-6)) / 2e-6;
                loss_at(0.0);
                let error = (measured - slope[ix]).abs();
                assert!(error < 1e-6 + 1e-5 * measured.abs(), "{name}[{ix}]: {measured} against {}", slope[ix]);
            }
        }
    }

    #[test]
    fn a_causal_network_does_not_see_the_future() {
        let tiny = tiny();
        let mut cells: Vec<f64> = tiny.cells.flatten_all().unwrap().to_vec1().unwrap();
        cells[8 * 6..9 * 6].fill(99.0);
        let other = Tensor::from_vec(cells, (2, 9, 6), &Device::Cpu).unwrap();
        let rows = |cells: &Tensor| -> Vec<Vec<f64>> {
            tiny.network.forward(cells).unwrap().expected.get(0).unwrap().to_vec2().unwrap()
        };
        let (before, after) = (rows(&tiny.cells), rows(&other));
        assert_eq!(before[..8], after[..8]);
        assert_ne!(before[8], after[8]);
    }
}
