//! One p-value out of several that depend on each other.

use andon_plant::verdict::MAX_SCORE;

/// Up to this score nothing is bent.
const STRAIGHT: f64 = 12.0;

/// -log10 of the harmonic mean of p-values (Wilson 2019, PNAS 116:1195), which is valid for small p however they depend on
/// each other, and is moved by each of them. They are given as natural logarithms, so that even one too small for a
/// floating-point number counts. 0 if there are none.
pub(crate) fn harmonic_score(ln_p: &[f64]) -> f64 {
    if ln_p.is_empty() {
        return 0.0;
    }
    let inverse: Vec<f64> = ln_p.iter().map(|l| -l).collect();
    let ln_sum = crate::linalg::ln_sum_exp(&inverse);
    (ln_sum - (ln_p.len() as f64).ln()).max(0.0) / std::f64::consts::LN_10
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

    #[test]
    fn equal_p_values_stay_as_they_are() {
        assert!((harmonic_score(&[0.01f64.ln(); 3]) - 2.0).abs() < 1e-12);
        assert_eq!(harmonic_score(&[]), 0.0);
    }

    #[test]
    fn one_tiny_p_value_carries_the_rest() {
        let score = harmonic_score(&[-2000.0, 0.0]);
        assert!((score - 2000.0 / std::f64::consts::LN_10 + 2f64.log10()).abs() < 1e-9);
    }

    #[test]
    fn the_cap_is_never_reached_nor_passed() {
        let scores: Vec<f64> = [0.0, 3.0, 12.0, 12.1, 20.0, 1e3, 1e9].map(capped).to_vec();
        assert_eq!(scores[..3], [0.0, 3.0, 12.0]);
        assert!(scores.windows(2).all(|w| w[0] < w[1]) && scores[6] <= MAX_SCORE, "{scores:?}");
    }
}
