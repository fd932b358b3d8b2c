//! Convolutions over time and linear maps, as sums of products with shifted rows.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    matrix::{Matrix, add, add_rows, product, total},
    op::Kernel,
    real::Real,
};

/// Windows that are computed at once: enough rows for the products to be large, few enough to stay in the cache.
const TOGETHER: usize = 4;

/// Into how many pieces a batch is cut where each makes its own sum of the weights' gradient.
const PIECES: usize = 8;

/// One convolution of several: y_t = sum over its taps of x_(t + offset) W.
#[derive(Debug, Clone)]
pub(crate) struct Branch {
    /// Where its taps lie, in rows from the row it computes.
    pub(crate) offsets: Vec<isize>,
    /// How many numbers it gives a row.
    pub(crate) filters: usize,
}

/// Convolutions side by side in the last dimension, with a bias; a linear map is one with a single tap at 0.
///
/// Arguments: x (batch, time, input); the weights of all branches one after another, each (taps, input, filters); the bias
/// (width). Time outside the window is zero.
///
/// With the taps' weights side by side, W (input, taps filters), the answers of all taps are one product X W, whose columns
/// are then added with their rows shifted. In the backward pass the result's gradient is laid out so first, G: then
/// dX = G W' and dW = X' G.
#[derive(Debug)]
pub(crate) struct Taps {
    pub(crate) batch: usize,
    pub(crate) time: usize,
    pub(crate) input: usize,
    pub(crate) branches: Vec<Branch>,
    /// Whether anybody asks for the gradient by x.
    pub(crate) inner: bool,
}

/// One tap of one branch.
struct Tap {
    offset: isize,
    /// Where its weights are in the argument.
    weights: Range<usize>,
    /// Its columns in the product.
    columns: Range<usize>,
    /// Its branch's first column in the result.
    column: usize,
}

impl Taps {
    /// Columns of the result.
    fn width(&self) -> usize {
        self.branches.iter().map(|branch| branch.filters).sum()
    }

    /// Columns of the product.
    fn columns(&self) -> usize {
        self.branches.iter().map(|branch| branch.offsets.len() * branch.filters).sum()
    }

    fn taps(&self) -> impl Iterator<Item = Tap> {
        let (mut at, mut column) = (0, 0);
        self.branches.iter().flat_map(move |branch| {
            let (from, first, filters) = (at, column, branch.filters);
            at += branch.offsets.len() * filters;
            column += filters;
            branch.offsets.iter().enumerate().map(move |(ix, offset)| {
                let columns = from + ix * filters..from + (ix + 1) * filters;
                let weights = columns.start * self.input..columns.end * self.input;
                Tap { offset: *offset, weights, columns, column: first }
            })
        })
    }

    /// W from the argument.
    fn side_by_side<T: Real>(&self, weights: &[T]) -> Vec<T> {
        let mut wide = vec![T::default(); weights.len()];
        for tap in self.taps() {
            let rows = weights[tap.weights].chunks_exact(tap.columns.len());
            for (to, from) in wide.chunks_exact_mut(self.columns()).zip(rows) {
                to[tap.columns.clone()].copy_from_slice(from);
            }
        }
        wide
    }

    /// The argument's layout from that of W.
    fn one_by_one<T: Real>(&self, wide: &[T]) -> Vec<T> {
        let mut weights = vec![T::default(); wide.len()];
        for tap in self.taps() {
            let rows = weights[tap.weights].chunks_exact_mut(tap.columns.len());
            for (to, from) in rows.zip(wide.chunks_exact(self.columns())) {
                to.copy_from_slice(&from[tap.columns.clone()]);
            }
        }
        weights
    }

    /// Pairs of a row of some windows' result and the row of their product that a tap at `offset` adds to it.
    fn pairs(&self, offset: isize, rows: usize) -> impl Iterator<Item = (usize, usize)> {
        let inside = 0..self.time as isize;
        (0..rows)
            .filter(move |row| inside.contains(&((row % self.time) as isize + offset)))
            .map(move |row| (row, row.saturating_add_signed(offset)))
    }

    /// `answers` is room for the product.
    fn forward_piece<T: Real>(&self, answers: &mut Vec<T>, y: &mut [T], x: &[T], wide: &[T], bias: &[T]) {
        let (width, columns, rows) = (self.width(), self.columns(), x.len() / self.input);
        answers.resize(rows * columns, T::default());
        let (x, w) =
            (Matrix::new(x, (rows, self.input), self.input), Matrix::new(wide, (self.input, columns), columns));
        product((answers, columns), (x, w), (T::one(), T::zero()));
        y.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(bias));
        for tap in self.taps() {
            for (to, from) in self.pairs(tap.offset, rows) {
                let answer = &answers[from * columns..][tap.columns.clone()];
                add(&mut y[to * width + tap.column..][..answer.len()], answer);
            }
        }
    }

    /// Makes `g` G of some windows, (rows, columns).
    fn lay_out<T: Real>(&self, g: &mut Vec<T>, dy: &[T]) {
        let (width, columns, rows) = (self.width(), self.columns(), dy.len() / self.width());
        g.resize(rows * columns, T::default());
        for tap in self.taps() {
            for row in 0..rows {
                let g = &mut g[row * columns..][tap.columns.clone()];
                match row.checked_add_signed(-tap.offset).filter(|from| from / self.time == row / self.time) {
                    Some(from) => g.copy_from_slice(&dy[from * width + tap.column..][..g.len()]),
                    None => g.fill(T::default()),
                }
            }
        }
    }

    /// The gradient by W and, after it, by the bias, from some windows; that by x into `dx`, which may be empty.
    /// `g` is room for G.
    fn backward_piece<T: Real>(&self, g: &mut Vec<T>, dx: &mut [T], x: &[T], wide: &[T], dy: &[T]) -> Vec<T> {
        let (columns, rows) = (self.columns(), x.len() / self.input);
        let whole = (T::one(), T::zero());
        self.lay_out(g, dy);
        let g = Matrix::new(g, (rows, columns), columns);
        let w = Matrix::new(wide, (self.input, columns), columns);
        if !dx.is_empty() {
            product((dx, self.input), (g, w.t()), whole);
        }
        let mut sums = vec![T::default(); wide.len() + self.width()];
        let x = Matrix::new(x, (rows, self.input), self.input);
        product((&mut sums[..wide.len()], columns), (x.t(), g), whole);
        add_rows(&mut sums[wide.len()..], dy);
        sums
    }
}

impl Kernel<3> for Taps {
    const NAME: &'static str = "taps";

    fn shape(&self) -> Vec<usize> {
        vec![self.batch, self.time, self.width()]
    }

    fn forward<T: Real>(&self, [x, weights, bias]: [&[T]; 3]) -> Vec<T> {
        let wide = self.side_by_side(weights);
        let rows = TOGETHER * self.time;
        let mut y = vec![T::default(); self.batch * self.time * self.width()];
        let pieces = y.par_chunks_mut(rows * self.width()).zip(x.par_chunks(rows * self.input));
        pieces.for_each_init(Vec::new, |answers, (y, x)| self.forward_piece(answers, y, x, &wide, bias));
        y
    }

    fn backward<T: Real>(&self, [x, weights, _]: [&[T]; 3], _: &[T], dy: &[T]) -> [Option<Vec<T>>; 3] {
        let wide = self.side_by_side(weights);
        let rows = self.batch.div_ceil(PIECES) * self.time;
        let mut dx = vec![T::default(); if self.inner { x.len() } else { 0 }];
        let mut each: Vec<&mut [T]> = dx.chunks_mut(rows * self.input).collect();
        each.resize_with(self.batch.div_ceil(self.batch.div_ceil(PIECES)), Default::default);
        let pieces = x.par_chunks(rows * self.input).zip(dy.par_chunks(rows * self.width())).zip(each);
        let backward =
            |g: &mut Vec<T>, ((x, dy), dx): ((&[T], &[T]), &mut [T])| self.backward_piece(g, dx, x, &wide, dy);
        let mut dw = total(pieces.map_init(Vec::new, backward).collect());
        let db = dw.split_off(wide.len());
        [self.inner.then_some(dx), Some(self.one_by_one(&dw)), Some(db)]
    }
}
