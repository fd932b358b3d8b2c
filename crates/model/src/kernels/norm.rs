//! Normalisation over the numbers of a row, and over the rows.

use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::{
    matrix::{add, total},
    op::Kernel,
    real::{Real, dot, sum},
};

/// Rows in a piece of work.
const ROWS: usize = 128;

/// (x - mean) / sqrt(variance + epsilon) * gain + bias over the last dimension, whose size is the gain's.
///
/// Arguments: x, the gain and the bias.
#[derive(Debug)]
pub(crate) struct LayerNorm {
    pub(crate) shape: Vec<usize>,
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    /// Writes (x - mean) / deviation into `to`; 1 / deviation.
    fn normal<T: Real>(&self, to: &mut [T], x: &[T]) -> T {
        let width = T::from_f64(x.len() as f64);
        let mean = sum(x) / width;
        to.iter_mut().zip(x).for_each(|(to, x)| *to = *x - mean);
        let inverse = T::one() / (dot(to, to) / width + T::from_f64(self.epsilon)).root();
        to.iter_mut().for_each(|to| *to *= inverse);
        inverse
    }

    /// The gradient by some rows; that by the gain and after it the bias.
    fn backward_piece<T: Real>(&self, dx: &mut [T], x: &[T], gain: &[T], dy: &[T]) -> Vec<T> {
        let width = gain.len();
        let mut normal = vec![T::default(); width];
        let mut sums = vec![T::default(); 2 * width];
        let (by_gain, by_bias) = sums.split_at_mut(width);
        let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(dy.chunks_exact(width));
        for ((dx, x), dy) in rows {
            let inverse = self.normal(&mut normal, x);
            by_gain.iter_mut().zip(dy).zip(&normal).for_each(|((sum, dy), normal)| *sum += *dy * *normal);
            add(by_bias, dy);
            dx.iter_mut().zip(dy).zip(gain).for_each(|((dx, dy), gain)| *dx = *dy * *gain);
            let count = T::from_f64(width as f64);
            let (mean, along) = (sum(dx) / count, dot(dx, &normal) / count);
            dx.iter_mut().zip(&normal).for_each(|(dx, normal)| *dx = (*dx - mean - *normal * along) * inverse);
        }
        sums
    }
}

impl Kernel<3> for LayerNorm {
    const NAME: &'static str = "layer_norm";

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward<T: Real>(&self, [x, gain, bias]: [&[T]; 3]) -> Vec<T> {
        let mut y = vec![T::default(); x.len()];
        let width = gain.len();
        y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                self.normal(y, x);
                y.iter_mut().zip(gain).zip(bias).for_each(|((y, gain), bias)| *y = *y * *gain + *bias);
            }
        });
        y
    }

    fn backward<T: Real>(&self, [x, gain, _]: [&[T]; 3], _: &[T], dy: &[T]) -> [Option<Vec<T>>; 3] {
        let piece = ROWS * gain.len();
        let mut dx = vec![T::default(); x.len()];
        let pieces = dx.par_chunks_mut(piece).zip(x.par_chunks(piece)).zip(dy.par_chunks(piece));
        let sums = pieces.map(|((dx, x), dy)| self.backward_piece(dx, x, gain, dy)).collect();
        let mut by_gain = total(sums);
        let by_bias = by_gain.split_off(gain.len());
        [Some(dx), Some(by_gain), Some(by_bias)]
    }
}

/// Mean and variance of each column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f64>,
    pub(crate) variance: Vec<f64>,
}

impl Moments {
    /// Those of the rows of `x`, as wide as `width`. Pieces are joined as Chan, Golub and LeVeque (1983) do.
    fn of<T: Real>(x: &[T], width: usize) -> Self {
        let pieces: Vec<(f64, Vec<T>)> = x.par_chunks(ROWS * width).map(|x| spread(x, width)).collect();
        let mut joined = Self { mean: vec![0.0; width], variance: vec![0.0; width] };
        let mut rows = 0.0;
        for (count, sums) in pieces {
            let share = count / (rows + count);
            let (means, squares) = sums.split_at(width);
            let columns = joined.mean.iter_mut().zip(&mut joined.variance).zip(means.iter().zip(squares));
            for ((mean, variance), (other, square)) in columns {
                let apart = other.to_f64() - *mean;
                *mean += apart * share;
                *variance += square.to_f64() + apart * apart * rows * share;
            }
            rows += count;
        }
        joined.variance.iter_mut().for_each(|variance| *variance /= rows.max(1.0));
        joined
    }
}

/// How many rows there are, each column's mean, and after them each column's sum of squared distances from it.
fn spread<T: Real>(x: &[T], width: usize) -> (f64, Vec<T>) {
    let count = (x.len() / width) as f64;
    let mut sums = vec![T::default(); 2 * width];
    let (means, squares) = sums.split_at_mut(width);
    x.chunks_exact(width).for_each(|row| add(means, row));
    let share = T::from_f64(1.0 / count);
    means.iter_mut().for_each(|mean| *mean *= share);
    for row in x.chunks_exact(width) {
        for ((square, x), mean) in squares.iter_mut().zip(row).zip(means.iter()) {
            *square += (*x - *mean) * (*x - *mean);
        }
    }
    (count, sums)
}

/// What of a normalised number is cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Nothing,
    /// What is below zero, as the rectifier does.
    Negative,
}

/// (x - mean) / sqrt(variance + epsilon) * gain + bias of each column, with the moments of the rows themselves.
///
/// Arguments: x (.., width), the gain and the bias.
#[derive(Debug)]
pub(crate) struct BatchNorm {
    pub(crate) shape: Vec<usize>,
    pub(crate) epsilon: f64,
    pub(crate) cut: Cut,
    /// What the forward pass saw.
    pub(crate) moments: Arc<OnceLock<Moments>>,
}

impl BatchNorm {
    /// The columns' means and 1 / deviations.
    fn moments<T: Real>(&self, x: &[T], width: usize) -> (Vec<T>, Vec<T>) {
        let moments = self.moments.get_or_init(|| Moments::of(x, width));
        let inverse = |variance: &f64| T::from_f64(1.0 / (variance + self.epsilon).sqrt());
        (moments.mean.iter().map(|mean| T::from_f64(*mean)).collect(), moments.variance.iter().map(inverse).collect())
    }

    /// What reaches y's gradient past the cut.
    fn passed<T: Real>(&self, y: T, dy: T) -> T {
        if self.cut == Cut::Negative && y <= T::zero() { T::zero() } else { dy }
    }

    /// Sums over some rows of dy (x - mean), and after them of dy.
    fn sums<T: Real>(&self, (x, y, dy): (&[T], &[T], &[T]), mean: &[T]) -> Vec<T> {
        let width = mean.len();
        let mut sums = vec![T::default(); 2 * width];
        let (along, all) = sums.split_at_mut(width);
        let rows = x.chunks_exact(width).zip(y.chunks_exact(width)).zip(dy.chunks_exact(width));
        for ((x, y), dy) in rows {
            let cells = x.iter().zip(y).zip(dy).zip(mean);
            for ((along, all), (((x, y), dy), mean)) in along.iter_mut().zip(all.iter_mut()).zip(cells) {
                let dy = self.passed(*y, *dy);
                *along += dy * (*x - *mean);
                *all += dy;
            }
        }
        sums
    }
}

impl Kernel<3> for BatchNorm {
    const NAME: &'static str = "batch_norm";

    fn shape(&self) -> Vec<usize> {
        self.shape.clone()
    }

    fn forward<T: Real>(&self, [x, gain, bias]: [&[T]; 3]) -> Vec<T> {
        let width = gain.len();
        let (mean, inverse) = self.moments(x, width);
        let scale: Vec<T> = gain.iter().zip(&inverse).map(|(gain, inverse)| *gain * *inverse).collect();
        let mut y = vec![T::default(); x.len()];
        y.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * width)).for_each(|(y, x)| {
            for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
                let columns = scale.iter().zip(&mean).zip(bias);
                for ((y, x), ((scale, mean), bias)) in y.iter_mut().zip(x).zip(columns) {
                    let value = (*x - *mean) * *scale + *bias;
                    *y = self.passed(value, value);
                }
            }
        });
        y
    }

    fn backward<T: Real>(&self, [x, gain, _]: [&[T]; 3], y: &[T], dy: &[T]) -> [Option<Vec<T>>; 3] {
        let (width, piece) = (gain.len(), ROWS * gain.len());
        let (mean, inverse) = self.moments(x, width);
        let pieces = x.par_chunks(piece).zip(y.par_chunks(piece)).zip(dy.par_chunks(piece));
        let mut along = total(pieces.map(|((x, y), dy)| self.sums((x, y, dy), &mean)).collect());
        let all = along.split_off(width);
        let share = T::from_f64(width as f64 / x.len() as f64);
        // dx = scale (dy - sum(dy) / n - (x - mean) sum(dy (x - mean)) / (n deviation^2))
        let column = |ix: usize| {
            let (inverse, scale) = (inverse[ix], gain[ix] * inverse[ix]);
            (scale, mean[ix], all[ix] * share * scale, along[ix] * share * inverse * inverse * scale)
        };
        let columns: Vec<(T, T, T, T)> = (0..width).map(column).collect();
        let mut dx = vec![T::default(); x.len()];
        let pieces =
            dx.par_chunks_mut(piece).zip(x.par_chunks(piece)).zip(y.par_chunks(piece).zip(dy.par_chunks(piece)));
        pieces.for_each(|((dx, x), (y, dy))| {
            let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width));
            for ((dx, x), (y, dy)) in rows.zip(y.chunks_exact(width).zip(dy.chunks_exact(width))) {
                let cells = dx.iter_mut().zip(x).zip(y.iter().zip(dy)).zip(&columns);
                for (((dx, x), (y, dy)), (scale, mean, level, slope)) in cells {
                    *dx = *scale * self.passed(*y, *dy) - *level - (*x - *mean) * *slope;
                }
            }
        });
        let by_gain = along.iter().zip(&inverse).map(|(along, inverse)| *along * *inverse).collect();
        [Some(dx), Some(by_gain), Some(all)]
    }
}
