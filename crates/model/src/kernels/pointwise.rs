//! Functions of single numbers.

use super::{op::Kernel, real::Real};

/// max(x, 0).
#[derive(Debug)]
pub(crate) struct Relu {
    pub(crate) shape: Vec<usize>,
}

impl Kernel<1> for Relu {
    const NAME: &'static str = "relu";

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward<T: Real>(&self, [x]: [&[T]; 1]) -> Vec<T> {
        let zero = T::zero();
        x.iter().map(|x| if *x > zero { *x } else { zero }).collect()
    }

    fn backward<T: Real>(&self, _: [&[T]; 1], y: &[T], dy: &[T]) -> [Option<Vec<T>>; 1] {
        let zero = T::zero();
        [Some(y.iter().zip(dy).map(|(y, dy)| if *y > zero { *dy } else { zero }).collect())]
    }
}

/// sum w (x - t)^2 / sum w of what was expected x, the truth t and the weights w; only x has a gradient.
#[derive(Debug)]
pub(crate) struct SquaredError;

/// So that a batch without a weight has no error.
const LEAST: f64 = 1e-12;

/// Numbers that are summed in their own width before the sums are added in f64.
const RUN: usize = 512;

impl Kernel<3> for SquaredError {
    const NAME: &'static str = "squared_error";

    fn shape(&self) -> Vec<usize> {
        Vec::new()
    }

    fn forward<T: Real>(&self, [x, truth, weights]: [&[T]; 3]) -> Vec<T> {
        let runs = x.chunks(RUN).zip(truth.chunks(RUN)).zip(weights.chunks(RUN));
        let error = |((x, t), w): ((&[T], &[T]), &[T])| {
            let cells = x.iter().zip(t).zip(w).map(|((x, t), w)| (*x - *t) * (*x - *t) * *w);
            cells.sum::<T>().to_f64()
        };
        vec![T::from_f64(runs.map(error).sum::<f64>() / weight(weights))]
    }

    fn backward<T: Real>(&self, [x, truth, weights]: [&[T]; 3], _: &[T], dy: &[T]) -> [Option<Vec<T>>; 3] {
        let slope = T::from_f64(2.0 * dy.iter().map(|dy| dy.to_f64()).sum::<f64>() / weight(weights));
        let cells = x.iter().zip(truth).zip(weights);
        [Some(cells.map(|((x, t), w)| (*x - *t) * *w * slope).collect()), None, None]
    }
}

fn weight<T: Real>(weights: &[T]) -> f64 {
    weights.chunks(RUN).map(|run| run.iter().copied().sum::<T>().to_f64()).sum::<f64>() + LEAST
}
