//! The squared error: how large a row's residuals are, each in its own scale.

/// A residual larger than this counts as this much: its square, and the sum of many, must stay finite.
const LARGEST: f64 = 1e100;

/// The point-wise error e_t = (1/m) sum_j z_j^2 over the m measured of d tags (paper, section 3.3 and table 3), in squared
/// scales; about 1 in normal operation. O(d).
///
/// The paper's sum is divided by m, so that a tag that was not measured neither raises nor lowers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointWise;

impl PointWise {
    /// The error of one row; 0 if nothing was measured.
    pub fn statistic(z: &[f64]) -> f64 {
        mean(z.iter().filter_map(|z| measured(*z)).map(|z| z * z))
    }

    /// z_j^2 of each tag: d numbers, 0 where nothing was measured.
    pub fn terms(z: &[f64]) -> Vec<f64> {
        z.iter().map(|z| measured(*z).map_or(0.0, |z| z * z)).collect()
    }
}

/// A residual that can be squared; none where the tag was not measured.
pub(super) fn measured(z: f64) -> Option<f64> {
    z.is_finite().then(|| z.clamp(-LARGEST, LARGEST))
}

/// The mean, 0 of nothing.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), x| (sum + x, count + 1));
    sum / count.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_mean_square_of_what_was_measured() {
        assert_eq!(PointWise::statistic(&[3.0, -1.0]), 5.0);
        assert_eq!(PointWise::statistic(&[3.0, f64::NAN, -1.0, f64::INFINITY]), 5.0);
        assert_eq!(PointWise::terms(&[3.0, f64::NAN, -1.0]), [9.0, 0.0, 1.0]);
    }

    #[test]
    fn it_is_finite_whatever_comes() {
        assert_eq!(PointWise::statistic(&[]), 0.0);
        assert_eq!(PointWise::statistic(&[f64::NAN; 3]), 0.0);
        assert!(PointWise::statistic(&[f64::MAX; 100]).is_finite());
    }
}
