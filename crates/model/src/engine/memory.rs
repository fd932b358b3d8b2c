//! Rows of numbers on whole cache lines.

use std::ops::Range;

/// One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Numbers that begin on a cache line, zero at first, with two lines more than asked for at their end: a vector that begins
/// at the last number does not leave them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbers {
    lines: Vec<Line>,
    len: usize,
}

impl Numbers {
    /// `len` zeros.
    pub(crate) fn new(len: usize) -> Self {
        Self { lines: vec![Line([0.0; 16]); len.div_ceil(16) + SPARE], len }
    }

    /// Makes room for at least `len`; what was there is lost where there was less.
    pub(super) fn grow(&mut self, len: usize) {
        if self.len < len {
            *self = Self::new(len);
        }
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        // SAFETY: the lines are that many numbers without padding, and live as long as `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as in `as_slice`, and `self` is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }

    pub(crate) fn as_ptr(&self) -> *const f32 {
        self.lines.as_ptr().cast()
    }

    pub(crate) fn as_mut_ptr(&mut self) -> *mut f32 {
        self.lines.as_mut_ptr().cast()
    }
}

impl From<&[f32]> for Numbers {
    fn from(values: &[f32]) -> Self {
        let mut numbers = Self::new(values.len());
        numbers.as_mut_slice().copy_from_slice(values);
        numbers
    }
}

/// Lines beyond the last number: the widest panel is two of them.
const SPARE: usize = 2;

/// Numbers from row to row of a table: an odd number of cache lines. With a power of two, one column's numbers of several
/// rows would fall on the same few places of the cache and drive each other out.
pub(super) fn stride_of(width: usize) -> usize {
    (width.div_ceil(16) | 1) * 16
}

/// A table of rows, each on cache lines of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Table {
    numbers: Numbers,
    width: usize,
    stride: usize,
}

impl Table {
    pub(super) fn new(rows: usize, width: usize) -> Self {
        let stride = stride_of(width);
        Self { numbers: Numbers::new(rows * stride), width, stride }
    }

    /// Where its rows lie. Good until the table is moved, borrowed or dropped.
    pub(super) fn rows(&mut self) -> Rows {
        Rows { base: self.numbers.as_mut_ptr(), stride: self.stride }
    }

    /// Where its rows lie, only to be read.
    pub(super) fn read(&self) -> Rows {
        Rows::of(self.numbers.as_slice(), self.stride)
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.numbers.as_slice()[row * self.stride..][..self.width]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f32] {
        &mut self.numbers.as_mut_slice()[row * self.stride..][..self.width]
    }

    /// How many numbers a row has.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How many rows it has.
    pub(super) fn height(&self) -> usize {
        self.numbers.len / self.stride.max(1)
    }

    /// Copies the rows `from`, of which it has those below its height, so that they begin at row `to`.
    pub(super) fn copy(&mut self, from: Range<usize>, to: usize) {
        let (stride, height) = (self.stride, self.height());
        let from = from.start.min(height) * stride..from.end.min(height) * stride;
        self.numbers.as_mut_slice().copy_within(from, to.min(height) * stride);
    }

    pub(super) fn clear(&mut self) {
        self.numbers.as_mut_slice().fill(0.0);
    }
}

/// Where the rows of a table lie; `stride` is how many numbers are from one to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows {
    pub(crate) base: *mut f32,
    pub(crate) stride: usize,
}

// SAFETY: a plain address; whoever follows it answers for who else does.
unsafe impl Send for Rows {}
// SAFETY: as above.
unsafe impl Sync for Rows {}

impl Rows {
    /// Rows that are only read.
    pub(crate) fn of(numbers: &[f32], stride: usize) -> Self {
        Self { base: numbers.as_ptr().cast_mut(), stride }
    }

    /// The number in `row` and `column`. Only an address: it may be anywhere.
    #[inline(always)]
    pub(crate) fn at(self, row: isize, column: usize) -> *mut f32 {
        self.base.wrapping_offset(row * self.stride as isize).wrapping_add(column)
    }

    /// The same rows from a column on.
    pub(super) fn from(self, column: usize) -> Self {
        Self { base: self.at(0, column), ..self }
    }
}
