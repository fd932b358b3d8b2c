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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Kernel, guard::Guarded};

    #[test]
    fn rows_have_mean_zero_and_deviation_one_and_nothing_beyond_them_is_touched() {
        for kernel in Kernel::ALL.into_iter().filter(|kernel| kernel.is_here()) {
            for width in [2, 7, 16, 33, 128] {
                let mut numbers = Guarded::new(3 * width, |ix| (ix * 37 % 64) as f32);
                let (gain, bias) = (Guarded::new(width, |_| 2.0), Guarded::new(width, |_| 0.5));
                let rows = Rows { base: numbers.as_mut_ptr(), stride: width };
                // SAFETY: the kernel is here, and the rows are as wide as gain and bias.
                unsafe {
                    kernel.run(Normalise { rows, span: 0..3, gain: gain.as_slice(), bias: bias.as_slice() });
                }
                for row in numbers.as_slice().chunks_exact(width) {
                    let mean = row.iter().sum::<f32>() / width as f32;
                    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / width as f32;
                    assert!((mean - 0.5).abs() < 1e-4 && (variance - 4.0).abs() < 1e-2, "{kernel:?} {width}: {row:?}");
                }
            }
        }
    }
}
