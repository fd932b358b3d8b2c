//! Softmax attention over the rows of a window.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    matrix::{Matrix, product},
    op::Kernel,
    real::{Real, dot, sum},
};

/// softmax(Q K' / sqrt(width / heads)) V per window and head.
///
/// Argument: (batch, time, 3 width), in each row the query, then the key, then the value, each with its heads side by side.
/// The backward pass computes the weights again: they are larger than all else together.
#[derive(Debug)]
pub(crate) struct Attention {
    pub(crate) batch: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// The rows that each row sees, at least one.
    pub(crate) reach: Vec<Range<usize>>,
}

/// Where one head's numbers are in one window.
struct Head<'a, T> {
    query: Matrix<'a, T>,
    key: Matrix<'a, T>,
    value: Matrix<'a, T>,
}

impl Attention {
    fn time(&self) -> usize {
        self.reach.len()
    }

    fn each(&self) -> usize {
        self.width / self.heads
    }

    fn scale<T: Real>(&self) -> T {
        T::from_f64((self.each() as f64).powf(-0.5))
    }

    fn head<'a, T: Real>(&self, window: &'a [T], head: usize) -> Head<'a, T> {
        let part = |part: usize| {
            let at = part * self.width + head * self.each();
            Matrix::new(&window[at..], (self.time(), self.each()), 3 * self.width)
        };
        Head { query: part(0), key: part(1), value: part(2) }
    }

    /// Writes the weights of one head, (time, time).
    fn weigh<T: Real>(&self, weights: &mut [T], head: &Head<'_, T>) {
        product((weights, self.time()), (head.query, head.key.t()), (self.scale(), T::zero()));
        for (row, seen) in weights.chunks_exact_mut(self.time()).zip(&self.reach) {
            row[..seen.start].fill(T::zero());
            row[seen.end..].fill(T::zero());
            softmax(&mut row[seen.clone()]);
        }
    }

    fn forward_window<T: Real>(&self, y: &mut [T], window: &[T]) {
        let time = self.time();
        let mut weights = vec![T::default(); time * time];
        for ix in 0..self.heads {
            let head = self.head(window, ix);
            self.weigh(&mut weights, &head);
            let weights = Matrix::new(&weights, (time, time), time);
            let y = &mut y[ix * self.each()..];
            product((y, self.width), (weights, head.value), (T::one(), T::zero()));
        }
    }

    /// With P the weights: dV = P' dY, dP = dY V', dS = P (dP - sum_j P dP), dQ = dS K, dK = dS' Q.
    fn backward_window<T: Real>(&self, dx: &mut [T], window: &[T], dy: &[T]) {
        let (time, each, whole) = (self.time(), self.each(), (T::one(), T::zero()));
        let mut weights = vec![T::default(); time * time];
        let mut slopes = vec![T::default(); time * time];
        for ix in 0..self.heads {
            let head = self.head(window, ix);
            let dy = Matrix::new(&dy[ix * each..], (time, each), self.width);
            self.weigh(&mut weights, &head);
            product((&mut slopes, time), (dy, head.value.t()), whole);
            for (slope, weight) in slopes.chunks_exact_mut(time).zip(weights.chunks_exact(time)) {
                let mean = dot(slope, weight);
                slope.iter_mut().zip(weight).for_each(|(slope, weight)| *slope = *weight * (*slope - mean));
            }
            let weights = Matrix::new(&weights, (time, time), time);
            let slopes = Matrix::new(&slopes, (time, time), time);
            let scaled = (self.scale(), T::zero());
            let mut put = |part: usize, factors, scale| {
                product((&mut dx[part * self.width + ix * each..], 3 * self.width), factors, scale);
            };
            put(0, (slopes, head.key), scaled);
            put(1, (slopes.t(), head.query), scaled);
            put(2, (weights.t(), dy), whole);
        }
    }
}

impl Kernel<1> for Attention {
    const NAME: &'static str = "attention";

    fn shape(&self) -> Vec<usize> {
        vec![self.batch, self.time(), self.width]
    }

    fn forward<T: Real>(&self, [x]: [&[T]; 1]) -> Vec<T> {
        let size = self.time() * self.width;
        let mut y = vec![T::default(); self.batch * size];
        y.par_chunks_mut(size).zip(x.par_chunks(3 * size)).for_each(|(y, x)| self.forward_window(y, x));
        y
    }

    fn backward<T: Real>(&self, [x]: [&[T]; 1], _: &[T], dy: &[T]) -> [Option<Vec<T>>; 1] {
        let size = self.time() * self.width;
        let mut dx = vec![T::default(); x.len()];
        let windows = dx.par_chunks_mut(3 * size).zip(x.par_chunks(3 * size)).zip(dy.par_chunks(size));
        windows.for_each(|((dx, x), dy)| self.backward_window(dx, x, dy));
        [Some(dx)]
    }
}

/// e^x / sum e^x; the largest x is taken out first.
fn softmax<T: Real>(row: &mut [T]) {
    let Some(first) = row.first().copied() else { return };
    let largest = row.iter().fold(first, |most, x| if *x > most { *x } else { most });
    row.iter_mut().for_each(|x| *x = (*x - largest).exponential());
    let share = T::one() / sum(row);
    row.iter_mut().for_each(|x| *x *= share);
}
