//! Numbers of either width.

use candle_core::WithDType;
use nalgebra::{ClosedAddAssign, ClosedMulAssign, Scalar};

use super::matrix::{self, Matrix};

/// f32, in which networks train, or f64, in which tests compare gradients.
pub(crate) trait Real:
    WithDType + Scalar + ClosedAddAssign + ClosedMulAssign + Default + std::iter::Sum
{
    /// The root.
    fn root(self) -> Self;

    /// e^x for x <= 0; a loop of it becomes vector instructions in f32.
    fn exponential(self) -> Self;

    /// c = keep c + scale a b, as [`matrix::product`] takes them.
    fn product(c: (&mut [Self], usize), factors: (Matrix<'_, Self>, Matrix<'_, Self>), scales: (Self, Self));
}

impl Real for f32 {
    fn root(self) -> Self {
        self.sqrt()
    }

    /// 2^n e^r with n = round(x / ln 2) and |r| <= ln(2) / 2, e^r by its Taylor polynomial: within 3e-7 of the value.
    #[inline]
    fn exponential(self) -> Self {
        /// Adding it to a small number rounds that to an integer, which stands in the lowest bits.
        const ROUND: f32 = 12_582_912.0;
        /// ln 2 in two parts; n times the first is exact.
        const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);
        let x = self.max(-87.0);
        let shifted = x * std::f32::consts::LOG2_E + ROUND;
        let n = shifted - ROUND;
        let r = (x - n * LN_2.0) - n * LN_2.1;
        let tail = 1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0)));
        let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
        (1.0 + r * (1.0 + r * (0.5 + r * tail))) * power
    }

    fn product(c: (&mut [Self], usize), factors: (Matrix<'_, Self>, Matrix<'_, Self>), scales: (Self, Self)) {
        matrix::narrow_product(c, factors, scales);
    }
}

impl Real for f64 {
    fn root(self) -> Self {
        self.sqrt()
    }

    fn exponential(self) -> Self {
        self.exp()
    }

    fn product(c: (&mut [Self], usize), factors: (Matrix<'_, Self>, Matrix<'_, Self>), scales: (Self, Self)) {
        matrix::wide_product(c, factors, scales);
    }
}

/// Sums that are taken side by side, so that they can be a vector's.
const LANES: usize = 16;

/// The sum of `x`.
pub(crate) fn sum<T: Real>(x: &[T]) -> T {
    let mut lanes = [T::default(); LANES];
    let chunks = x.chunks_exact(LANES);
    let rest: T = chunks.remainder().iter().copied().sum();
    chunks.for_each(|x| lanes.iter_mut().zip(x).for_each(|(lane, x)| *lane += *x));
    lanes.into_iter().sum::<T>() + rest
}

/// The sum of x_i y_i.
pub(crate) fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    let mut lanes = [T::default(); LANES];
    let (xs, ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: T = xs.remainder().iter().zip(ys.remainder()).map(|(x, y)| *x * *y).sum();
    xs.zip(ys).for_each(|(x, y)| lanes.iter_mut().zip(x).zip(y).for_each(|((lane, x), y)| *lane += *x * *y));
    lanes.into_iter().sum::<T>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_narrow_exponential_is_close_and_vanishes_far_out() {
        for step in 0..8700 {
            let x = -(step as f32) / 100.0;
            let want = f64::from(x).exp();
            assert!((f64::from(x.exponential()) - want).abs() <= 4e-7 * want, "{x}");
        }
        assert!(f32::MIN.exponential() < 1e-37 && f32::NEG_INFINITY.exponential() < 1e-37);
        assert_eq!(0f32.exponential(), 1.0);
    }
}
