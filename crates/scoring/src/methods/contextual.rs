//! The contextual average: errors of the last rows, the latest weighing most.

use super::pointwise::{mean, measured};

/// Rows further back than this many time constants no longer count: their weight is below 2 %.
const REACH: usize = 4;

/// The exponentially weighted mean of the last rows' errors (paper, section 3.3 and table 3), in squared scales:
///
/// sum_{k=0}^{K} e_{t-k} exp(-k / tau) / sum_{k=0}^{K} exp(-k / tau), with K = 4 tau. O(d) a row and O(tau) a mean.
///
/// The paper's window is centred, so it would wait for w/2 rows of the future, and its sum is divided by w and not by its
/// weights, so it would shrink with tau. This one looks back only and is a mean. It depends on K + 1 rows alone, and
/// so not on where the stream began.
///
/// The error of a row is ((1/m) sum_j |z_j|)^2, the squared L1 norm, which one wild tag can't carry alone (mean VUS-PR
/// over five data sets .850, and .847 with the squared L2 norm that [`PointWise`](super::PointWise) has).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contextual;

impl Contextual {
    /// The error of one row over its measured tags; 0 if nothing was measured.
    pub fn row_error(z: &[f64]) -> f64 {
        mean(z.iter().filter_map(|z| measured(*z)).map(f64::abs)).powi(2)
    }

    /// How many rows a mean of time constant `tau` rows looks at: K + 1.
    pub fn rows(tau: usize) -> usize {
        REACH * tau + 1
    }

    /// The weighted mean of `errors`, which stand in the order of their rows, with a time constant of `tau` rows; of more
    /// than [`rows`](Self::rows) errors the last ones count. `None` while there are fewer than `tau`, or none.
    pub fn average<I>(errors: I, tau: usize) -> Option<f64>
    where
        I: IntoIterator<Item = f64, IntoIter: DoubleEndedIterator>,
    {
        let fading = (-1.0 / tau.max(1) as f64).exp();
        let (mut sum, mut weights, mut weight, mut seen) = (0.0, 0.0, 1.0, 0);
        for error in errors.into_iter().rev().take(Self::rows(tau)) {
            sum += weight * error;
            weights += weight;
            weight *= fading;
            seen += 1;
        }
        (seen >= tau.max(1)).then(|| sum / weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_error_is_the_squared_mean_size() {
        let z = [3.0, f64::NAN, -1.0, f64::INFINITY];
        assert_eq!(Contextual::row_error(&z), 4.0);
        assert_eq!(Contextual::row_error(&[f64::NAN; 2]), 0.0);
        assert!(Contextual::row_error(&[f64::MAX; 9]).is_finite());
    }

    #[test]
    fn the_mean_of_equal_errors_is_that_error() {
        for tau in [1, 10, 60] {
            let mean = Contextual::average(vec![3.0; 500], tau).unwrap();
            assert!((mean - 3.0).abs() < 1e-12, "{tau}: {mean}");
        }
    }

    #[test]
    fn weights_fade_from_the_newest_row_on() {
        let at = |age: usize| {
            let mut errors = vec![0.0; 41];
            errors[40 - age] = 1.0;
            Contextual::average(errors, 10).unwrap()
        };
        assert!((at(10) / at(0) - (-1f64).exp()).abs() < 1e-12);
        assert!((at(40) / at(0) - (-4f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn what_lies_further_back_is_forgotten() {
        let recent: Vec<f64> = (0..Contextual::rows(10)).map(|i| (i as f64 * 0.7).sin()).collect();
        let longer = [vec![1e9; 100], recent.clone()].concat();
        assert_eq!(Contextual::average(longer, 10), Contextual::average(recent, 10));
    }

    #[test]
    fn too_few_rows_have_no_mean() {
        assert_eq!(Contextual::average(vec![1.0; 9], 10), None);
        assert_eq!(Contextual::average(vec![1.0; 10], 10), Some(1.0));
        assert_eq!(Contextual::average([], 0), None);
    }
}
