//! One score out of many that depend on each other.

use andon_plant::verdict::MAX_SCORE;

use crate::{
    linalg::ln_sum_exp,
    methods::{Measure, Method},
};

/// Up to this score nothing is bent.
const STRAIGHT: f64 = 12.0;
/// How far the others may lead, in decades.
const LEAD: f64 = 0.5;
/// The score that the newest rows leave, whatever the averages say, in decades, and what each decade of their own adds.
const PRESENT: f64 = 1.0;
const PRESENT_FACTOR: f64 = 2.0;

/// What one measure of one reconstructor's residuals says of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Opinion {
    pub(crate) measure: Measure,
    /// ln p: the middle of its interval.
    pub(crate) ln_p: f64,
}

impl Opinion {
    /// -log10 p, at most 16: what an extrapolated tail says beyond that is no news, and one such row of calibration would make
    /// its mode blind.
    fn score(&self) -> f64 {
        capped(-self.ln_p / std::f64::consts::LN_10)
    }
}

/// The combined score of one row, in decades; it has no calibration of its own yet.
///
/// All p-values, of each method, scale and reconstructor, have a harmonic mean (Wilson 2019, PNAS 116:1195), which dependence
/// moves by no more than a factor. Alone it is a poor judge: the smallest p is most often that of the longest
/// scale, which still sees an anomaly an hour after it has ended (mean VUS-PR over five data sets .745). So the point-wise and
/// the contextual error over the scale `lead` go first, by the geometric mean of their p over all reconstructors (valid
/// times e; Vovk and Wang 2020, Biometrika 107:791), and the others may raise their score by at most
/// half a decade (.848). What the newest rows no longer show is over, however loud it was: they bound the score. That halves the
/// rows in alarm after an anomaly's end. None of the factors matter: the combined score is calibrated again.
pub(crate) fn combined(opinions: &[Opinion], lead: usize) -> f64 {
    let leads =
        |o: &&Opinion| matches!(o.measure.method, Method::PointWise | Method::Contextual) && o.measure.rows == lead;
    let others = harmonic_score(opinions.iter().filter(|o| o.measure != Measure::PRESENT));
    let present = geometric_score(opinions.iter().filter(|o| o.measure == Measure::PRESENT));
    let first = geometric_score(opinions.iter().filter(leads));
    let score = first.map_or(others, |first| first.max(others.min(first + LEAD)));
    present.map_or(score, |present| score.min(PRESENT + PRESENT_FACTOR * present))
}

/// -log10 of the geometric mean of p-values; none of none.
fn geometric_score<'a>(opinions: impl Iterator<Item = &'a Opinion>) -> Option<f64> {
    let (sum, count) = opinions.fold((0.0, 0.0), |(sum, n), o| (sum + o.score(), n + 1.0));
    (count > 0.0).then(|| sum / count)
}

/// -log10 of the harmonic mean of p-values. They are given as natural logarithms, so that even one too small for a
/// floating-point number counts. 0 if there are none.
fn harmonic_score<'a>(opinions: impl Iterator<Item = &'a Opinion>) -> f64 {
    let inverse: Vec<f64> = opinions.map(|o| o.score() * std::f64::consts::LN_10).collect();
    if inverse.is_empty() {
        return 0.0;
    }
    (ln_sum_exp(&inverse) - (inverse.len() as f64).ln()).max(0.0) / std::f64::consts::LN_10
}

/// A score on its scale of 0 to [`MAX_SCORE`]: unchanged up to 12, then bent towards 16 without ever standing still. No
/// data says anything about a chance below 10^-12, but the larger of two residuals is still the larger.
pub(crate) fn capped(score: f64) -> f64 {
    let room = MAX_SCORE - STRAIGHT;
    let over = (score - STRAIGHT).max(0.0);
    score.min(STRAIGHT) + room * (1.0 - room / (over + room))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinion(method: Method, rows: usize, score: f64) -> Opinion {
        Opinion { measure: Measure { method, rows }, ln_p: -score * std::f64::consts::LN_10 }
    }

    #[test]
    fn equal_p_values_stay_as_they_are() {
        let opinions: Vec<Opinion> = Method::ALL.map(|m| opinion(m, 10, 2.0)).to_vec();
        assert!((combined(&opinions, 10) - 2.0).abs() < 1e-12);
        assert!((combined(&opinions, 60) - 2.0).abs() < 1e-12);
        assert_eq!(combined(&[], 10), 0.0);
    }

    #[test]
    fn the_others_raise_the_leaders_by_half_a_decade_at_most() {
        let leaders = [opinion(Method::PointWise, 10, 1.0), opinion(Method::Contextual, 10, 2.0)];
        assert!((combined(&leaders, 10) - 1.5).abs() < 0.3);
        let with_a_loud_one = [leaders[0], leaders[1], opinion(Method::KlDivergence, 60, 300.0)];
        assert!((combined(&with_a_loud_one, 10) - 2.0).abs() < 1e-12);
        let with_a_quiet_one = [leaders[0], leaders[1], opinion(Method::KlDivergence, 60, 0.0)];
        assert!((combined(&with_a_quiet_one, 10) - 1.5).abs() < 0.2);
    }

    #[test]
    fn what_the_newest_rows_no_longer_show_is_over() {
        let loud = [opinion(Method::PointWise, 10, 8.0), opinion(Method::Contextual, 10, 8.0)];
        let now = |score: f64| {
            let present = Opinion { measure: Measure::PRESENT, ..opinion(Method::PointWise, 6, score) };
            combined(&[loud[0], loud[1], present], 10)
        };
        assert_eq!(now(0.2), 1.4);
        assert_eq!((now(4.0), combined(&loud, 10)), (8.0, 8.0));
    }

    #[test]
    fn before_the_leaders_have_rows_enough_the_others_are_heard_alone() {
        assert!((combined(&[opinion(Method::PointWise, 1, 2.5)], 10) - 2.5).abs() < 1e-12);
    }

    #[test]
    fn one_tiny_p_value_carries_the_harmonic_mean_and_none_is_beyond_the_scale() {
        let opinions = [2000.0, 0.0].map(|score| opinion(Method::Contextual, 1, score));
        let score = harmonic_score(opinions.iter());
        assert!(score > 12.0 && score <= MAX_SCORE, "{score}");
        assert!(combined(&[opinion(Method::PointWise, 10, 1e39)], 10) <= MAX_SCORE);
    }

    #[test]
    fn the_cap_is_never_reached_nor_passed() {
        let scores: Vec<f64> = [0.0, 3.0, 12.0, 12.1, 20.0, 1e3, 1e9].map(capped).to_vec();
        assert_eq!(scores[..3], [0.0, 3.0, 12.0]);
        assert!(scores.windows(2).all(|w| w[0] < w[1]) && scores[6] <= MAX_SCORE, "{scores:?}");
    }
}
