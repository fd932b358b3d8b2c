//! Products of two matrices that are used once.
//!
//! The engine's weights are packed once ([`gemm`](super::gemm)); in training both factors are new each time. So a panel of
//! the right one is packed where it stays in the nearest cache, and used at once for all rows of the left one. A deep
//! product is made in parts for the same reason.

use std::cell::RefCell;

use super::{
    gemm::{Call, Panel, Sums, each_height, finish, next_tile},
    memory::{Numbers, Rows},
    simd::{Job, Kernel, Simd},
};

/// A factor in a slice: element (i, j) is at i * `strides.0` + j * `strides.1`. One of the two is 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Factor<'a> {
    pub(crate) numbers: &'a [f32],
    pub(crate) shape: (usize, usize),
    pub(crate) strides: (usize, usize),
}

/// Rows of the right factor that are multiplied at once: with so many, a panel takes half of the nearest cache.
const DEPTH: usize = 256;

/// Columns of the widest panel.
const WIDEST: usize = 32;

/// c = `keep` c + `scale` a b. c stands at the start of `c`, its rows `stride` apart.
///
/// # Panics
/// If the shapes do not fit each other, or a slice is too short.
pub(crate) fn product(c: (&mut [f32], usize), a: Factor<'_>, b: Factor<'_>, scales: (f32, f32)) {
    product_by(Kernel::best(), c, (a, b), scales);
}

/// The same with a kernel, which must be here.
fn product_by(kernel: Kernel, c: (&mut [f32], usize), (a, b): (Factor<'_>, Factor<'_>), (scale, keep): (f32, f32)) {
    thread_local! {
        static SPACE: RefCell<Space> = RefCell::default();
    }
    let (rows, columns) = (a.shape.0, b.shape.1);
    let fits = Factor { numbers: c.0, shape: (rows, columns), strides: (c.1, 1) }.is_inside();
    let fit = fits && a.is_inside() && b.is_inside() && a.shape.1 == b.shape.0;
    assert!(fit && kernel.is_here(), "{:?} times {:?} by {kernel:?}", a.shape, b.shape);
    let out = Rows { base: c.0.as_mut_ptr(), stride: c.1 };
    SPACE.with_borrow_mut(|space| {
        space.panel.grow(DEPTH * WIDEST);
        // SAFETY: the kernel is here, and all three matrices lie in their slices.
        unsafe { kernel.run(Product { out, a, b, scale, keep, space }) }
    });
}

impl Factor<'_> {
    /// Whether its last element lies in the slice, and either its rows or its columns are contiguous.
    fn is_inside(&self) -> bool {
        let ((rows, columns), (down, across)) = (self.shape, self.strides);
        let to_last = |count: usize, stride| count.saturating_sub(1).saturating_mul(stride);
        let last = to_last(rows, down).saturating_add(to_last(columns, across));
        (down == 1 || across == 1) && (rows * columns == 0 || last < self.numbers.len())
    }
}

/// What a thread keeps from product to product.
#[derive(Default)]
struct Space {
    panel: Numbers,
    left: Numbers,
}

struct Product<'a> {
    out: Rows,
    a: Factor<'a>,
    b: Factor<'a>,
    scale: f32,
    keep: f32,
    space: &'a mut Space,
}

impl Job for Product<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Self { out, a, b, scale, keep, space } = self;
        let ((rows, inner), columns) = (a.shape, b.shape.1);
        let parts = inner.div_ceil(DEPTH).max(1);
        let each = inner.div_ceil(parts);
        for part in 0..parts {
            let (from, depth) = (part * each, each.min(inner - part * each));
            let times = if part == 0 { keep } else { 1.0 };
            let add = (times != 0.0).then_some((out, times));
            let left = if a.strides.1 == 1 {
                Rows::of(&a.numbers[from..], a.strides.0)
            } else {
                space.left.grow(rows * depth);
                transpose(
                    (space.left.as_mut_slice(), depth),
                    (&a.numbers[from * a.strides.1..], a.strides.1),
                    (depth, rows),
                );
                Rows::of(space.left.as_slice(), depth)
            };
            for column in (0..columns).step_by(S::PANEL) {
                let panel = Panel { at: 0, column, columns: S::PANEL.min(columns - column), part: 0 };
                // SAFETY: the caller answers for the processor.
                unsafe { pack::<S>(space.panel.as_mut_slice(), b, (from, depth), &panel, scale) };
                let call = Call { add, ..Call::new(&[], 0..rows, out) };
                let job = Stripe { left, right: space.panel.as_ptr(), depth, panel, call: &call };
                // SAFETY: `left` has all rows, the packed panel `depth` of them; `out` has the columns.
                unsafe { job.run::<S>() }
            }
        }
    }
}

/// Writes `depth` rows of some columns of `b` one after another, `scale` times, filled up with zeros to a panel's width.
///
/// # Safety
/// The processor has `S`.
#[inline(always)]
unsafe fn pack<S: Simd>(to: &mut [f32], b: Factor<'_>, (from, depth): (usize, usize), panel: &Panel, scale: f32) {
    let (down, across) = b.strides;
    let source = &b.numbers[from * down + panel.column * across..];
    let to = &mut to[..depth * S::PANEL];
    let whole = panel.columns == S::PANEL;
    if !whole {
        to.fill(0.0);
    }
    if across != 1 {
        transpose((to, S::PANEL), (source, across), (panel.columns, depth));
    } else {
        for (row, to) in to.chunks_exact_mut(S::PANEL).enumerate() {
            if whole {
                to.copy_from_slice(&source[row * down..][..S::PANEL]);
                // SAFETY: as this function's. The next panel begins there.
                unsafe { S::prefetch(source.as_ptr().wrapping_add(row * down + S::PANEL)) };
            } else {
                to[..panel.columns].copy_from_slice(&source[row * down..][..panel.columns]);
            }
        }
    }
    if scale != 1.0 {
        to.iter_mut().for_each(|x| *x *= scale);
    }
}

/// Numbers on the side of a block that is transposed at once.
const SIDE: usize = 8;

/// Writes (rows, columns) numbers as (columns, rows); beside each slice stands how far apart its rows are.
#[inline(always)]
pub(super) fn transpose(
    (to, apart): (&mut [f32], usize),
    (from, stride): (&[f32], usize),
    (rows, columns): (usize, usize),
) {
    let (whole_rows, whole_columns) = (rows / SIDE * SIDE, columns / SIDE * SIDE);
    for i in (0..whole_rows).step_by(SIDE) {
        for j in (0..whole_columns).step_by(SIDE) {
            let mut block = [[0.0; SIDE]; SIDE];
            for (ix, row) in block.iter_mut().enumerate() {
                row.copy_from_slice(&from[(i + ix) * stride + j..][..SIDE]);
            }
            for ix in 0..SIDE {
                to[(j + ix) * apart + i..][..SIDE].copy_from_slice(&block.map(|row| row[ix]));
            }
        }
    }
    for i in 0..rows {
        let rest = if i < whole_rows { whole_columns } else { 0 };
        for j in rest..columns {
            to[j * apart + i] = from[i * stride + j];
        }
    }
}

/// All rows of one panel of the result.
struct Stripe<'a> {
    left: Rows,
    right: *const f32,
    depth: usize,
    panel: Panel,
    call: &'a Call<'a>,
}

impl Job for Stripe<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut rows = self.call.rows.clone();
        while let Some(tile) = next_tile::<S>(&mut rows) {
            // SAFETY: as this method's.
            unsafe { each_height!(tile.len(), self.tile::<S>(tile.start)) }
        }
    }
}

impl Stripe<'_> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const HEIGHT: usize, const SUMS: usize>(&self, row: usize) {
        // SAFETY: as this method's.
        unsafe { S::apart(Tile::<HEIGHT, SUMS> { stripe: self, row }) }
    }
}

/// Some rows of a stripe, from `row` on.
struct Tile<'a, const HEIGHT: usize, const SUMS: usize> {
    stripe: &'a Stripe<'a>,
    row: usize,
}

impl<const HEIGHT: usize, const SUMS: usize> Job for Tile<'_, HEIGHT, SUMS> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let Stripe { left, right, depth, panel, call } = self.stripe;
        let bias = [0.0; WIDEST];
        // SAFETY: the caller answers for both sides and the result.
        unsafe {
            for row in self.row..self.row + HEIGHT {
                S::prefetch(call.out.at(row as isize, panel.column));
            }
            let mut sums = Sums::<S, HEIGHT, SUMS>::zero();
            sums.add_product((left.at(self.row as isize, 0), left.stride), (*right, S::PANEL), *depth);
            for (height, sums) in sums.total().into_iter().enumerate() {
                finish::<S>(call, (self.row + height) as isize, panel, sums, bias.as_ptr());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::guard::Guarded;

    /// Small integers: every sum is exact.
    fn number(ix: usize) -> f32 {
        (ix * 29 % 16) as f32 - 8.0
    }

    /// A matrix of `numbers`, or one that is stored transposed.
    fn factor(numbers: &[f32], shape: (usize, usize), transposed: bool) -> Factor<'_> {
        Factor { numbers, shape, strides: if transposed { (1, shape.0) } else { (shape.1, 1) } }
    }

    /// All three matrices end where nothing may be read or written.
    fn check(kernel: Kernel, (rows, inner, columns): (usize, usize, usize), (left, right): (bool, bool)) {
        let (x, y) = (Guarded::new(rows * inner, number), Guarded::new(inner * columns, |ix| number(ix + 5)));
        let a = factor(x.as_slice(), (rows, inner), left);
        let b = factor(y.as_slice(), (inner, columns), right);
        let stride = columns + 3;
        let mut c = Guarded::new((rows - 1) * stride + columns, |ix| number(ix + 3));
        product_by(kernel, (c.as_mut_slice(), stride), (a, b), (2.0, 3.0));
        let at = |f: &Factor, row, column| f.numbers[row * f.strides.0 + column * f.strides.1];
        for (ix, got) in c.as_slice().iter().enumerate() {
            let (row, column, old) = (ix / stride, ix % stride, number(ix + 3));
            let sum = || (0..inner).map(|k| at(&a, row, k) * at(&b, k, column)).sum::<f32>();
            let want = if column < columns { 3.0 * old + 2.0 * sum() } else { old };
            assert_eq!(*got, want, "{kernel:?} {rows} x {inner} x {columns}, row {row}, column {column}");
        }
    }

    #[test]
    fn products_are_exact_however_their_factors_lie_and_touch_nothing_beyond() {
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_here()) {
            for turned in [(false, false), (false, true), (true, false), (true, true)] {
                for size in [(1, 1, 1), (6, 7, 16), (13, 9, 33), (23, 40, 15), (8, 8, 64), (7, DEPTH + 1, 17)] {
                    check(kernel, size, turned);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "times")]
    fn a_slice_that_is_too_short_is_refused() {
        let numbers = [0.0; 11];
        let side = factor(&numbers[..9], (3, 3), false);
        product((&mut [0.0; 9], 3), factor(&numbers, (3, 4), false), side, (1.0, 0.0));
    }
}
