//! Attention over time.

use std::ops::Range;

use candle_core::{D, DType, Device, Result, Tensor};

use super::{Linear, Vars, VarsError};
use crate::kernels::{self, Branch, Taps};

/// Multi-head attention, softmax(Q K' / sqrt(width / heads)) V (Vaswani et al. 2017, equation 1; the paper's section 3.2
/// puts V under the root, which would not be a weighted mean).
#[derive(Debug)]
pub(crate) struct Attention {
    heads: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
}

impl Attention {
    /// Weights `{name}.query`, `key`, `value` and `output`, each (width, width) with its bias. `heads` divides `width`.
    pub(crate) fn new(vars: &mut Vars, name: &str, width: usize, heads: usize) -> std::result::Result<Self, VarsError> {
        let mut linear = |part: &str| Linear::new(vars, &format!("{name}.{part}"), width, width);
        let (query, key, value, output) = (linear("query")?, linear("key")?, linear("value")?, linear("output")?);
        Ok(Self { heads, query, key, value, output })
    }

    /// (batch, time, width) -> the same. `reach` are the rows that each row sees, one at least.
    pub(crate) fn forward(&self, x: &Tensor, reach: &[Range<usize>]) -> Result<Tensor> {
        if !kernels::fit(x) {
            return self.forward_plainly(x, reach);
        }
        let (batch, time, width) = x.dims3()?;
        let parts = [&self.query, &self.key, &self.value];
        let weights = Tensor::cat(&parts.map(|part| part.weight.clone()), 0)?;
        let bias = Tensor::cat(&parts.map(|part| part.bias.clone()), 0)?;
        let branches = parts.map(|_| Branch { offsets: vec![0], filters: width }).to_vec();
        let taps = Taps { batch, time, input: width, branches, inner: x.track_op() };
        let projected = kernels::apply_three(taps, x, &weights, &bias)?;
        let kernel = kernels::Attention { batch, width, heads: self.heads, reach: reach.to_vec() };
        self.output.forward(&kernels::apply(kernel, &projected)?)
    }

    fn forward_plainly(&self, x: &Tensor, reach: &[Range<usize>]) -> Result<Tensor> {
        let (batch, time, width) = x.dims3()?;
        let weights = self.weights(&self.query.forward(x)?, x, reach)?;
        let values = weights.matmul(&self.split(&self.value.forward(x)?)?)?;
        self.output.forward(&values.transpose(1, 2)?.contiguous()?.reshape((batch, time, width))?)
    }

    /// How much the newest row of x (batch, time, width) attends to each row, the mean over heads: (batch, time).
    pub(crate) fn newest(&self, x: &Tensor, reach: &[Range<usize>]) -> Result<Tensor> {
        let (_, time, _) = x.dims3()?;
        let query = self.query.forward(&x.narrow(1, time - 1, 1)?.contiguous()?)?;
        self.weights(&query, x, &reach[time - 1..])?.mean(1)?.squeeze(1)
    }

    /// The weights (batch, heads, queries, time) of the rows of `query` (batch, queries, width) on those of x.
    fn weights(&self, query: &Tensor, x: &Tensor, reach: &[Range<usize>]) -> Result<Tensor> {
        let (_, time, width) = x.dims3()?;
        let scale = ((width / self.heads) as f64).powf(-0.5);
        let key = self.split(&self.key.forward(x)?)?;
        let scores = (self.split(query)?.matmul(&key.t()?.contiguous()?)? * scale)?;
        let unseen = seen(reach, time, x.dtype(), x.device())?.affine(1e9, -1e9)?;
        let scores = scores.broadcast_add(&unseen)?;
        let largest = scores.detach().max_keepdim(D::Minus1)?;
        let exponents = scores.broadcast_sub(&largest)?.exp()?;
        exponents.broadcast_div(&exponents.sum_keepdim(D::Minus1)?)
    }

    /// (batch, rows, width) -> (batch, heads, rows, width / heads).
    fn split(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, rows, width) = x.dims3()?;
        x.reshape((batch, rows, self.heads, width / self.heads))?.transpose(1, 2)?.contiguous()
    }
}

/// 1 where a row (first dimension) sees a row (second dimension, `time` of them), 0 elsewhere.
pub(crate) fn seen(reach: &[Range<usize>], time: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let row =
        |reach: &Range<usize>| (0..time).map(|at| if reach.contains(&at) { 1f32 } else { 0.0 }).collect::<Vec<_>>();
    Tensor::from_vec(reach.iter().flat_map(row).collect::<Vec<_>>(), (reach.len(), time), device)?.to_dtype(dtype)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn plain_operations_give_the_same() {
        let mut vars = Vars::fresh(ChaCha8Rng::seed_from_u64(1), DType::F64, &Device::Cpu);
        let attention = Attention::new(&mut vars, "a", 4, 2).unwrap();
        let x = Var::from_tensor(&Tensor::arange(0f64, 60.0, &Device::Cpu).unwrap().sin().unwrap()).unwrap();
        let cells = x.reshape((3, 5, 4)).unwrap();
        let reach: Vec<Range<usize>> = (0..5usize).map(|at| at.saturating_sub(2)..at + 1).collect();
        let fused = attention.forward(&cells, &reach).unwrap();
        let plain = attention.forward_plainly(&cells, &reach).unwrap();
        let apart =
            |x: &Tensor, y: &Tensor| (x - y).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(apart(&fused, &plain) < 1e-20);
        let gradient = |y: &Tensor| y.sqr().unwrap().backward().unwrap().remove(&x).unwrap();
        assert!(apart(&gradient(&fused), &gradient(&plain)) < 1e-20);
        let weights = attention.newest(&cells, &reach).unwrap().to_vec2::<f64>().unwrap();
        assert!(weights.iter().all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-12 && row[1] == 0.0));
    }
}
