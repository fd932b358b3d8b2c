//! Words and their products on x86 with AVX-512.

use std::arch::x86_64::*;

use super::{PANEL, PanelJob};
use crate::engine::{
    gemm::{each_height, finish, next_tile},
    simd::{Simd, x86::Avx512},
};

/// How words are multiplied.
///
/// # Safety
/// Every method asks that the processor has the instructions; `dot` that sixteen words lie at `b`.
trait Words: Copy {
    /// Rows of a tile.
    const TILE: usize = Avx512::TILE;
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
            _mm512_dpbf16_ps(
                sums,
                std::mem::transmute::<__m512i, __m512bh>(a),
                std::mem::transmute::<__m512i, __m512bh>(b),
            )
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
pub(super) unsafe fn multiply_bf16(job: &PanelJob) {
    // SAFETY: as this function's.
    unsafe { job.run::<Bf16>() }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) unsafe fn multiply_int8(job: &PanelJob) {
    // SAFETY: as this function's.
    unsafe { job.run::<Int8>() }
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

impl PanelJob<'_> {
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
                let words = tap.columns.div_ceil(packed.digits.in_word());
                let rows = side.words.read();
                let a = rows.at(at as isize, 0).cast_const().cast();
                let sums = products::<W, HEIGHT, SUMS>((a, rows.stride), b, words);
                for (height, total) in total.iter_mut().enumerate() {
                    let scale = side.scales[at + height];
                    for sums in &sums {
                        *total = [W::add(total[0], sums[height][0], scale), W::add(total[1], sums[height][1], scale)];
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
