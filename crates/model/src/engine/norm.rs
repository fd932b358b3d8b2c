//! Layer normalisation.

use std::ops::Range;

use super::{
    memory::Rows,
    simd::{Job, Simd},
};
use crate::layers::EPSILON;

/// Layer normalisation in place: y = (x - mean) / sqrt(variance + 1e-5) * gain + bias.
///
/// # Safety
/// `run` reads and writes the rows of `span`, each as wide as the gain and the bias are.
#[derive(Debug)]
pub(super) struct Normalise<'a> {
    pub(super) rows: Rows,
    pub(super) span: Range<usize>,
    pub(super) gain: &'a [f32],
    pub(super) bias: &'a [f32],
}

impl Job for Normalise<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Simd>(self) {
        for row in self.span.clone() {
            // SAFETY: the caller answers for the rows; every index is below their width.
            unsafe { self.row::<S>(self.rows.at(row as isize, 0)) }
        }
    }
}

impl Normalise<'_> {
    #[inline(always)]
    unsafe fn row<S: Simd>(&self, x: *mut f32) {
        let width = self.gain.len();
        let whole = width / S::LANES * S::LANES;
        // SAFETY: as `run`'s.
        unsafe {
            let mut sums = S::splat(0.0);
            for at in (0..whole).step_by(S::LANES) {
                sums = S::add(sums, S::load(x.add(at)));
            }
            let rest: f32 = (whole..width).map(|at| *x.add(at)).sum();
            let mean = (S::sum(sums) + rest) / width as f32;
            let mut squares = S::splat(0.0);
            for at in (0..whole).step_by(S::LANES) {
                let centred = S::sub(S::load(x.add(at)), S::splat(mean));
                squares = S::fma(centred, centred, squares);
            }
            let rest: f32 = (whole..width).map(|at| (*x.add(at) - mean) * (*x.add(at) - mean)).sum();
            let scale = 1.0 / ((S::sum(squares) + rest) / width as f32 + EPSILON as f32).sqrt();
            for at in (0..whole).step_by(S::LANES) {
                let scaled = S::mul(S::sub(S::load(x.add(at)), S::splat(mean)), S::splat(scale));
                let (gain, bias) = (S::load(self.gain.as_ptr().add(at)), S::load(self.bias.as_ptr().add(at)));
                S::store(x.add(at), S::fma(scaled, gain, bias));
            }
            for at in whole..width {
                *x.add(at) = (*x.add(at) - mean) * scale * self.gain[at] + self.bias[at];
            }
        }
    }
}
