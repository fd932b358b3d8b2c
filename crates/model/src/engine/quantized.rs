//! Products in fewer bits: weights and what they are multiplied with in bf16 or int8, sums and results in f32.
//!
//! Laid out as in [`gemm`](super::gemm), but a place holds a word: two bf16 numbers or four int8, which follow one another
//! in depth. With int8, each column of weights has a scale, and so has each row of the left side: one row's spike
//! costs the others nothing, and an answer does not depend on which rows are computed together. The processor multiplies
//! unsigned by signed numbers, so a left side is shifted by 128, and sums begin with what that adds too much.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{
    gemm::{Call, Panel, Part, Tap},
    memory::{Numbers, Rows, Table},
};

/// How exactly a network's hidden layers are computed when it serves. Its first and its last layer are computed in f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As it was trained.
    #[default]
    F32,
    /// Products of numbers of eight binary digits, twice as many at a time (AVX512-BF16).
    Bf16,
    /// Products of whole numbers up to 127, four times as many at a time (AVX512-VNNI).
    Int8,
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        })
    }
}

impl Precision {
    /// All of them, the most exact first.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Int8];

    /// Whether this processor has it.
    pub fn is_here(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        let wide = || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw");
        match self {
            Self::F32 => true,
            #[cfg(target_arch = "x86_64")]
            Self::Bf16 => wide() && is_x86_feature_detected!("avx512bf16"),
            #[cfg(target_arch = "x86_64")]
            Self::Int8 => wide() && is_x86_feature_detected!("avx512vnni"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Numbers in a word.
    fn in_word(self) -> usize {
        match self {
            Self::F32 => 1,
            Self::Bf16 => 2,
            Self::Int8 => 4,
        }
    }

    /// By how much a column of weights is scaled.
    fn scale(self, column: impl Iterator<Item = f32>) -> f32 {
        let largest = column.fold(0.0, |largest: f32, weight| largest.max(weight.abs()));
        if self == Self::Int8 && largest > 0.0 { largest / 127.0 } else { 1.0 }
    }

    /// Some scaled weights as a word.
    fn word(self, weights: impl Iterator<Item = f32>) -> u32 {
        let bits = |weight: f32| match self {
            Self::F32 => weight.to_bits(),
            Self::Bf16 => {
                let bits = weight.to_bits();
                (bits + 0x7fff + (bits >> 16 & 1)) >> 16
            }
            Self::Int8 => u32::from(weight.round() as i8 as u8),
        };
        let width = 32 / self.in_word();
        weights.enumerate().fold(0, |word, (ix, weight)| word | bits(weight) << (ix * width))
    }
}

/// Columns of a panel: two vectors.
const PANEL: usize = 32;

/// A packed right side with its bias.
#[derive(Debug)]
pub(super) struct Quantized {
    precision: Precision,
    /// For each panel its bias and its columns' scales; then for each tap what sums begin with, and its words.
    words: Numbers,
    panels: Vec<Panel>,
    taps: Vec<Vec<Tap>>,
}

impl Quantized {
    /// Packs the parts side by side. `precision` is less than f32, and is here.
    pub(super) fn new(precision: Precision, parts: &[Part]) -> Self {
        let (mut words, mut panels, mut first) = (Vec::new(), Vec::new(), 0);
        for (number, part) in parts.iter().enumerate() {
            let all = part.bias.len();
            for column in (0..all).step_by(PANEL) {
                let columns = PANEL.min(all - column);
                panels.push(Panel { at: words.len(), column: first + column, columns, part: number });
                pack(&mut words, precision, part, column..column + columns);
            }
            first += all;
        }
        let taps = parts.iter().map(|part| part.taps.clone()).collect();
        Self { precision, words: Numbers::from(&*words), panels, taps }
    }

    /// How many panels: what can be computed independently.
    pub(super) fn panels(&self) -> usize {
        self.panels.len()
    }

    /// The offsets of all taps.
    pub(super) fn offsets(&self) -> impl Iterator<Item = isize> + '_ {
        self.taps.iter().flatten().map(|tap| tap.offset)
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
            side.make_room(span.clone(), columns.div_ceil(self.precision.in_word()));
            // SAFETY: the side has room for the span; the caller answers for the source; the processor has the precision.
            unsafe { self.fill(side, *rows, span, columns) }
        }
    }

    /// Computes the columns of one panel for the call's rows.
    ///
    /// # Safety
    /// `sides` hold what [`narrow`](Self::narrow) wrote for this call; the panel's columns of `out` (and of what is added)
    /// may be written by this call alone.
    pub(super) unsafe fn multiply(&self, panel: usize, call: &Call, sides: &[Side; 2]) {
        let job = Stripe { packed: self, panel: self.panels[panel], call, sides };
        // SAFETY: the processor has the precision, as `new` asks; the caller answers for the memory.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            match self.precision {
                Precision::F32 => {}
                Precision::Bf16 => x86::multiply_bf16(&job),
                Precision::Int8 => x86::multiply_int8(&job),
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
                match self.precision {
                    Precision::F32 => {}
                    Precision::Bf16 => x86::narrow_bf16(from, to.cast(), columns),
                    Precision::Int8 => side.scales[at] = x86::narrow_int8(from, to.cast(), columns),
                }
            }
            #[cfg(not(target_arch = "x86_64"))]
            let _ = (from, to, columns);
        }
    }
}

/// Appends a panel: some columns of a part.
fn pack(words: &mut Vec<f32>, precision: Precision, part: &Part, columns: Range<usize>) {
    let all = part.bias.len();
    let padded = |words: &mut Vec<f32>, numbers: &mut dyn Iterator<Item = f32>| {
        let end = words.len() + PANEL;
        words.extend(numbers);
        words.resize(end, 0.0);
    };
    padded(words, &mut part.bias[columns.clone()].iter().copied());
    let weights = |column: usize| part.weight[column..].iter().step_by(all).copied();
    let scales: Vec<f32> = columns.clone().map(|column| precision.scale(weights(column))).collect();
    padded(words, &mut scales.iter().copied());
    let (in_word, mut first) = (precision.in_word(), 0);
    for tap in &part.taps {
        let scaled = |column: usize, depth: Range<usize>| {
            let scale = scales[column - columns.start];
            depth.filter(|k| *k < tap.columns).map(move |k| part.weight[(first + k) * all + column] / scale)
        };
        let too_much = |column| {
            let sum: i32 = scaled(column, 0..tap.columns).map(|weight| weight.round() as i32).sum();
            f32::from_bits((if precision == Precision::Int8 { -128 * sum } else { 0 }) as u32)
        };
        padded(words, &mut columns.clone().map(too_much));
        for depth in (0..tap.columns).step_by(in_word) {
            let word = |column| f32::from_bits(precision.word(scaled(column, depth..depth + in_word)));
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
struct Stripe<'a> {
    packed: &'a Quantized,
    panel: Panel,
    call: &'a Call<'a>,
    sides: &'a [Side; 2],
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{PANEL, Stripe};
    use crate::engine::{
        gemm::{each_height, finish, next_tile},
        simd::x86::Avx512,
    };

    /// How words are multiplied.
    ///
    /// # Safety
    /// Every method asks that the processor has the instructions; `dot` that sixteen words lie at `b`.
    trait Words: Copy {
        /// Rows of a tile.
        const TILE: usize = 10;
        /// Sixteen sums.
        type Sums: Copy;
        /// Sums that begin with what sixteen words at `from` say.
        unsafe fn begin(from: *const f32) -> Self::Sums;
        /// The products of the numbers in `a` with those in each of sixteen words, added up.
        unsafe fn dot(sums: Self::Sums, a: i32, b: *const f32) -> Self::Sums;
        unsafe fn zero() -> Self::Sums;
        /// total + sums * scale.
        unsafe fn add(total: __m512, sums: Self::Sums, scale: f32) -> __m512;
    }

    #[derive(Clone, Copy)]
    struct Bf16;

    // SAFETY (of each method): the caller says that the processor has AVX-512 with BF16, and what lies at pointers.
    impl Words for Bf16 {
        type Sums = __m512;

        #[inline(always)]
        unsafe fn begin(_: *const f32) -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn zero() -> __m512 {
            unsafe { _mm512_setzero_ps() }
        }
        #[inline(always)]
        unsafe fn dot(sums: __m512, a: i32, b: *const f32) -> __m512 {
            unsafe {
                let (a, b) = (_mm512_set1_epi32(a), _mm512_loadu_si512(b.cast()));
                _mm512_dpbf16_ps(sums, std::mem::transmute::<__m512i, __m512bh>(a), std::mem::transmute(b))
            }
        }
        #[inline(always)]
        unsafe fn add(total: __m512, sums: __m512, _: f32) -> __m512 {
            unsafe { _mm512_add_ps(total, sums) }
        }
    }

    #[derive(Clone, Copy)]
    struct Int8;

    // SAFETY (of each method): the caller says that the processor has AVX-512 with VNNI, and what lies at pointers.
    impl Words for Int8 {
        type Sums = __m512i;

        #[inline(always)]
        unsafe fn begin(from: *const f32) -> __m512i {
            unsafe { _mm512_loadu_si512(from.cast()) }
        }
        #[inline(always)]
        unsafe fn zero() -> __m512i {
            unsafe { _mm512_setzero_si512() }
        }
        #[inline(always)]
        unsafe fn dot(sums: __m512i, a: i32, b: *const f32) -> __m512i {
            unsafe { _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(a), _mm512_loadu_si512(b.cast())) }
        }
        #[inline(always)]
        unsafe fn add(total: __m512, sums: __m512i, scale: f32) -> __m512 {
            unsafe { _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums), _mm512_set1_ps(scale), total) }
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn multiply_bf16(stripe: &Stripe) {
        // SAFETY: as this function's.
        unsafe { stripe.run::<Bf16>() }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) unsafe fn multiply_int8(stripe: &Stripe) {
        // SAFETY: as this function's.
        unsafe { stripe.run::<Int8>() }
    }

    /// Writes `columns` numbers as bf16, the nearest, a whole word at the end.
    ///
    /// # Safety
    /// The processor has AVX-512 with BF16; as many numbers and words lie there.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(super) unsafe fn narrow_bf16(from: *const f32, to: *mut u16, columns: usize) {
        for at in (0..columns).step_by(16) {
            let left = columns - at;
            // SAFETY: the masks leave out what lies beyond the last number and the last word.
            unsafe {
                let x = _mm512_maskz_loadu_ps(lanes(left) as __mmask16, from.add(at));
                let x = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x));
                let x = _mm512_castsi256_si512(x);
                _mm512_mask_storeu_epi16(to.add(at).cast(), lanes(left.next_multiple_of(2)), x);
            }
        }
    }

    /// Writes `columns` numbers as whole ones from 1 to 255, 128 being zero, whole words at the end; what they are to be
    /// multiplied with.
    ///
    /// # Safety
    /// The processor has AVX-512 with BW; as many numbers and words lie there.
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn narrow_int8(from: *const f32, to: *mut u8, columns: usize) -> f32 {
        // SAFETY: the masks leave out what lies beyond the last number and the last word.
        unsafe {
            let load = |at: usize| _mm512_maskz_loadu_ps(lanes(columns - at) as __mmask16, from.add(at));
            let mut largest = _mm512_setzero_ps();
            for at in (0..columns).step_by(16) {
                largest = _mm512_max_ps(largest, _mm512_abs_ps(load(at)));
            }
            let largest = _mm512_reduce_max_ps(largest);
            let times = if largest > 0.0 { 127.0 / largest } else { 0.0 };
            for at in (0..columns).step_by(16) {
                let x = _mm512_cvtps_epi32(_mm512_mul_ps(load(at), _mm512_set1_ps(times)));
                let x = _mm512_cvtepi32_epi8(_mm512_add_epi32(x, _mm512_set1_epi32(128)));
                let bytes = _mm512_castsi128_si512(x);
                let left = u64::from(lanes((columns - at).next_multiple_of(4)) & 0xffff);
                _mm512_mask_storeu_epi8(to.add(at).cast(), left, bytes);
            }
            largest / 127.0
        }
    }

    /// A bit for each of the first `count` lanes, at most sixteen.
    #[inline(always)]
    fn lanes(count: usize) -> u32 {
        (1 << count.min(16)) - 1
    }

    impl Stripe<'_> {
        #[inline(always)]
        unsafe fn run<W: Words>(&self) {
            let mut rows = self.call.rows.clone();
            while let Some(tile) = next_tile::<Avx512>(&mut rows) {
                // SAFETY: as `Quantized::multiply`'s; the tile lies in the call's rows.
                unsafe { each_height!(tile.len(), self.tile::<W>(tile.start)) }
            }
        }

        #[inline(always)]
        unsafe fn tile<W: Words, const HEIGHT: usize, const SUMS: usize>(&self, row: usize) {
            let Self { packed, panel, call, sides } = self;
            // SAFETY: a panel has its bias, its scales, and for each tap what sums begin with and its words; the sides have
            // the taps' rows; the caller answers for the result.
            unsafe {
                let bias = packed.words.as_ptr().add(panel.at);
                let mut b = bias.add(2 * PANEL);
                let mut total = [[_mm512_setzero_ps(); 2]; HEIGHT];
                for tap in &packed.taps[panel.part] {
                    let side = &sides[tap.source];
                    let at = (row as isize + tap.offset - side.first) as usize;
                    let words = tap.columns.div_ceil(packed.precision.in_word());
                    let rows = side.words.read();
                    let a = rows.at(at as isize, 0).cast_const().cast();
                    let sums = products::<W, HEIGHT, SUMS>((a, rows.stride), b, words);
                    for (height, total) in total.iter_mut().enumerate() {
                        let scale = side.scales[at + height];
                        for sums in &sums {
                            *total =
                                [W::add(total[0], sums[height][0], scale), W::add(total[1], sums[height][1], scale)];
                        }
                    }
                    b = b.add((1 + words) * PANEL);
                }
                let scales = [_mm512_loadu_ps(bias.add(PANEL)), _mm512_loadu_ps(bias.add(PANEL + 16))];
                for (height, total) in total.into_iter().enumerate() {
                    let scaled = [_mm512_mul_ps(total[0], scales[0]), _mm512_mul_ps(total[1], scales[1])];
                    finish::<Avx512>(call, (row + height) as isize, panel, scaled, bias);
                }
            }
        }
    }

    /// The products of some rows with one tap's words, in several sums.
    #[inline(always)]
    unsafe fn products<W: Words, const HEIGHT: usize, const SUMS: usize>(
        (a, stride): (*const i32, usize),
        b: *const f32,
        words: usize,
    ) -> [[[W::Sums; 2]; HEIGHT]; SUMS] {
        // SAFETY: every index is below the height and the words, of which `b` has one row more.
        unsafe {
            let mut sums = [[[W::zero(); 2]; HEIGHT]; SUMS];
            sums[0] = [[W::begin(b), W::begin(b.add(16))]; HEIGHT];
            let step = |sums: &mut [[W::Sums; 2]; HEIGHT], k: usize| {
                let b = b.add((1 + k) * PANEL);
                for (height, sums) in sums.iter_mut().enumerate() {
                    let a = *a.add(height * stride + k);
                    *sums = [W::dot(sums[0], a, b), W::dot(sums[1], a, b.add(16))];
                }
            };
            let whole = words / SUMS * SUMS;
            for k in (0..whole).step_by(SUMS) {
                sums.iter_mut().enumerate().for_each(|(ix, sums)| step(sums, k + ix));
            }
            (whole..words).for_each(|k| step(&mut sums[0], k));
            sums
        }
    }
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
    fn check(precision: Precision, (rows, depth, columns): (usize, usize, usize)) {
        let a = Guarded::new((rows + 1) * depth, |ix| number(ix, ix % depth == 0));
        let weight: Vec<f32> = (0..2 * depth * columns).map(|ix| number(ix + 5, ix < columns)).collect();
        let bias: Vec<f32> = (0..columns).map(|ix| number(ix + 1, false)).collect();
        let tap = |offset| Tap { source: 0, offset, columns: depth };
        let part = Part { taps: vec![tap(0), tap(1)], weight, bias };
        let packed = Quantized::new(precision, std::slice::from_ref(&part));
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
            assert!(
                (got - want).abs() <= want.abs() * 1e-6,
                "{precision:?} {rows} x {depth} x {columns}: {got}, {want}"
            );
        }
    }

    #[test]
    fn products_of_what_has_few_digits_are_exact_and_touch_nothing_beyond_their_sides() {
        for precision in [Precision::Bf16, Precision::Int8] {
            if !precision.is_here() {
                eprintln!("SKIPPED: this processor has no {precision:?}, so it was not tested");
                continue;
            }
            for rows in [1, 2, 3, 6, 10, 11, 23] {
                for (depth, columns) in [(1, 1), (3, 16), (4, 33), (9, 15), (33, 64)] {
                    check(precision, (rows, depth, columns));
                }
            }
        }
    }
}
