//! A network's weights as the engine multiplies with them: what can be computed once is computed here, in f64.
//!
//! * Batch normalisation is a scale and a shift of its convolution's columns, after the bias and so whatever the padding.
//! * 1 / sqrt(head width) is in the queries. The keys' bias adds the same to all scores of a row and is left out.
//! * The attended features c + A Wo + bo are only looked at by the bottleneck: with Wb its codes are c Wb + A (Wo Wb) + b.
//! * Without a skip after it, the expansion is only looked at by the decoder's taps: their product is a smaller tap on the
//!   codes. Its bias counts only where a tap lies on a row, so the codes have a last column of ones.
//! * The global pathway is one more tap of the decoder, on the mean codes; the autoregressive part is taps of the output.

use std::{collections::BTreeMap, iter};

use super::{
    EngineError, Kernel,
    gemm::{Packed, Part, Tap},
    matrix::Matrix,
    quantized::{Precision, Quantized},
};
use crate::{
    architectures::Architecture,
    layers::{Convolutions, EPSILON, Taps},
};

/// A network's weights by name, each row-major.
pub type Weights = BTreeMap<String, Vec<f32>>;

/// The layers, in order. One that the architecture leaves out is none.
#[derive(Debug)]
pub(super) struct Plan {
    /// On the cells.
    pub(super) embedding: Packed,
    /// Gain and bias of the normalisation after it.
    pub(super) norm: [Vec<f32>; 2],
    /// On the embedded rows.
    pub(super) multiscale: Layer,
    /// On the multi-scale features.
    pub(super) dilated: Option<Layer>,
    /// On the context: queries, keys and values side by side.
    pub(super) attention: Option<Layer>,
    /// On the context and the attention's values.
    pub(super) codes: Option<Layer>,
    pub(super) expanded: Expanded,
    /// On what `expanded` says, and on the mean codes.
    pub(super) decoder: Layer,
    /// On the decoded rows and the cells.
    pub(super) output: Packed,
    /// How much of the input is added to the output.
    pub(super) identity: Option<f32>,
}

/// One layer's weights.
#[derive(Debug)]
pub(super) enum Layer {
    Exact(Packed),
    Quantized(Quantized),
}

impl Layer {
    /// The taps of each part.
    fn taps(&self) -> &[Vec<Tap>] {
        match self {
            Self::Exact(packed) => packed.taps(),
            Self::Quantized(packed) => packed.taps(),
        }
    }
}

/// What the decoder reads.
#[derive(Debug)]
pub(super) enum Expanded {
    /// The context: there is neither bottleneck nor attention.
    Context,
    /// The codes and a one.
    Codes,
    /// A layer on the codes.
    OfCodes(Layer),
    /// A layer on the attention's values: there is no bottleneck. The context is added to it.
    OfValues(Layer),
}

impl Plan {
    /// How many rows before and after a row its layers read at the most.
    pub(super) fn reach(&self) -> (usize, usize) {
        let layers = [Some(&self.multiscale), self.dilated.as_ref(), Some(&self.decoder)];
        let taps = layers.into_iter().flatten().map(Layer::taps).chain([self.output.taps()]);
        let taps: Vec<&Tap> = taps.flatten().flatten().collect();
        let offsets = || taps.iter().map(|tap| tap.offset).chain([0]);
        let before = offsets().min().unwrap_or(0).unsigned_abs();
        (before, offsets().max().unwrap_or(0).unsigned_abs())
    }
}

/// Makes a [`Plan`] of weights by name.
pub(super) struct Planner<'a> {
    pub(super) weights: &'a Weights,
    pub(super) architecture: &'a Architecture,
    pub(super) tags: usize,
    pub(super) kernel: Kernel,
    pub(super) precision: Precision,
}

/// y = x W + b.
struct Linear {
    weight: Matrix,
    bias: Vec<f64>,
}

/// One of parallel convolutions: y = sum over its taps of x W + b.
struct Branch {
    offsets: Vec<isize>,
    linear: Linear,
}

impl Planner<'_> {
    pub(super) fn plan(&self) -> Result<Plan, EngineError> {
        let a = self.architecture;
        let (m, c) = (a.multiscale_width(), a.context_width());
        let parallel = |branches: Vec<Branch>, input| {
            self.pack(branches.into_iter().map(|branch| branch.part(input)).collect::<Vec<_>>())
        };
        let multiscale = self.branches("multiscale", a.embed, Convolutions::kernels(&a.kernels, a.padding))?;
        let rates = Convolutions::dilations(&a.dilations, a.padding);
        let dilated = (!rates.is_empty()).then(|| self.branches("dilated", m, rates)).transpose()?;
        let (expanded, decoder) = self.decoder(c)?;
        let alpha = if a.identity { sigmoid(self.take("identity.alpha", 1)?[0]) } else { 1.0 };
        Ok(Plan {
            embedding: Packed::new(self.kernel, &[self.linear("embedding", 2 * self.tags, a.embed)?.part(&[0])]),
            norm: [
                narrow(&self.take("embedding.norm.gain", a.embed)?),
                narrow(&self.take("embedding.norm.bias", a.embed)?),
            ],
            multiscale: parallel(multiscale, a.embed),
            dilated: dilated.map(|branches| parallel(branches, m)),
            attention: (a.heads > 0).then(|| self.attention(c)).transpose()?,
            codes: (a.code > 0).then(|| self.codes(c)).transpose()?,
            expanded,
            decoder,
            output: self.output(m, alpha)?,
            identity: a.identity.then_some((1.0 - alpha) as f32),
        })
    }

    /// Queries, keys and values.
    fn attention(&self, c: usize) -> Result<Layer, EngineError> {
        let scale = ((c / self.architecture.heads) as f64).powf(-0.5);
        let query = self.linear("attention.query", c, c)?.scaled(scale);
        let key = Linear { bias: vec![0.0; c], ..self.linear("attention.key", c, c)? };
        let value = self.linear("attention.value", c, c)?;
        Ok(self.pack([query, key, value].into_iter().map(|linear| linear.part(&[0])).collect()))
    }

    /// c Wb + A (Wo Wb) + bo Wb + bb.
    fn codes(&self, c: usize) -> Result<Layer, EngineError> {
        let mut codes = self.linear("bottleneck", c, self.architecture.code)?;
        if self.architecture.heads == 0 {
            return Ok(self.pack(vec![codes.part(&[0])]));
        }
        let output = self.linear("attention.output", c, c)?;
        let through = Matrix::row(&output.bias).times(&codes.weight);
        iter::zip(&mut codes.bias, through.values).for_each(|(bias, more)| *bias += more);
        let through = output.weight.times(&codes.weight);
        codes.weight = codes.weight.above(&through);
        Ok(self.pack(vec![codes.part(&[0, 1])]))
    }

    /// What the decoder reads, and the decoder.
    fn decoder(&self, c: usize) -> Result<(Expanded, Layer), EngineError> {
        let a = self.architecture;
        let mut branches = self.branches("decoder", c, Convolutions::kernels(&a.kernels, a.padding))?;
        let (expanded, width) = self.expanded(c, &mut branches)?;
        let mut parts: Vec<Part> = branches.into_iter().map(|branch| branch.part(width)).collect();
        if a.global {
            self.add_global(&mut parts)?;
        }
        Ok((expanded, self.pack(parts)))
    }

    /// What the decoder reads and how wide it is; the decoder's taps become those on it.
    fn expanded(&self, c: usize, decoder: &mut [Branch]) -> Result<(Expanded, usize), EngineError> {
        let a = self.architecture;
        if a.code == 0 {
            // The skip doubles the context: the taps are doubled, and what is added to the context is halved.
            let times = if a.skip { 2.0 } else { 1.0 };
            decoder.iter_mut().for_each(|branch| branch.linear.weight = branch.linear.weight.scaled(times));
            if a.heads == 0 {
                return Ok((Expanded::Context, c));
            }
            let output = self.linear("attention.output", c, c)?.scaled(1.0 / times);
            return Ok((Expanded::OfValues(self.pack(vec![output.part(&[0])])), c));
        }
        let expansion = self.linear("expansion", a.code, c)?;
        if a.skip || a.code >= c {
            return Ok((Expanded::OfCodes(self.pack(vec![expansion.part(&[0])])), c));
        }
        let expansion = expansion.weight.above(&Matrix::row(&expansion.bias));
        for Branch { linear, .. } in decoder {
            linear.weight = stack(linear.weight.cut(c).map(|tap| expansion.times(&tap)));
        }
        Ok((Expanded::Codes, a.code + 1))
    }

    /// One more tap of each of the decoder's parts, on the mean codes.
    fn add_global(&self, parts: &mut [Part]) -> Result<(), EngineError> {
        let a = self.architecture;
        let global = self.linear("global", a.code, a.multiscale_width())?;
        for (part, first) in parts.iter_mut().zip((0..).step_by(a.filters)) {
            part.taps.push(Tap { source: 1, offset: 0, columns: a.code });
            part.weight.extend(narrow(&global.weight.narrow(first, a.filters).values));
            let more = narrow(&global.bias[first..first + a.filters]);
            iter::zip(&mut part.bias, more).for_each(|(bias, more)| *bias += more);
        }
        Ok(())
    }

    /// alpha times the output and the autoregressive part.
    fn output(&self, m: usize, alpha: f64) -> Result<Packed, EngineError> {
        let mut part = self.linear("output", m, self.tags)?.scaled(alpha).part(&[0]);
        let (lags, cells) = (self.architecture.autoregressive, 2 * self.tags);
        if lags > 0 {
            let past = self.matrix("autoregressive.weight", lags * cells, self.tags)?;
            let late = self.architecture.padding.late() as isize;
            let tap = |lag| Tap { source: 1, offset: late - lag as isize, columns: cells };
            part.taps.extend((1..=lags).map(tap));
            part.weight.extend(narrow(&past.scaled(alpha).values));
        }
        Ok(Packed::new(self.kernel, &[part]))
    }

    /// Parallel convolutions with their batch normalisation in them.
    fn branches(&self, name: &str, input: usize, taps: Vec<Taps>) -> Result<Vec<Branch>, EngineError> {
        let filters = self.architecture.filters;
        let width = taps.len() * filters;
        let mut bias = self.take(&format!("{name}.bias"), width)?;
        let mut scale = vec![1.0; width];
        if self.architecture.batch_norm {
            let norm = |part: &str| self.take(&format!("{name}.norm.{part}"), width);
            let (gain, shift, mean, variance) = (norm("gain")?, norm("bias")?, norm("mean")?, norm("variance")?);
            for ix in 0..width {
                scale[ix] = gain[ix] / (variance[ix] + EPSILON).sqrt();
                bias[ix] = (bias[ix] - mean[ix]) * scale[ix] + shift[ix];
            }
        }
        let branch = |(ix, taps): (usize, Taps)| {
            let columns = ix * filters..(ix + 1) * filters;
            let name = format!("{name}.{}", taps.name);
            let mut weight = self.matrix(&name, taps.offsets.len() * input, filters)?;
            for row in weight.values.chunks_exact_mut(filters) {
                row.iter_mut().zip(&scale[columns.clone()]).for_each(|(w, scale)| *w *= scale);
            }
            Ok(Branch { offsets: taps.offsets, linear: Linear { weight, bias: bias[columns].to_vec() } })
        };
        taps.into_iter().enumerate().map(branch).collect()
    }

    fn linear(&self, name: &str, input: usize, output: usize) -> Result<Linear, EngineError> {
        let weight = self.matrix(&format!("{name}.weight"), input, output)?;
        Ok(Linear { weight, bias: self.take(&format!("{name}.bias"), output)? })
    }

    fn matrix(&self, name: &str, rows: usize, columns: usize) -> Result<Matrix, EngineError> {
        Ok(Matrix { columns, values: self.take(name, rows * columns)? })
    }

    fn take(&self, name: &str, expected: usize) -> Result<Vec<f64>, EngineError> {
        let weight = self.weights.get(name).ok_or_else(|| EngineError::Missing(name.to_owned()))?;
        if weight.len() != expected {
            return Err(EngineError::Size { name: name.to_owned(), expected, found: weight.len() });
        }
        Ok(weight.iter().copied().map(f64::from).collect())
    }

    /// A hidden layer.
    fn pack(&self, parts: Vec<Part>) -> Layer {
        match self.precision.fewer() {
            None => Layer::Exact(Packed::new(self.kernel, &parts)),
            Some(digits) => Layer::Quantized(Quantized::new(digits, &parts)),
        }
    }
}

impl Linear {
    fn scaled(self, by: f64) -> Self {
        Self { weight: self.weight.scaled(by), bias: self.bias.iter().map(|b| b * by).collect() }
    }

    /// On as many columns of each of the sources.
    fn part(self, sources: &[usize]) -> Part {
        let columns = self.weight.values.len() / self.weight.columns / sources.len();
        let taps = sources.iter().map(|source| Tap { source: *source, offset: 0, columns }).collect();
        Part { taps, weight: narrow(&self.weight.values), bias: narrow(&self.bias) }
    }
}

impl Branch {
    /// On `input` columns of the first source.
    fn part(self, input: usize) -> Part {
        let taps = self.offsets.iter().map(|offset| Tap { source: 0, offset: *offset, columns: input }).collect();
        Part { taps, ..self.linear.part(&[0]) }
    }
}

fn stack(mut matrices: impl Iterator<Item = Matrix>) -> Matrix {
    let first = matrices.next().unwrap_or(Matrix { columns: 1, values: Vec::new() });
    matrices.fold(first, |all, next| all.above(&next))
}

fn narrow(values: &[f64]) -> Vec<f32> {
    values.iter().map(|v| *v as f32).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}
