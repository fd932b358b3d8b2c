//! What the optimiser does to each weight.

use candle_core::{CpuStorage, DType, Error, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

use super::{
    op::{read, slice},
    real::{Real, dot},
};

/// A moving average m = keep m + (1 - keep) g, of the gradient g times `shrink`, or of that squared.
#[derive(Debug)]
pub(crate) struct Blend {
    pub(crate) keep: f64,
    pub(crate) shrink: f64,
    pub(crate) squared: bool,
}

impl Blend {
    fn run<T: Real>(&self, means: &mut [T], gradient: &[T]) {
        let [keep, take, shrink] = [self.keep, 1.0 - self.keep, self.shrink].map(T::from_f64);
        for (mean, g) in means.iter_mut().zip(gradient) {
            let g = *g * shrink;
            *mean = *mean * keep + if self.squared { g * g } else { g } * take;
        }
    }
}

impl InplaceOp2 for Blend {
    fn name(&self) -> &'static str {
        "blend"
    }

    fn cpu_fwd(&self, s1: &mut CpuStorage, _: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<()> {
        match s1 {
            CpuStorage::F32(means) => self.run(means, slice((s2, l2))?),
            CpuStorage::F64(means) => self.run(means, slice((s2, l2))?),
            _ => return Err(Error::msg("weights are f32 or f64")),
        }
        Ok(())
    }
}

/// w = keep w - rate m / (sqrt(factor v) + epsilon), with m the mean of the gradients and v that of their squares.
#[derive(Debug)]
pub(crate) struct Adam {
    pub(crate) keep: f64,
    pub(crate) rate: f64,
    pub(crate) factor: f64,
    pub(crate) epsilon: f64,
}

impl Adam {
    fn run<T: Real>(&self, weights: &mut [T], means: &[T], squares: &[T]) {
        let [keep, rate, factor, epsilon] = [self.keep, self.rate, self.factor, self.epsilon].map(T::from_f64);
        for ((w, m), v) in weights.iter_mut().zip(means).zip(squares) {
            *w = *w * keep - *m * rate / ((*v * factor).root() + epsilon);
        }
    }
}

impl InplaceOp3 for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        s1: &mut CpuStorage,
        _: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<()> {
        match s1 {
            CpuStorage::F32(weights) => self.run(weights, slice((s2, l2))?, slice((s3, l3))?),
            CpuStorage::F64(weights) => self.run(weights, slice((s2, l2))?, slice((s3, l3))?),
            _ => return Err(Error::msg("weights are f32 or f64")),
        }
        Ok(())
    }
}

/// The sum of squares of a contiguous tensor on the CPU.
pub(crate) fn square_sum(x: &Tensor) -> Result<f64> {
    match x.dtype() {
        DType::F32 => read(x, |x: &[f32]| squares(x)),
        _ => read(x, |x: &[f64]| squares(x)),
    }
}

/// Runs are summed in their own width, the sums in f64.
fn squares<T: Real>(x: &[T]) -> f64 {
    x.chunks(512).map(|run| dot(run, run).to_f64()).sum()
}
