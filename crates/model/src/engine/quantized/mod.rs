//! Products in fewer bits: weights and what they are multiplied with in bf16 or int8, sums and results in f32.
//!
//! Laid out as in [`gemm`](super::gemm), but a place holds a word: two bf16 numbers or four int8, which follow one another
//! in depth. With int8, each column of weights has a scale, and so has each row of the left side: one row's spike
//! costs the others nothing, and an answer does not depend on which rows are computed together. The processor multiplies
//! unsigned by signed numbers, so a left side is shifted by 128, and sums begin with what that adds too much.
//!
//! [`precision`] says which digits there are; `x86` has the instructions.

mod precision;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use super::{
    gemm::{Call, Panel, Part, Tap, lay_out},
    memory::{Numbers, Rows, Table},
};
pub(super) use precision::Digits;
pub use precision::Precision;

/// Columns of a panel: two vectors.
const PANEL: usize = 32;

/// A packed right side with its bias.
#[derive(Debug)]
pub(super) struct Quantized {
    digits: Digits,
    /// For each panel its bias and its columns' scales; then for each tap what sums begin with, and its words.
    words: Numbers,
    panels: Vec<Panel>,
    taps: Vec<Vec<Tap>>,
}

impl Quantized {
    /// Packs the parts side by side, for a processor that has the digits.
    pub(super) fn new(digits: Digits, parts: &[Part]) -> Self {
        let (words, panels) = lay_out(parts, PANEL, |words, part, columns| pack(words, digits, part, columns));
        let taps = parts.iter().map(|part| part.taps.clone()).collect();
        Self { digits, words, panels, taps }
    }

    /// How many panels: what can be computed independently.
    pub(super) fn panels(&self) -> usize {
        self.panels.len()
    }

    /// The taps of each part.
    pub(super) fn taps(&self) -> &[Vec<Tap>] {
        &self.taps
    }

    /// Writes the rows that the call's rows look at as words.
    ///
    /// # Safety
    /// All the taps' rows of the call's sources may be read.
    pub(super) unsafe fn narrow(&self, call: &Call, sides: &mut [Side; 2]) {
        for (source, (side, rows)) in sides.iter_mut().zip(call.sources).enumerate() {
            let taps = || self.taps.iter().flatten().filter(|tap| tap.source == source);
            let Some(columns) = taps().map(|tap| tap.columns).max() else { continue };
            let from = taps().map(|tap| tap.offset).min().unwrap_or(0);
            let to = taps().map(|tap| tap.offset).max().unwrap_or(0);
            let span = call.rows.start as isize + from..call.rows.end as isize + to;
            side.make_room(span.clone(), columns.div_ceil(self.digits.in_word()));
            // SAFETY: the side has room for the span; the caller answers for the source; the processor has the digits.
            unsafe { self.fill(side, *rows, span, columns) }
        }
    }

    /// Computes the columns of one panel for the call's rows.
    ///
    /// # Safety
    /// `sides` hold what [`narrow`](Self::narrow) wrote for this call; the panel's columns of `out` (and of what is added)
    /// may be written by this call alone.
    pub(super) unsafe fn multiply(&self, panel: usize, call: &Call, sides: &[Side; 2]) {
        let job = PanelJob { packed: self, panel: self.panels[panel], call, sides };
        // SAFETY: the processor has the digits, as `new` asks; the caller answers for the memory.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            match self.digits {
                Digits::Bf16 => x86::multiply_bf16(&job),
                Digits::Int8 => x86::multiply_int8(&job),
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = job;
    }

    /// Writes `span` of the source's rows into a side that has room.
    ///
    /// # Safety
    /// As [`narrow`](Self::narrow)'s.
    unsafe fn fill(&self, side: &mut Side, source: Rows, span: Range<isize>, columns: usize) {
        for row in span {
            let (from, at) = (source.at(row, 0).cast_const(), (row - side.first) as usize);
            let to = side.words.row_mut(at).as_mut_ptr();
            // SAFETY: the caller answers for the source; a row of the side holds all its words.
            #[cfg(target_arch = "x86_64")]
            unsafe {
                match self.digits {
                    Digits::Bf16 => x86::narrow_bf16(from, to.cast(), columns),
                    Digits::Int8 => side.scales[at] = x86::narrow_int8(from, to.cast(), columns),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = (from, to, columns);
        }
    }
}

/// Appends a panel: some columns of a part.
fn pack(words: &mut Vec<f32>, digits: Digits, part: &Part, columns: Range<usize>) {
    let all = part.bias.len();
    let padded = |words: &mut Vec<f32>, numbers: &mut dyn Iterator<Item = f32>| {
        let end = words.len() + PANEL;
        words.extend(numbers);
        words.resize(end, 0.0);
    };
    padded(words, &mut part.bias[columns.clone()].iter().copied());
    let weights = |column: usize| part.weight[column..].iter().step_by(all).copied();
    let scales: Vec<f32> = columns.clone().map(|column| digits.scale(weights(column))).collect();
    padded(words, &mut scales.iter().copied());
    let (in_word, mut first) = (digits.in_word(), 0);
    for tap in &part.taps {
        let scaled = |column: usize, depth: Range<usize>| {
            let scale = scales[column - columns.start];
            depth.filter(|k| *k < tap.columns).map(move |k| part.weight[(first + k) * all + column] / scale)
        };
        let too_much = |column| {
            let sum: i32 = scaled(column, 0..tap.columns).map(|weight| weight.round() as i32).sum();
            f32::from_bits((if digits == Digits::Int8 { -128 * sum } else { 0 }) as u32)
        };
        padded(words, &mut columns.clone().map(too_much));
        for depth in (0..tap.columns).step_by(in_word) {
            let word = |column| f32::from_bits(digits.word(scaled(column, depth..depth + in_word)));
            padded(words, &mut columns.clone().map(word));
        }
        first += tap.columns;
    }
}

/// Rows of a left side as words.
#[derive(Debug, Default)]
pub(super) struct Side {
    words: Table,
    /// The number of the first row.
    first: isize,
    /// By what a row's numbers are to be multiplied.
    scales: Vec<f32>,
}

impl Side {
    fn make_room(&mut self, span: Range<isize>, width: usize) {
        let rows = span.len();
        if self.words.height() < rows || self.words.width() < width {
            self.words = Table::new(rows.max(self.words.height()), width.max(self.words.width()));
            self.scales.resize(self.words.height(), 1.0);
        }
        self.first = span.start;
    }
}

/// A panel of the result.
struct PanelJob<'a> {
    packed: &'a Quantized,
    panel: Panel,
    call: &'a Call<'a>,
    sides: &'a [Side; 2],
}

/// Whether the processor multiplies as it should, here and now: asked once, before the digits are used.
fn agrees(digits: Digits) -> bool {
    let (rows, depth, columns) = (23, 19, 45);
    let number = |ix: usize| if ix.is_multiple_of(depth) { 127.0 } else { (ix * 29 % 16) as f32 - 8.0 };
    let a: Vec<f32> = (0..rows * depth).map(number).collect();
    let at = |k: usize, column: usize| number(column * depth + k);
    let weight = (0..depth).flat_map(|k| (0..columns).map(move |column| at(k, column))).collect();
    let part = Part { taps: vec![Tap { source: 0, offset: 0, columns: depth }], weight, bias: vec![1.0; columns] };
    let (packed, mut sides) = (Quantized::new(digits, &[part]), Default::default());
    let mut out = vec![0.0; rows * columns];
    let sources = [Rows::of(&a, depth)];
    let call = Call::new(&sources, 0..rows, Rows { base: out.as_mut_ptr(), stride: columns });
    // SAFETY: the caller says that the processor has the digits; both sides have all rows.
    unsafe {
        packed.narrow(&call, &mut sides);
        (0..packed.panels()).for_each(|panel| packed.multiply(panel, &call, &sides));
    }
    (0..rows * columns).all(|ix| {
        let want = 1.0 + (0..depth).map(|k| a[ix / columns * depth + k] * at(k, ix % columns)).sum::<f32>();
        (out[ix] - want).abs() <= 1e-5 * want.abs()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::guard::Guarded;

    /// Small integers: exact in every precision, and so is their sum. One of each row and column is 127.
    fn number(ix: usize, first: bool) -> f32 {
        if first { 127.0 } else { (ix * 29 % 16) as f32 - 8.0 }
    }

    /// Two taps, the second a row later, on a left side and to a result that end where nothing may be touched.
    fn check(digits: Digits, (rows, depth, columns): (usize, usize, usize)) {
        let a = Guarded::new((rows + 1) * depth, |ix| number(ix, ix % depth == 0));
        let weight: Vec<f32> = (0..2 * depth * columns).map(|ix| number(ix + 5, ix < columns)).collect();
        let bias: Vec<f32> = (0..columns).map(|ix| number(ix + 1, false)).collect();
        let tap = |offset| Tap { source: 0, offset, columns: depth };
        let part = Part { taps: vec![tap(0), tap(1)], weight, bias };
        let packed = Quantized::new(digits, std::slice::from_ref(&part));
        let mut out = Guarded::new(rows * columns, |_| 0.0);
        let sources = [Rows::of(a.as_slice(), depth)];
        let call = Call::new(&sources, 0..rows, Rows { base: out.as_mut_ptr(), stride: columns });
        let mut sides = Default::default();
        // SAFETY: the left side has one row more than the call, and the result all of the call's.
        unsafe {
            packed.narrow(&call, &mut sides);
            (0..packed.panels()).for_each(|panel| packed.multiply(panel, &call, &sides));
        }
        for (ix, got) in out.as_slice().iter().enumerate() {
            let (row, column) = (ix / columns, ix % columns);
            let product = |k: usize| a.as_slice()[row * depth + k] * part.weight[k * columns + column];
            let want = part.bias[column] + (0..2 * depth).map(product).sum::<f32>();
            assert!((got - want).abs() <= want.abs() * 1e-6, "{digits:?} {rows} x {depth} x {columns}: {got}, {want}");
        }
    }

    #[test]
    fn products_of_what_has_few_digits_are_exact_and_touch_nothing_beyond_their_sides() {
        for precision in [Precision::Bf16, Precision::Int8] {
            let Some(digits) = precision.fewer().filter(|_| precision.is_here()) else {
                eprintln!("SKIPPED: this processor has no {precision}, so it was not tested");
                continue;
            };
            for rows in [1, 2, 3, 6, 10, 11, 23] {
                for (depth, columns) in [(1, 1), (3, 16), (4, 33), (9, 15), (33, 64)] {
                    check(digits, (rows, depth, columns));
                }
            }
        }
    }
}
