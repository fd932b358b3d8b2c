//! Each tag's share of the score.

/// Shares of `terms` (none below 0) over the tags of which `usable` says that they were measured: each from 0 to 1, summing
/// to 1. Where no tag has anything, the measured ones share equally; where none was measured, all do.
pub(crate) fn shares(terms: &[f64], usable: &[bool]) -> Vec<f64> {
    let is_usable = |j: usize| usable.get(j).copied().unwrap_or(false);
    let largest = terms.iter().enumerate().filter(|(j, _)| is_usable(*j)).map(|(_, t)| *t).fold(0.0, f64::max);
    let any = (0..terms.len()).any(is_usable);
    // Divided by the largest first: neither the smallest nor the largest numbers there are can then spoil the sum.
    let weight = |j: usize, t: f64| match (is_usable(j), largest.is_normal()) {
        (true, true) => t / largest,
        (true, false) => 1.0,
        (false, _) if any => 0.0,
        (false, _) => 1.0,
    };
    let weights: Vec<f64> = terms.iter().enumerate().map(|(j, t)| weight(j, *t)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_anywhere_is_shared_equally() {
        assert_eq!(shares(&[0.0, 0.0], &[true, true]), [0.5, 0.5]);
        assert_eq!(shares(&[0.0, 0.0], &[true, false]), [1.0, 0.0]);
        assert_eq!(shares(&[3.0, 0.0], &[false, false]), [0.5, 0.5]);
        assert_eq!(shares(&[], &[]), Vec::<f64>::new());
    }

    proptest! {
        #[test]
        fn shares_sum_to_one_and_imputed_tags_have_none(
            cells in prop::collection::vec((prop_oneof![Just(0.0), 0.0f64..1e3, Just(1e300), Just(1e-300)], any::<bool>()), 1..60)
        ) {
            let (terms, usable): (Vec<f64>, Vec<bool>) = cells.into_iter().unzip();
            let shares = shares(&terms, &usable);
            prop_assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(shares.iter().all(|s| (0.0..=1.0).contains(s)));
            if usable.contains(&true) {
                prop_assert!(shares.iter().zip(&usable).all(|(s, u)| *u || *s == 0.0));
            }
        }
    }
}
