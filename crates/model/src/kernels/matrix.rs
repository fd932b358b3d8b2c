//! Products of strided matrices.

use nalgebra::{DMatrixView, DMatrixViewMut, Dyn};

use super::real::Real;
use crate::engine;

/// A matrix in a slice: element (i, j) is at i * `strides.0` + j * `strides.1`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    numbers: &'a [T],
    shape: (usize, usize),
    strides: (usize, usize),
}

impl<'a, T: Real> Matrix<'a, T> {
    /// (rows, columns) at the start of `numbers`, whose rows begin `stride` apart.
    pub(crate) fn new(numbers: &'a [T], shape: (usize, usize), stride: usize) -> Self {
        Self { numbers, shape, strides: (stride, 1) }
    }

    /// The same, transposed.
    pub(crate) fn t(self) -> Self {
        Self { shape: (self.shape.1, self.shape.0), strides: (self.strides.1, self.strides.0), ..self }
    }

    fn at(&self, row: usize, column: usize) -> T {
        self.numbers[row * self.strides.0 + column * self.strides.1]
    }

    fn view(self) -> DMatrixView<'a, T, Dyn, Dyn> {
        let ((rows, columns), (down, across)) = (self.shape, self.strides);
        DMatrixView::from_slice_with_strides(self.numbers, rows, columns, down, across)
    }
}

/// What has a side so small is multiplied number by number: nalgebra reads small strided views wrongly.
const SMALL: usize = 5;

/// c = `keep` c + `scale` a b. c stands at the start of `c`, its rows `stride` apart.
pub(crate) fn product<T: Real>(
    (c, stride): (&mut [T], usize),
    (a, b): (Matrix<'_, T>, Matrix<'_, T>),
    (scale, keep): (T, T),
) {
    let ((rows, inner), columns) = (a.shape, b.shape.1);
    if rows.min(inner).min(columns) > SMALL {
        return T::product((c, stride), (a, b), (scale, keep));
    }
    for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
        let sum: T = (0..inner).map(|k| a.at(i, k) * b.at(k, j)).sum();
        let c = &mut c[i * stride + j];
        // As in larger products, what is not kept may be anything, also no number.
        let kept = if keep == T::zero() { keep } else { *c * keep };
        *c = kept + scale * sum;
    }
}

/// The product by nalgebra, which hands larger ones to `matrixmultiply`.
pub(super) fn wide_product(
    (c, stride): (&mut [f64], usize),
    (a, b): (Matrix<'_, f64>, Matrix<'_, f64>),
    (scale, keep): (f64, f64),
) {
    let (rows, columns) = (a.shape.0, b.shape.1);
    let mut c: DMatrixViewMut<'_, f64, Dyn, Dyn> =
        DMatrixViewMut::from_slice_with_strides_mut(c, rows, columns, stride, 1);
    c.gemm(scale, &a.view(), &b.view(), keep);
}

/// The product by the engine.
pub(super) fn narrow_product(c: (&mut [f32], usize), (a, b): (Matrix<'_, f32>, Matrix<'_, f32>), scales: (f32, f32)) {
    let factor = |Matrix { numbers, shape, strides }| engine::Factor { numbers, shape, strides };
    engine::product(c, factor(a), factor(b), scales);
}

/// to += from, number by number.
pub(crate) fn add<T: Real>(to: &mut [T], from: &[T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += *from;
    }
}

/// Adds the rows of `x` to `sum`, which is as wide as they are.
pub(crate) fn add_rows<T: Real>(sum: &mut [T], x: &[T]) {
    for row in x.chunks_exact(sum.len()) {
        add(sum, row);
    }
}

/// The sum of equally long vectors, in their order.
pub(crate) fn total<T: Real>(parts: Vec<Vec<T>>) -> Vec<T> {
    parts
        .into_iter()
        .reduce(|mut sum, part| {
            add(&mut sum, &part);
            sum
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (i, j) -> a number, for `size` numbers.
    fn numbers(size: usize) -> Vec<f64> {
        (0..size).map(|ix| (ix as f64).sin()).collect()
    }

    #[test]
    fn a_product_of_any_size_equals_its_definition() {
        for (rows, inner, columns) in [(7, 9, 6), (1, 9, 6), (20, 3, 8), (13, 40, 4), (6, 6, 6)] {
            let (x, y) = (numbers(200 + 50 * inner), numbers(50 * 50));
            // A transposed on its left, a stretch of a wider matrix on its right and in the result.
            let (a, b) = (Matrix::new(&x, (inner, rows), 24).t(), Matrix::new(&y[5..], (inner, columns), 11));
            let mut c = vec![1.0; 20 * 12];
            product((&mut c[2..], 12), (a, b), (2.0, 3.0));
            for (ix, got) in c.iter().enumerate() {
                let (i, j) = (ix / 12, (ix % 12).wrapping_sub(2));
                let sum: f64 = (0..inner).map(|k| x[k * 24 + i] * y[5 + k * 11 + j.min(columns)]).sum();
                let want = if i < rows && j < columns { 3.0 + 2.0 * sum } else { 1.0 };
                assert!((got - want).abs() < 1e-12, "{rows} {inner} {columns}: {got} {want}");
            }
        }
    }
}
