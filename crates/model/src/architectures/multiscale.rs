//! The multi-scale convolutional autoencoder.

use std::ops::Range;

use candle_core::{Result, Tensor};

use super::{Architecture, Forward, Network, Padding, Pass};
use crate::layers::{Attention, Convolutions, Init, LayerNorm, Linear, Vars, VarsError, dropout, relu, seen};

/// The paper's network (section 3.2 and Table 2); parts that the [`Architecture`] leaves out are skipped.
///
/// ```text
/// cells and their visibility (b, t, 2 d)
///   Linear + LayerNorm                            (b, t, embed)
///   Conv 3/5/7 + BatchNorm + ReLU               m (b, t, 3 filters)
///   dilated Conv 1/2/4/8 + BatchNorm + ReLU     c (b, t, 4 filters)
///   c + 8-head attention                          (b, t, 4 filters)
///   Linear + dropout: the code of a row         z (b, t, code)      its mean over the window: the code of the window
///   Linear, with the skip from c                  (b, t, 4 filters)
///   local: Conv 3/5/7 + BatchNorm; global: Linear of the mean code; their sum + ReLU, with the skip from m
///   Linear, and the autoregressive part           (b, t, d)
///   mixed with the input by alpha
/// ```
///
/// The paper pools the sequence to one code, does not say how, and asks for a code per time step in its temporal loss;
/// here a row keeps its own code up to the local decoder, and their mean feeds the global one. A transposed convolution
/// of stride 1 is a convolution with its weights flipped, and is stored as one. Both skips are taken from convolutional
/// features and none from the attention, so that the network streams.
#[derive(Debug)]
pub(crate) struct Multiscale {
    embedding: Linear,
    norm: LayerNorm,
    multiscale: Convolutions,
    dilated: Option<Convolutions>,
    attention: Option<Attention>,
    bottleneck: Option<(Linear, Linear)>,
    decoder: Convolutions,
    global: Option<Linear>,
    output: Linear,
    autoregressive: Option<Convolutions>,
    alpha: Option<Tensor>,
    skip: bool,
    dropout: f64,
    padding: Padding,
    rows: usize,
}

impl Multiscale {
    /// The network for windows of `shape` = (rows, tags) with weights from `vars`.
    pub(crate) fn new(
        vars: &mut Vars,
        a: &Architecture,
        (rows, tags): (usize, usize),
    ) -> std::result::Result<Self, VarsError> {
        let (m, c) = (a.multiscale_width(), a.context_width());
        let kernels = Convolutions::kernels(&a.kernels, a.padding);
        let embedding = Linear::new(vars, "embedding", 2 * tags, a.embed)?;
        let norm = LayerNorm::new(vars, "embedding.norm", a.embed)?;
        let multiscale = Convolutions::new(vars, "multiscale", (a.embed, a.filters), kernels.clone(), a.batch_norm)?;
        let dilated = (!a.dilations.is_empty())
            .then(|| {
                let rates = Convolutions::dilations(&a.dilations, a.padding);
                Convolutions::new(vars, "dilated", (m, a.filters), rates, a.batch_norm)
            })
            .transpose()?;
        let attention = (a.heads > 0).then(|| Attention::new(vars, "attention", c, a.heads)).transpose()?;
        let bottleneck = (a.code > 0)
            .then(|| {
                Ok::<_, VarsError>((
                    Linear::new(vars, "bottleneck", c, a.code)?,
                    Linear::new(vars, "expansion", a.code, c)?,
                ))
            })
            .transpose()?;
        let decoder = Convolutions::new(vars, "decoder", (c, a.filters), kernels, a.batch_norm)?;
        let global = a.global.then(|| Linear::new(vars, "global", a.code, m)).transpose()?;
        let output = Linear::new(vars, "output", m, tags)?;
        let autoregressive = (a.autoregressive > 0)
            .then(|| Convolutions::past(vars, a.autoregressive, tags, a.padding.late()))
            .transpose()?;
        let alpha = a.identity.then(|| vars.get("identity.alpha", &[1], Init::Zeros)).transpose()?;
        let (skip, dropout, padding) = (a.skip, a.dropout, a.padding);
        Ok(Self {
            embedding,
            norm,
            multiscale,
            dilated,
            attention,
            bottleneck,
            decoder,
            global,
            output,
            autoregressive,
            alpha,
            skip,
            dropout,
            padding,
            rows,
        })
    }

    /// The encoder up to the attention: m, c, the attended features (all (b, t, width)) and the newest row's attention.
    fn encode(&self, cells: &Tensor, pass: &Pass) -> Result<(Tensor, Tensor, Tensor, Option<Tensor>)> {
        let time = cells.dim(1)?;
        let embedded = self.norm.forward(&self.embedding.forward(cells)?)?;
        let m = self.multiscale.rectified(&embedded, pass)?;
        let c = match &self.dilated {
            Some(dilated) => dilated.rectified(&m, pass)?,
            None => m.clone(),
        };
        let (attended, attention) = match &self.attention {
            Some(attention) => {
                let reach = reach(self.padding, self.rows, time);
                let newest = match pass {
                    Pass::Infer => Some(attention.newest(&c, &reach)?),
                    Pass::Train(_) => None,
                };
                ((&c + attention.forward(&c, &reach)?)?, newest)
            }
            None => (c.clone(), None),
        };
        Ok((m, c, attended, attention))
    }
}

impl Network for Multiscale {
    fn forward(&self, cells: &Tensor, pass: &mut Pass) -> Result<Forward> {
        let (batch, time, width) = cells.dims3()?;
        let late = self.padding.late();
        let cells = &cells.narrow(1, 0, time - late)?.pad_with_zeros(1, late, 0)?;
        let (m, c, attended, attention) = self.encode(cells, pass)?;
        let (codes, mut expanded) = match &self.bottleneck {
            Some((bottleneck, expansion)) => {
                let codes = dropout(&bottleneck.forward(&attended)?, self.dropout, pass)?;
                let expanded = expansion.forward(&codes)?;
                (Some(codes), expanded)
            }
            None => (None, attended),
        };
        if self.skip {
            expanded = (expanded + &c)?;
        }
        let means = codes.as_ref().map(|codes| {
            let reach = seen(&reach(self.padding, self.rows, time), time, codes.dtype(), codes.device())?;
            reach.broadcast_div(&reach.sum_keepdim(1)?)?.broadcast_matmul(codes)
        });
        let means = means.transpose()?;
        let mut decoded = self.decoder.forward(&expanded, pass)?;
        if let (Some(global), Some(means)) = (&self.global, &means) {
            decoded = (decoded + global.forward(means)?)?;
        }
        decoded = relu(&decoded)?;
        if self.skip {
            decoded = (decoded + m)?;
        }
        let mut expected = self.output.forward(&decoded)?;
        if let Some(autoregressive) = &self.autoregressive {
            expected = (expected + autoregressive.forward(cells, pass)?)?;
        }
        if let Some(alpha) = &self.alpha {
            // sigmoid(x) = 1 / (1 + exp(-x))
            let alpha = (alpha.neg()?.exp()? + 1.0)?.recip()?;
            let values = cells.narrow(2, 0, width / 2)?;
            expected = (expected.broadcast_mul(&alpha)? + values.broadcast_mul(&alpha.affine(-1.0, 1.0)?)?)?;
        }
        let code = means.map(|means| means.narrow(1, time - 1, 1)?.reshape((batch, ()))).transpose()?;
        Ok(Forward { expected, codes, code, penalty: None, attention })
    }
}

/// The rows that each of `time` rows sees in attention and mean: the last `rows` rows up to it, or all.
fn reach(padding: Padding, rows: usize, time: usize) -> Vec<Range<usize>> {
    let sees = |at: usize| match padding {
        Padding::Causal | Padding::Past => (at + 1).saturating_sub(rows)..at + 1,
        Padding::Centred => 0..time,
    };
    (0..time).map(sees).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use candle_core::{DType, Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;
    use crate::{architectures::checks::slopes, loss::masked_squared_error};

    /// A tiny network in f64 with its weights, and a lesson of two windows of nine rows of three tags.
    struct Tiny {
        network: Multiscale,
        vars: BTreeMap<String, Var>,
        cells: Tensor,
        truth: Tensor,
        weights: Tensor,
    }

    /// Every part on, small.
    fn whole(padding: Padding) -> Architecture {
        Architecture {
            embed: 4,
            filters: 4,
            kernels: vec![1, 3],
            dilations: vec![1, 2],
            heads: 2,
            code: 2,
            dropout: 0.0,
            padding,
            autoregressive: 2,
            ..Architecture::paper()
        }
    }

    fn tiny(architecture: &Architecture) -> Tiny {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut draw = |shape: (usize, usize, usize)| {
            let values: Vec<f64> = StandardNormal.sample_iter(&mut rng).take(shape.0 * shape.1 * shape.2).collect();
            Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
        };
        let (cells, truth) = (draw((2, 9, 6)), draw((2, 9, 3)));
        let weights = draw((2, 9, 3)).relu().unwrap();
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(6), DType::F64, &Device::Cpu);
        let network = Multiscale::new(&mut vars, architecture, (5, 3)).unwrap();
        Tiny { network, vars: vars.made().0, cells, truth, weights }
    }

    impl Tiny {
        fn loss(&self) -> Tensor {
            let mut rng = ChaCha8Rng::seed_from_u64(7);
            let expected = self.network.forward(&self.cells, &mut Pass::Train(&mut rng)).unwrap().expected;
            masked_squared_error(&expected, &self.truth, &self.weights).unwrap()
        }

        fn expected(&self, cells: &Tensor) -> Vec<Vec<f64>> {
            self.network.forward(cells, &mut Pass::Infer).unwrap().expected.get(0).unwrap().to_vec2().unwrap()
        }
    }

    #[test]
    fn every_weight_receives_a_gradient() {
        let tiny = tiny(&whole(Padding::Causal));
        let gradients = tiny.loss().backward().unwrap();
        assert_eq!(tiny.vars.len(), 37);
        for (name, var) in &tiny.vars {
            let gradient = gradients.get(var).unwrap_or_else(|| panic!("`{name}` has no gradient"));
            let size = gradient.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            // A bias before a normalisation over the rows, or of all keys at once, changes nothing.
            let moot = ["multiscale.bias", "dilated.bias", "decoder.bias", "attention.key.bias"].contains(&&**name);
            assert!(size > 1e-30 || moot, "the gradient of `{name}` is zero");
        }
    }

    #[test]
    fn gradients_equal_finite_differences() {
        for padding in [Padding::Causal, Padding::Past, Padding::Centred] {
            let tiny = tiny(&whole(padding));
            slopes(&tiny.vars, || tiny.loss());
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let bits = |threads| {
            let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(6), DType::F32, &Device::Cpu);
            let network = Multiscale::new(&mut vars, &whole(Padding::Centred), (20, 3)).unwrap();
            let cells = Tensor::arange(0f32, 11.0 * 20.0 * 6.0, &Device::Cpu).unwrap().sin().unwrap();
            let cells = cells.reshape((11, 20, 6)).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let gradients = pool.install(|| {
                let mut rng = ChaCha8Rng::seed_from_u64(7);
                let forward = network.forward(&cells, &mut Pass::Train(&mut rng)).unwrap();
                forward.expected.sqr().unwrap().sum_all().unwrap().backward().unwrap()
            });
            let numbers = |var: &Var| gradients.get(var).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            vars.made().0.values().flat_map(numbers).map(f32::to_bits).collect::<Vec<u32>>()
        };
        assert_eq!(bits(1), bits(3));
    }

    #[test]
    fn a_causal_network_does_not_see_the_future() {
        let tiny = tiny(&whole(Padding::Causal));
        let mut cells: Vec<f64> = tiny.cells.flatten_all().unwrap().to_vec1().unwrap();
        cells[8 * 6..9 * 6].fill(99.0);
        let other = Tensor::from_vec(cells, (2, 9, 6), &Device::Cpu).unwrap();
        let (before, after) = (tiny.expected(&tiny.cells), tiny.expected(&other));
        assert_eq!(before[..8], after[..8]);
        assert_ne!(before[8], after[8]);
    }

    #[test]
    fn what_lies_beyond_the_reach_of_a_causal_network_is_forgotten() {
        let one_part =
            Architecture { kernels: vec![1], dilations: vec![], autoregressive: 0, ..whole(Padding::Causal) };
        let tiny = tiny(&one_part);
        let mut cells: Vec<f64> = tiny.cells.flatten_all().unwrap().to_vec1().unwrap();
        cells[..6].fill(99.0);
        let other = Tensor::from_vec(cells, (2, 9, 6), &Device::Cpu).unwrap();
        let (before, after) = (tiny.expected(&tiny.cells), tiny.expected(&other));
        // Attention reaches five rows and the mean code five rows of those: row 8 sees rows 0 to 8, row 0 through row 4.
        assert_ne!(before[4], after[4]);
        assert_ne!(before[5..], after[5..]);
        let local = Architecture { global: false, ..one_part };
        let tiny = self::tiny(&local);
        let (before, after) = (tiny.expected(&tiny.cells), tiny.expected(&other));
        assert_ne!(before[4], after[4]);
        assert_eq!(before[5..], after[5..]);
    }

    #[test]
    fn each_part_can_be_left_out() {
        let whole = whole(Padding::Causal);
        let without = [
            Architecture { kernels: vec![3], ..whole.clone() },
            Architecture { dilations: vec![], ..whole.clone() },
            Architecture { heads: 0, ..whole.clone() },
            Architecture { code: 0, global: false, ..whole.clone() },
            Architecture { batch_norm: false, ..whole.clone() },
            Architecture { global: false, ..whole.clone() },
            Architecture { skip: false, ..whole.clone() },
            Architecture { identity: false, ..whole.clone() },
            Architecture { autoregressive: 0, ..whole.clone() },
        ];
        let all = tiny(&whole);
        let answer = all.expected(&all.cells);
        for less in without {
            less.check().unwrap();
            let tiny = tiny(&less);
            let fewer = tiny.vars.len() < all.vars.len() || less.skip != whole.skip;
            // The autoregressive part begins at zero.
            let other = tiny.expected(&tiny.cells) != answer || less.autoregressive != whole.autoregressive;
            assert!(fewer && other, "{less:?}");
        }
    }

    #[test]
    fn the_paper_s_counts_that_do_not_follow_are_as_its_configurations_say() {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(6), DType::F32, &Device::Cpu);
        Multiscale::new(&mut vars, &Architecture::paper(), (100, 50)).unwrap();
        let made = vars.made().0;
        let count = |part: &str| -> usize {
            made.iter()
                .filter(|(name, var)| name.starts_with(part) && var.rank() > 1)
                .map(|(_, v)| v.elem_count())
                .sum()
        };
        // Table 2 says 73,728 and 147,456 for the two multi-scale parts.
        assert_eq!((count("multiscale"), count("decoder")), (122_880, 245_760));
        assert_eq!((count("dilated"), count("attention"), count("bottleneck")), (147_456, 262_144, 16_384));
        // Twice Table 2's 6,400: each tag's visibility is an input too.
        assert_eq!((count("embedding"), count("output")), (12_800, 9_600));
    }
}
