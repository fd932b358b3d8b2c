//! Attention of new rows over the rows in their reach, one head at a time.
//!
//! Keys are kept transposed, in panels as wide as a product's, so that scores are a product without a copy; values are read
//! where they lie. A few rows' scores at a time stay in the nearest cache from the product to the weighted sum.

use std::{ops::Range, slice};

use super::{
    gemm::{Sums, each_height, next_tile},
    memory::Rows,
    product::transpose,
    simd::{self, Job, Simd},
};

/// One head's attention for the rows `span`.
///
/// # Safety
/// `run` reads `queries` and writes keys and `out` for the rows of the span, this head's columns; it reads keys and values of
/// all rows in reach, panels being read whole; it writes rows of `scores` as wide as the reach and three panels, and of
/// `seen`, the head's row, as many numbers as the newest row reaches.
#[derive(Debug)]
pub(super) struct Head {
    /// Queries, keys and values side by side, this head's first column of each.
    pub(super) queries: Rows,
    pub(super) keys: Rows,
    pub(super) values: Rows,
    /// This head's transposed keys: `stride` is from panel to panel.
    pub(super) panels: Rows,
    /// This head's first column of the weighted sums.
    pub(super) out: Rows,
    pub(super) scores: Rows,
    pub(super) seen: *mut f32,
    /// Columns of a head.
    pub(super) width: usize,
    pub(super) span: Range<usize>,
    pub(super) reach: Reach,
}

/// Rows of the highest tile of any kernel.
pub(super) const TILE: usize = 10;

/// Which rows a row attends to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// The first row there is.
    pub(super) first: usize,
    /// The end of the rows that all see, if they see the future; otherwise a row sees up to itself.
    pub(super) end: Option<usize>,
    /// How many rows a row sees at the most.
    pub(super) rows: usize,
}

impl Reach {
    #[inline(always)]
    pub(super) fn of(self, row: usize) -> Range<usize> {
        let end = self.end.unwrap_or(row + 1);
        self.first.max(end.saturating_sub(self.rows))..end
    }
}

impl Job for Head {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        // SAFETY: the caller answers for all rows of the span and of the reach.
        unsafe {
            self.transpose_keys::<S>();
            let mut rows = self.span.clone();
            while let Some(tile) = next_tile::<S>(&mut rows) {
                self.attend::<S>(tile);
            }
        }
    }
}

impl Head {
    #[inline(always)]
    unsafe fn transpose_keys<S: Simd>(&self) {
        let mut row = self.span.start;
        while row < self.span.end {
            let (panel, first) = (row / S::PANEL, row % S::PANEL);
            let rows = (S::PANEL - first).min(self.span.end - row);
            // SAFETY: a row of keys has `width` numbers for the head, a panel has `width` rows; nobody writes keys now, and
            // nobody else has this head's panels.
            let (from, to) = unsafe {
                let from = self.keys.at(row as isize, 0).cast_const();
                let to = self.panels.at(panel as isize, first);
                let size = (rows - 1) * self.keys.stride + self.width;
                (slice::from_raw_parts(from, size), slice::from_raw_parts_mut(to, self.width * S::PANEL - first))
            };
            transpose((to, S::PANEL), (from, self.keys.stride), (rows, self.width));
            row += rows;
        }
    }

    /// A tile of rows. Scores are laid out from a panel's first row on.
    #[inline(always)]
    unsafe fn attend<S: Simd>(&self, tile: Range<usize>) {
        let (first, last) = (self.reach.of(tile.start), self.reach.of(tile.end - 1));
        let panels = first.start / S::PANEL..last.end.div_ceil(S::PANEL);
        let base = panels.start * S::PANEL;
        // SAFETY: scores are as wide as the panels of the reach; the caller answers for the rest.
        unsafe {
            for panel in panels.clone() {
                let columns = (panel - panels.start) * S::PANEL;
                each_height!(tile.len(), self.scores::<S>(tile.start, panel, columns));
            }
            let mut shares = [0.0; TILE];
            for (at, row) in tile.clone().enumerate() {
                let reach = self.reach.of(row);
                let reach = reach.start - base..reach.end - base;
                shares[at] = exponentials::<S>(self.scores.at(at as isize, 0), reach.clone(), panels.len() * S::PANEL);
                if row + 1 == self.span.end {
                    let weights = self.scores.at(at as isize, reach.start).cast_const();
                    (0..reach.len()).for_each(|ix| *self.seen.add(ix) = *weights.add(ix) * shares[at]);
                }
            }
            for column in (0..self.width).step_by(S::PANEL) {
                each_height!(tile.len(), self.weigh::<S>(tile.start, first.start..last.end, (column, base), &shares));
            }
        }
    }

    #[inline(always)]
    unsafe fn scores<S: Simd, const HEIGHT: usize, const SUMS: usize>(&self, row: usize, panel: usize, column: usize) {
        // SAFETY: as `attend`'s.
        unsafe {
            let mut sums = Sums::<S, HEIGHT, SUMS>::zero();
            let queries = (self.queries.at(row as isize, 0).cast_const(), self.queries.stride);
            sums.add_product(queries, (self.panels.at(panel as isize, 0), S::PANEL), self.width);
            for (at, [left, right]) in sums.total().into_iter().enumerate() {
                let to = self.scores.at(at as isize, column);
                S::store(to, left);
                S::store(to.add(S::LANES), right);
            }
        }
    }

    #[inline(always)]
    unsafe fn weigh<S: Simd, const HEIGHT: usize, const SUMS: usize>(
        &self,
        row: usize,
        reach: Range<usize>,
        (column, base): (usize, usize),
        shares: &[f32; TILE],
    ) {
        // SAFETY: as `attend`'s; a panel that is wider than the head reads the numbers behind it, and drops them.
        unsafe {
            let mut sums = Sums::<S, HEIGHT, SUMS>::zero();
            let weights = (self.scores.at(0, reach.start - base).cast_const(), self.scores.stride);
            let values = (self.values.at(reach.start as isize, column).cast_const(), self.values.stride);
            sums.add_product(weights, values, reach.len());
            for (height, [left, right]) in sums.total().into_iter().enumerate() {
                let to = self.out.at((row + height) as isize, column);
                let columns = self.width - column;
                let share = S::splat(shares[height]);
                let (left, right) = (S::mul(left, share), S::mul(right, share));
                if columns >= S::PANEL {
                    S::store(to, left);
                    S::store(to.add(S::LANES), right);
                } else {
                    let mut line = [0.0; 32];
                    S::store(line.as_mut_ptr(), left);
                    S::store(line.as_mut_ptr().add(S::LANES), right);
                    std::ptr::copy_nonoverlapping(line.as_ptr(), to, columns);
                }
            }
        }
    }
}

/// Turns the scores in `reach` into weights and those outside it, up to `width`, into next to nothing; what the weights are
/// to be multiplied with to sum to 1.
///
/// # Safety
/// The processor has `S`; `width` numbers, a multiple of the lanes, lie at `scores`.
#[inline(always)]
unsafe fn exponentials<S: Simd>(scores: *mut f32, reach: Range<usize>, width: usize) -> f32 {
    // SAFETY: every index is below the width.
    unsafe {
        let all = slice::from_raw_parts_mut(scores, width);
        all[..reach.start].fill(f32::MIN);
        all[reach.end..].fill(f32::MIN);
        let mut largest = S::splat(f32::MIN);
        for column in (0..width).step_by(S::LANES) {
            largest = S::max(largest, S::load(scores.add(column)));
        }
        let largest = S::splat(S::largest(largest));
        let mut sum = S::splat(0.0);
        for column in (0..width).step_by(S::LANES) {
            let weight = simd::exp::<S>(S::sub(S::load(scores.add(column)), largest));
            sum = S::add(sum, weight);
            S::store(scores.add(column), weight);
        }
        1.0 / S::sum(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Kernel, guard::Guarded, memory::stride_of};

    fn number(ix: usize) -> f32 {
        (ix * 37 % 64) as f32 / 32.0 - 1.0
    }

    /// Rows as a table has them, that end where nothing may be touched.
    fn table(rows: usize, width: usize, number: impl Fn(usize) -> f32) -> (Guarded, usize) {
        let stride = stride_of(width);
        (Guarded::new(rows * stride + 32, number), stride)
    }

    /// One head over some rows, with every table guarded; the plain computation beside it.
    fn check(kernel: Kernel, (rows, width): (usize, usize), all: bool) {
        let (mut projected, stride) = table(rows, 3 * width, number);
        let panels = rows.div_ceil(kernel.panel());
        let (mut keys, panel_stride) = table(panels, kernel.panel() * width, |_| 0.0);
        let (mut out, out_stride) = table(rows, width, |_| 0.0);
        let (mut scores, scores_stride) = table(TILE, rows + 3 * kernel.panel(), |_| 0.0);
        let mut seen = Guarded::new(rows, |_| 0.0);
        let reach = Reach { first: 0, end: all.then_some(rows), rows };
        let from = Rows { base: projected.as_mut_ptr(), stride };
        let head = Head {
            queries: from,
            keys: from.from(width),
            values: from.from(2 * width),
            panels: Rows { base: keys.as_mut_ptr(), stride: panel_stride },
            out: Rows { base: out.as_mut_ptr(), stride: out_stride },
            scores: Rows { base: scores.as_mut_ptr(), stride: scores_stride },
            seen: seen.as_mut_ptr(),
            width,
            span: 0..rows,
            reach,
        };
        // SAFETY: the kernel is here, and all tables have the rows.
        unsafe { kernel.run(head) };
        let at = |row: usize, column: usize| f64::from(projected.as_slice()[row * stride + column]);
        for row in 0..rows {
            let weight = |other: usize| (0..width).map(|c| at(row, c) * at(other, width + c)).sum::<f64>().exp();
            let total: f64 = reach.of(row).map(weight).sum();
            for column in 0..width {
                let want = reach.of(row).map(|o| weight(o) * at(o, 2 * width + column)).sum::<f64>() / total;
                let got = f64::from(out.as_slice()[row * out_stride + column]);
                assert!((got - want).abs() < 1e-5, "{kernel:?} {rows} x {width}, row {row}, column {column}");
            }
        }
        assert!((seen.as_slice().iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_head_attends_as_it_is_written_and_touches_nothing_beyond_its_tables() {
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_here()) {
            for size in [(1, 1), (2, 5), (13, 7), (40, 33), (33, 32)] {
                check(kernel, size, true);
                check(kernel, size, false);
            }
        }
    }
}
