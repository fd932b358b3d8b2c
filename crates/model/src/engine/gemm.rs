//! Matrix products with a right side that is packed once.
//!
//! The right side is cut into panels of two vectors' width, each stored row after row, so that the kernel reads it in
//! order. The left side is rows of numbers anywhere: a convolution is a product whose left side is the same rows several
//! times, shifted by its taps ([`Tap`]), so nothing is copied. A tile of the result stays in registers over all taps, and
//! bias, ReLU and an addition are made before it is stored.

use std::ops::Range;

use super::{
    memory::{Numbers, Rows},
    simd::{Job, Kernel, Simd},
};

/// Where a product takes some columns of its left side from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tap {
    /// Which of the product's sources.
    pub(crate) source: usize,
    /// How many rows after the row that is computed.
    pub(crate) offset: isize,
    /// How many columns, from the first.
    pub(crate) columns: usize,
}

/// Columns of a right side whose left side is the same: `weight` is (sum of the taps' columns, columns), row-major.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) taps: Vec<Tap>,
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

/// A packed right side with its bias.
#[derive(Debug)]
pub(crate) struct Packed {
    kernel: Kernel,
    /// For each panel its bias, then its rows.
    numbers: Numbers,
    panels: Vec<Panel>,
    taps: Vec<Vec<Tap>>,
}

/// Where a panel lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Panel {
    /// Its first number.
    pub(super) at: usize,
    /// Its first column in the result, and how many it has.
    pub(super) column: usize,
    pub(super) columns: usize,
    /// Its taps.
    pub(super) part: usize,
}

impl Packed {
    /// Packs the parts side by side for `kernel`, or for the portable one where this processor lacks it.
    pub(crate) fn new(kernel: Kernel, parts: &[Part]) -> Self {
        let kernel = if kernel.is_here() { kernel } else { Kernel::Portable };
        let width = kernel.panel();
        let (numbers, panels) = lay_out(parts, width, |numbers, Part { weight, bias, .. }, columns| {
            for row in std::iter::once(&**bias).chain(weight.chunks_exact(bias.len())) {
                numbers.extend_from_slice(&row[columns.clone()]);
                numbers.resize(numbers.len() + width - columns.len(), 0.0);
            }
        });
        let taps = parts.iter().map(|part| part.taps.clone()).collect();
        Self { kernel, numbers, panels, taps }
    }

    /// Packs one matrix (depth, columns) without a bias, given by its numbers: a transposed one is as good.
    pub(crate) fn of(kernel: Kernel, (depth, columns): (usize, usize), number: impl Fn(usize, usize) -> f32) -> Self {
        let number = &number;
        let weight = (0..depth).flat_map(|row| (0..columns).map(move |column| number(row, column))).collect();
        let taps = vec![Tap { source: 0, offset: 0, columns: depth }];
        Self::new(kernel, &[Part { taps, weight, bias: vec![0.0; columns] }])
    }

    /// out += a * self, for `rows` rows of `a`.
    ///
    /// # Safety
    /// `a` may be read, `out` be read and written, for all rows, by this call alone.
    pub(crate) unsafe fn accumulate(&self, a: Rows, rows: usize, out: Rows) {
        let call = Call { add: Some((out, 1.0)), ..Call::new(std::slice::from_ref(&a), 0..rows, out) };
        // SAFETY: the caller answers for both; each number of `out` is read before it is written.
        (0..self.panels()).for_each(|panel| unsafe { self.multiply(panel, &call) });
    }

    /// How many panels: what can be computed independently.
    pub(crate) fn panels(&self) -> usize {
        self.panels.len()
    }

    /// The taps of each part.
    pub(super) fn taps(&self) -> &[Vec<Tap>] {
        &self.taps
    }

    /// Computes the columns of one panel for some rows.
    ///
    /// # Safety
    /// All the taps' rows of the sources may be read, and those columns of `out` (and of what is added) be written, by
    /// this call alone.
    pub(crate) unsafe fn multiply(&self, panel: usize, call: &Call) {
        let panel = self.panels[panel];
        let job = PanelJob { packed: self, panel, call };
        // SAFETY: `new` made sure that the processor has the kernel; the caller answers for the memory.
        unsafe { self.kernel.run(job) }
    }
}

/// Lays parts out side by side in panels of `width` columns, each of which `pack` appends: the columns of the part that it is
/// given.
pub(super) fn lay_out(
    parts: &[Part],
    width: usize,
    mut pack: impl FnMut(&mut Vec<f32>, &Part, Range<usize>),
) -> (Numbers, Vec<Panel>) {
    let (mut numbers, mut panels, mut first) = (Vec::new(), Vec::new(), 0);
    for (number, part) in parts.iter().enumerate() {
        let all = part.bias.len();
        for column in (0..all).step_by(width) {
            let columns = width.min(all - column);
            panels.push(Panel { at: numbers.len(), column: first + column, columns, part: number });
            pack(&mut numbers, part, column..column + columns);
        }
        first += all;
    }
    (Numbers::from(&*numbers), panels)
}

/// What a packed right side is multiplied with, and where the result goes.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) sources: &'a [Rows],
    pub(crate) rows: Range<usize>,
    pub(crate) out: Rows,
    /// Whether what is below zero becomes zero.
    pub(crate) relu: bool,
    /// What is added at last, and how many times.
    pub(crate) add: Option<(Rows, f32)>,
}

impl<'a> Call<'a> {
    /// The plain product.
    pub(crate) fn new(sources: &'a [Rows], rows: Range<usize>, out: Rows) -> Self {
        Self { sources, rows, out, relu: false, add: None }
    }
}

/// Calls a method with the height of its tile, and how many sums each number is split into, as constants: a low tile has
/// too few sums to keep the processor busy.
macro_rules! each_height {
    ($height:expr, $self:ident.$method:ident::<$simd:ident>($($argument:expr),*)) => {
        match $height {
            1 => $self.$method::<$simd, 1, 4>($($argument),*),
            2 => $self.$method::<$simd, 2, 2>($($argument),*),
            3 => $self.$method::<$simd, 3, 2>($($argument),*),
            4 => $self.$method::<$simd, 4, 1>($($argument),*),
            5 => $self.$method::<$simd, 5, 1>($($argument),*),
            6 => $self.$method::<$simd, 6, 1>($($argument),*),
            7 if $simd::TILE >= 7 => $self.$method::<$simd, 7, 1>($($argument),*),
            8 if $simd::TILE >= 8 => $self.$method::<$simd, 8, 1>($($argument),*),
            9 if $simd::TILE >= 9 => $self.$method::<$simd, 9, 1>($($argument),*),
            10 if $simd::TILE >= 10 => $self.$method::<$simd, 10, 1>($($argument),*),
            height => unreachable!("a tile of {height} rows"),
        }
    };
}
pub(super) use each_height;

struct PanelJob<'a> {
    packed: &'a Packed,
    panel: Panel,
    call: &'a Call<'a>,
}

impl Job for PanelJob<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let mut rows = self.call.rows.clone();
        while let Some(tile) = next_tile::<S>(&mut rows) {
            // SAFETY: as `Packed::multiply`'s; the tile lies in the call's rows.
            unsafe { each_height!(tile.len(), self.tile::<S>(tile.start)) }
        }
    }
}

/// Takes the next tile's rows, so that the tiles are about equally high.
#[inline(always)]
pub(super) fn next_tile<S: Simd>(rows: &mut Range<usize>) -> Option<Range<usize>> {
    let tiles = rows.len().div_ceil(S::TILE);
    (tiles > 0).then(|| {
        let tile = rows.start..rows.start + rows.len().div_ceil(tiles);
        rows.start = tile.end;
        tile
    })
}

impl PanelJob<'_> {
    #[inline(always)]
    unsafe fn tile<S: Simd, const HEIGHT: usize, const SUMS: usize>(&self, row: usize) {
        // SAFETY: as this method's.
        unsafe { S::apart(TileJob::<HEIGHT, SUMS> { panel: self, row }) }
    }
}

/// Some rows of a panel, from `row` on.
struct TileJob<'a, const HEIGHT: usize, const SUMS: usize> {
    panel: &'a PanelJob<'a>,
    row: usize,
}

impl<const HEIGHT: usize, const SUMS: usize> Job for TileJob<'_, HEIGHT, SUMS> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        let PanelJob { packed, panel, call } = self.panel;
        // SAFETY: a panel has a row of `PANEL` numbers for its bias and for each column of its taps; the caller answers for
        // the rest.
        unsafe {
            for row in self.row..self.row + HEIGHT {
                S::prefetch(call.out.at(row as isize, panel.column));
                if let Some((add, _)) = call.add {
                    S::prefetch(add.at(row as isize, panel.column));
                }
            }
            let mut sums = Sums::<S, HEIGHT, SUMS>::zero();
            let bias = packed.numbers.as_ptr().add(panel.at);
            let mut b = bias.add(S::PANEL);
            for tap in &packed.taps[panel.part] {
                let source = call.sources[tap.source];
                let a = source.at(self.row as isize + tap.offset, 0);
                sums.add_product((a, source.stride), (b, S::PANEL), tap.columns);
                b = b.add(tap.columns * S::PANEL);
            }
            for (height, sums) in sums.total().into_iter().enumerate() {
                finish::<S>(call, (self.row + height) as isize, panel, sums, bias);
            }
        }
    }
}

/// Adds what is added to a row of a tile, and stores it.
#[inline(always)]
pub(super) unsafe fn finish<S: Simd>(call: &Call, row: isize, panel: &Panel, sums: [S::Vector; 2], bias: *const f32) {
    let whole = panel.columns == S::PANEL;
    let mut line = [0.0; 32];
    // SAFETY: a line is as wide as the widest panel; the caller answers for the columns of `out` and of what is added.
    unsafe {
        let out = call.out.at(row, panel.column);
        let to = if whole { out } else { line.as_mut_ptr() };
        for (half, sum) in sums.into_iter().enumerate() {
            let half = half * S::LANES;
            let mut y = S::add(sum, S::load(bias.add(half)));
            if call.relu {
                y = S::max(y, S::splat(0.0));
            }
            if let (Some((add, times)), true) = (call.add, whole) {
                y = S::fma(S::load(add.at(row, panel.column + half)), S::splat(times), y);
            }
            S::store(to.add(half), y);
        }
        if !whole {
            for (column, y) in line[..panel.columns].iter().enumerate() {
                let x = call.add.map_or(0.0, |(add, times)| *add.at(row, panel.column + column) * times);
                *out.add(column) = y + x;
            }
        }
    }
}

/// A tile of a product: for each of its rows a panel's width.
pub(super) type Tile<S, const HEIGHT: usize> = [[<S as Simd>::Vector; 2]; HEIGHT];

/// A tile under way.
pub(super) struct Sums<S: Simd, const HEIGHT: usize, const SUMS: usize>([Tile<S, HEIGHT>; SUMS]);

impl<S: Simd, const HEIGHT: usize, const SUMS: usize> Sums<S, HEIGHT, SUMS> {
    #[inline(always)]
    pub(super) unsafe fn zero() -> Self {
        // SAFETY: the caller answers for the processor.
        Self([[[unsafe { S::splat(0.0) }; 2]; HEIGHT]; SUMS])
    }

    /// Adds the product of `depth` columns of `a` and as many rows of `b`, each an address and the distance from row to row.
    ///
    /// # Safety
    /// The processor has `S`; `HEIGHT` rows of `depth` numbers lie at `a`, `depth` rows of `PANEL` numbers at `b`.
    #[inline(always)]
    pub(super) unsafe fn add_product(
        &mut self,
        (a, a_stride): (*const f32, usize),
        (mut b, b_stride): (*const f32, usize),
        depth: usize,
    ) {
        // SAFETY: every index is below the height and the depth.
        unsafe {
            let whole = depth / SUMS * SUMS;
            let mut k = 0;
            while k < whole {
                for sums in &mut self.0 {
                    step::<S, HEIGHT>(sums, (a.add(k), a_stride), b);
                    b = b.add(b_stride);
                    k += 1;
                }
            }
            while k < depth {
                step::<S, HEIGHT>(&mut self.0[0], (a.add(k), a_stride), b);
                b = b.add(b_stride);
                k += 1;
            }
        }
    }

    /// The tile.
    #[inline(always)]
    pub(super) unsafe fn total(self) -> Tile<S, HEIGHT> {
        let mut total = self.0[0];
        for sums in &self.0[1..] {
            for (total, sums) in total.iter_mut().zip(sums) {
                // SAFETY: the caller answers for the processor.
                *total = unsafe { [S::add(total[0], sums[0]), S::add(total[1], sums[1])] };
            }
        }
        total
    }
}

#[inline(always)]
unsafe fn step<S: Simd, const HEIGHT: usize>(
    sums: &mut Tile<S, HEIGHT>,
    (a, stride): (*const f32, usize),
    b: *const f32,
) {
    // SAFETY: as `add_product`'s.
    unsafe {
        let (left, right) = (S::load(b), S::load(b.add(S::LANES)));
        for (height, sums) in sums.iter_mut().enumerate() {
            let x = S::splat(*a.add(height * stride));
            *sums = [S::fma(x, left, sums[0]), S::fma(x, right, sums[1])];
        }
    }
}

/// Whether `kernel` multiplies as the portable one does, here and now. It is asked once, before the kernel is used: a
/// kernel that was never run on such a processor must not give wrong answers in silence.
pub(super) fn agrees_with_portable(kernel: Kernel) -> bool {
    let number = |ix: usize| (ix * 37 % 64) as f32 / 32.0 - 1.0;
    let (rows, depth, columns) = (23, 19, 45);
    let a: Vec<f32> = (0..rows * depth).map(number).collect();
    let product = |kernel| {
        let packed = Packed::of(kernel, (depth, columns), |row, column| number(row * 7 + column * 5));
        let mut out: Vec<f32> = (0..rows * columns).map(number).collect();
        let to = Rows { base: out.as_mut_ptr(), stride: columns };
        // SAFETY: `a` and `out` have all the rows.
        unsafe { packed.accumulate(Rows::of(&a, depth), rows, to) };
        out
    };
    product(kernel).iter().zip(product(Kernel::Portable)).all(|(a, b)| (a - b).abs() < 1e-4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::guard::Guarded;

    fn number(ix: usize) -> f32 {
        (ix * 29 % 16) as f32 - 8.0
    }

    /// Both sides end where nothing may be read or written. The numbers are small integers: every sum is exact.
    fn check(kernel: Kernel, (rows, depth, columns): (usize, usize, usize)) {
        let a = Guarded::new(rows * depth, number);
        let mut out = Guarded::new(rows * columns, |ix| number(ix + 3));
        let packed = Packed::of(kernel, (depth, columns), |row, column| number(column * depth + row + 5));
        let to = Rows { base: out.as_mut_ptr(), stride: columns };
        // SAFETY: both have all the rows.
        unsafe { packed.accumulate(Rows::of(a.as_slice(), depth), rows, to) };
        for (ix, got) in out.as_slice().iter().enumerate() {
            let (row, column) = (ix / columns, ix % columns);
            let product = |k: usize| a.as_slice()[row * depth + k] * number(column * depth + k + 5);
            let want = number(ix + 3) + (0..depth).map(product).sum::<f32>();
            assert_eq!(*got, want, "{kernel:?} {rows} x {depth} x {columns}, row {row}, column {column}");
        }
    }

    #[test]
    fn products_are_exact_and_touch_nothing_beyond_their_sides() {
        for kernel in Kernel::ALL {
            if !kernel.is_here() {
                eprintln!("SKIPPED: this processor can't run the {kernel:?} kernel, so it was not tested");
                continue;
            }
            for rows in 1..24 {
                for (depth, columns) in [(1, 1), (3, 16), (4, 33), (9, 15), (7, 64)] {
                    check(kernel, (rows, depth, columns));
                }
            }
        }
    }

    #[test]
    fn the_best_kernel_is_one_that_is_here_and_agrees() {
        assert!(Kernel::best().is_here() && agrees_with_portable(Kernel::best()));
    }
}
