//! Parallel convolutions over time.

use candle_core::{Result, Tensor};

use super::{BatchNorm, Init, Vars, VarsError, relu};
use crate::{
    architectures::{Padding, Pass},
    kernels::{self, Branch},
};

/// Where a convolution's taps lie, in rows from the row it computes: -1 is the row before. The oldest comes first.
#[derive(Debug, Clone)]
pub(crate) struct Taps {
    pub(crate) name: String,
    pub(crate) offsets: Vec<isize>,
}

/// bn(conv_i(x) + b_i) for several convolutions i, side by side in the last dimension (paper, section 3.2).
///
/// Time outside the window is zero. candle's own Conv1d with padding or dilation is a naive loop in the backward pass.
#[derive(Debug)]
pub(crate) struct Convolutions {
    input: usize,
    /// Offsets, and the weight (taps * input, filters), row-major from the oldest tap.
    branches: Vec<(Vec<isize>, Tensor)>,
    bias: Option<Tensor>,
    norm: Option<BatchNorm>,
}

impl Convolutions {
    /// Kernels of these widths.
    pub(crate) fn kernels(widths: &[usize], padding: Padding) -> Vec<Taps> {
        let taps = |width: &usize| {
            let before = match padding {
                Padding::Causal | Padding::Past => width - 1,
                Padding::Centred => (width - 1) / 2,
            };
            Taps { name: format!("kernel{width}"), offsets: offsets(*width, 1, before) }
        };
        widths.iter().map(taps).collect()
    }

    /// Kernels of three taps so many rows apart.
    pub(crate) fn dilations(rates: &[usize], padding: Padding) -> Vec<Taps> {
        let taps = |rate: &usize| {
            let before = match padding {
                Padding::Causal | Padding::Past => 2 * rate,
                Padding::Centred => *rate,
            };
            Taps { name: format!("rate{rate}"), offsets: offsets(3, *rate, before) }
        };
        rates.iter().map(taps).collect()
    }

    /// Weights `{name}.{taps}` for each of `taps`, `{name}.bias`, and with `batch_norm` those of `{name}.norm`.
    pub(crate) fn new(
        vars: &mut Vars,
        name: &str,
        (input, filters): (usize, usize),
        taps: Vec<Taps>,
        batch_norm: bool,
    ) -> std::result::Result<Self, VarsError> {
        let width = taps.len() * filters;
        let mut branches = Vec::with_capacity(taps.len());
        for taps in taps {
            let fan_in = taps.offsets.len() * input;
            let weight = vars.get(&format!("{name}.{}", taps.name), &[fan_in, filters], Init::He { fan_in })?;
            branches.push((taps.offsets, weight));
        }
        let bias = Some(vars.get(&format!("{name}.bias"), &[width], Init::Zeros)?);
        let norm = batch_norm.then(|| BatchNorm::new(vars, &format!("{name}.norm"), width)).transpose()?;
        Ok(Self { input, branches, bias, norm })
    }

    /// The linear say of the `lags` rows before a row of `tags` tags: weight `autoregressive.weight` (lags * 2 tags, tags),
    /// the newest lag first, zero at first. `late` says that each row is shown so many rows late.
    pub(crate) fn past(vars: &mut Vars, lags: usize, tags: usize, late: usize) -> std::result::Result<Self, VarsError> {
        let weight = vars.get("autoregressive.weight", &[lags * 2 * tags, tags], Init::Zeros)?;
        let offsets = (1..=lags).map(|lag| late as isize - lag as isize).collect();
        Ok(Self { input: 2 * tags, branches: vec![(offsets, weight)], bias: None, norm: None })
    }

    /// (batch, time, input) -> (batch, time, convolutions * filters).
    pub(crate) fn forward(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        let y = if kernels::fit(x) { self.convolve(x)? } else { self.convolve_plainly(x)? };
        match &self.norm {
            Some(norm) => norm.forward(&y, pass),
            None => Ok(y),
        }
    }

    /// The same, and what is below zero cut off.
    pub(crate) fn rectified(&self, x: &Tensor, pass: &Pass) -> Result<Tensor> {
        match (&self.norm, pass) {
            (Some(norm), Pass::Train(_)) if kernels::fit(x) => norm.rectified(&self.convolve(x)?),
            _ => relu(&self.forward(x, pass)?),
        }
    }

    fn convolve(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, input) = x.dims3()?;
        let weights: Vec<Tensor> = self.branches.iter().map(|(_, w)| w.flatten_all()).collect::<Result<_>>()?;
        let weights = Tensor::cat(&weights, 0)?;
        let branch = |(offsets, w): &(Vec<isize>, Tensor)| Ok(Branch { offsets: offsets.clone(), filters: w.dim(1)? });
        let branches: Vec<Branch> = self.branches.iter().map(branch).collect::<Result<_>>()?;
        let bias = match &self.bias {
            Some(bias) => bias.clone(),
            None => Tensor::zeros(branches.iter().map(|b| b.filters).sum::<usize>(), x.dtype(), x.device())?,
        };
        kernels::apply_three(kernels::Taps { batch, time, input, branches, inner: x.track_op() }, x, &weights, &bias)
    }

    /// The same in plain operations: a matrix product of the taps laid side by side, (batch time, taps input).
    fn convolve_plainly(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, _) = x.dims3()?;
        let all = || self.branches.iter().flat_map(|(offsets, _)| offsets.iter().copied());
        let before = all().min().unwrap_or(0).min(0).unsigned_abs();
        let after = all().max().unwrap_or(0).max(0).unsigned_abs();
        let padded = x.pad_with_zeros(1, before, after)?;
        let one = |(offsets, weight): &(Vec<isize>, Tensor)| {
            let taps: Vec<Tensor> = offsets
                .iter()
                .map(|offset| padded.narrow(1, before.saturating_add_signed(*offset), time))
                .collect::<Result<_>>()?;
            Tensor::cat(&taps, 2)?.reshape((batch * time, offsets.len() * self.input))?.matmul(weight)
        };
        let mut y = Tensor::cat(&self.branches.iter().map(one).collect::<Result<Vec<_>>>()?, 1)?;
        if let Some(bias) = &self.bias {
            y = y.broadcast_add(bias)?;
        }
        y.reshape((batch, time, ()))
    }
}

fn offsets(taps: usize, apart: usize, before: usize) -> Vec<isize> {
    (0..taps).map(|tap| (tap * apart) as isize - before as isize).collect()
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device, Var};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn check(taps: Vec<Taps>, offsets: &[&[isize]]) {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
        let conv = Convolutions::new(&mut vars, "c", (2, 3), taps, false).unwrap();
        let x: Vec<f64> = (0..20).map(|i| f64::from(i * i % 7)).collect();
        let tensor = Tensor::from_vec(x.clone(), (1, 10, 2), &Device::Cpu).unwrap();
        let got = conv.forward(&tensor, &Pass::Infer).unwrap().get(0).unwrap().to_vec2::<f64>().unwrap();
        for (branch, offsets) in offsets.iter().enumerate() {
            let weight: Vec<f64> = conv.branches[branch].1.flatten_all().unwrap().to_vec1().unwrap();
            for (t, row) in got.iter().enumerate() {
                for filter in 0..3 {
                    let tap = |(tap, offset): (usize, &isize)| -> f64 {
                        let at = t as isize + offset;
                        let inside = (0..10).contains(&at);
                        let cell = |c: usize| if inside { x[at as usize * 2 + c] } else { 0.0 };
                        (0..2).map(|c| cell(c) * weight[(tap * 2 + c) * 3 + filter]).sum()
                    };
                    let want: f64 = offsets.iter().enumerate().map(tap).sum();
                    assert!((row[branch * 3 + filter] - want).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn kernels_and_dilations_equal_their_definition() {
        let c = Padding::Causal;
        check(Convolutions::kernels(&[1, 5], c), &[&[0], &[-4, -3, -2, -1, 0]]);
        check(Convolutions::kernels(&[3, 5], Padding::Centred), &[&[-1, 0, 1], &[-2, -1, 0, 1, 2]]);
        check(Convolutions::dilations(&[1, 4], c), &[&[-2, -1, 0], &[-8, -4, 0]]);
        check(Convolutions::dilations(&[2], Padding::Centred), &[&[-2, 0, 2]]);
    }

    #[test]
    fn plain_operations_give_the_same() {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
        let taps = Convolutions::kernels(&[1, 5], Padding::Centred);
        let conv = Convolutions::new(&mut vars, "c", (2, 3), taps, false).unwrap();
        let vars = vars.made().0;
        let x = Var::from_tensor(&Tensor::arange(0f64, 42.0, &Device::Cpu).unwrap().sin().unwrap()).unwrap();
        let cells = x.reshape((3, 7, 2)).unwrap();
        let (fused, plain) = (conv.convolve(&cells).unwrap(), conv.convolve_plainly(&cells).unwrap());
        let gradients = |y: &Tensor| y.sqr().unwrap().backward().unwrap();
        let (ours, theirs) = (gradients(&fused), gradients(&plain));
        let apart =
            |x: &Tensor, y: &Tensor| (x - y).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(apart(&fused, &plain) < 1e-20);
        for var in vars.values().chain([&x]) {
            assert!(apart(ours.get(var).unwrap(), theirs.get(var).unwrap()) < 1e-20);
        }
    }
}
