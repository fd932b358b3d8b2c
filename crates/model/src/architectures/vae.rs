//! The variational autoencoder, a baseline.

use candle_core::{Result, Tensor};
use rand_distr::{Distribution, StandardNormal};

use super::{Architecture, Forward, Network, Pass, size};
use crate::layers::{Convolutions, Linear, Vars, VarsError};

/// The variance that a cell is supposed to have about its reconstruction, in squared normalised units.
const VARIANCE: f64 = 0.1;

/// A variational autoencoder of convolutions (paper, section 4.2; Kingma and Welling 2014).
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   Linear + ReLU                       (b, t, width)
///   Conv + ReLU                         (b, t, width)
///   Linear: mean and ln variance        (b, t, code) each
///   a draw from that normal in training, the mean otherwise: the code of a row
///   Conv + ReLU                         (b, t, width)
///   Linear                              (b, t, d)
/// ```
///
/// Both convolutions have the widest of the multi-scale network's kernels, so that a row sees as far. With a Gaussian
/// likelihood the negative ELBO of a window, times 2 variance / (t d), is mean|x - x'|^2 + 2 variance KL / (t d): the
/// second term is the penalty, with KL the sum over rows and code of (mean^2 + variance - ln variance - 1) / 2.
#[derive(Debug)]
pub(crate) struct Vae {
    embedding: Linear,
    encoder: Convolutions,
    mean: Linear,
    spread: Linear,
    decoder: Convolutions,
    output: Linear,
}

impl Vae {
    /// The network for windows of `shape` = (rows, tags) with weights from `vars`.
    pub(crate) fn new(
        vars: &mut Vars,
        a: &Architecture,
        shape: (usize, usize),
    ) -> std::result::Result<Self, VarsError> {
        let width = size::width(a, shape, |vars, width| Self::of(vars, a, width, shape.1))?;
        Self::of(vars, a, width, shape.1)
    }

    fn of(vars: &mut Vars, a: &Architecture, width: usize, tags: usize) -> std::result::Result<Self, VarsError> {
        let code = if a.code == 0 { width } else { a.code };
        let widest = a.kernels.iter().max().copied().unwrap_or(1);
        let conv = |vars: &mut Vars, name, input| {
            Convolutions::new(vars, name, (input, width), Convolutions::kernels(&[widest], a.padding), false)
        };
        Ok(Self {
            embedding: Linear::new(vars, "embedding", 2 * tags, width)?,
            encoder: conv(vars, "encoder", width)?,
            mean: Linear::new(vars, "mean", width, code)?,
            spread: Linear::new(vars, "spread", width, code)?,
            decoder: conv(vars, "decoder", code)?,
            output: Linear::new(vars, "output", width, tags)?,
        })
    }
}

impl Network for Vae {
    fn forward(&self, cells: &Tensor, pass: &mut Pass) -> Result<Forward> {
        let (_, time, width) = cells.dims3()?;
        let embedded = self.embedding.forward(cells)?.relu()?;
        let features = self.encoder.forward(&embedded, pass)?.relu()?;
        let (mean, spread) = (self.mean.forward(&features)?, self.spread.forward(&features)?);
        let drawn = match pass {
            Pass::Train(rng) => {
                let noise: Vec<f32> = StandardNormal.sample_iter(rng).take(mean.elem_count()).collect();
                let noise = Tensor::from_vec(noise, mean.shape(), mean.device())?.to_dtype(mean.dtype())?;
                (&mean + ((&spread * 0.5)?.exp()? * noise)?)?
            }
            Pass::Infer => mean.clone(),
        };
        let expected = self.output.forward(&self.decoder.forward(&drawn, pass)?.relu()?)?;
        let per_cell = 2.0 * VARIANCE / (time * width / 2) as f64;
        let penalty = (divergence(&mean, &spread)? * per_cell)?;
        Ok(Forward { expected, codes: None, code: Some(mean.mean(1)?), penalty: Some(penalty), attention: None })
    }
}

/// KL(N(mean, exp(spread)) || N(0, 1)) summed over rows and code, mean over the batch, in nats: a scalar.
fn divergence(mean: &Tensor, spread: &Tensor) -> Result<Tensor> {
    let each = ((mean.sqr()? + spread.exp()?)? - spread)?.affine(0.5, -0.5)?;
    each.sum_all()? / mean.dim(0)? as f64
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::{
        super::{NetworkKind::Vae, checks},
        *,
    };

    #[test]
    fn it_is_as_large_as_the_multi_scale_network() {
        checks::as_large_as_the_multi_scale(Vae);
    }

    #[test]
    fn gradients_equal_finite_differences_and_reach_every_weight() {
        checks::gradients(Vae);
    }

    #[test]
    fn it_learns() {
        checks::learns(Vae);
    }

    #[test]
    fn the_divergence_is_nothing_for_the_prior_and_as_defined_elsewhere() {
        let check = |mean: f64, variance: f64, want: f64| {
            let of = |x: f64| Tensor::full(x, (2, 3, 4), &Device::Cpu).unwrap();
            let got = divergence(&of(mean), &of(variance.ln())).unwrap().to_scalar::<f64>().unwrap();
            assert!((got - 12.0 * want).abs() < 1e-12, "{mean} {variance}: {got}");
        };
        check(0.0, 1.0, 0.0);
        // Twelve numbers a window; ln(1 / 2) + (4 + 9) / 2 - 1 / 2, as the KL of N(3, 4) from N(0, 1) is written elsewhere.
        check(3.0, 4.0, 0.5f64.ln() + 6.5 - 0.5);
    }

    #[test]
    fn training_draws_and_inference_does_not() {
        checks::draws_only_in_training(Vae);
    }
}
