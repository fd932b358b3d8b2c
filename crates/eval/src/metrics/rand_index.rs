//! How far two labellings of the same rows agree.

use std::collections::BTreeMap;

/// The adjusted Rand index of two labellings: 1 where they are the same but for names, about 0 by chance (Hubert and Arabie
/// 1985, Journal of Classification 2:193).
pub(crate) fn adjusted_rand_index(a: &[usize], b: &[usize]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let count = |keys: &mut dyn Iterator<Item = (usize, usize)>| {
        let mut counts: BTreeMap<(usize, usize), f64> = BTreeMap::new();
        keys.for_each(|key| *counts.entry(key).or_default() += 1.0);
        counts.into_values().map(pairs).sum::<f64>()
    };
    let both = count(&mut a.iter().copied().zip(b.iter().copied()));
    let (in_a, in_b) = (count(&mut a.iter().map(|a| (*a, 0))), count(&mut b.iter().map(|b| (*b, 0))));
    let all = pairs(a.len().min(b.len()) as f64);
    let expected = in_a * in_b / all.max(1.0);
    let most = 0.5 * (in_a + in_b);
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_matter_and_chance_counts_for_nothing() {
        assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[7, 7, 3, 3]), 1.0);
        // scikit-learn 1.9: adjusted_rand_score([0, 0, 1, 2], [0, 0, 1, 1]) and ([0, 0, 1, 1], [0, 1, 0, 1])
        assert!((adjusted_rand_index(&[0, 0, 1, 2], &[0, 0, 1, 1]) - 0.571_428_571_428_571_4).abs() < 1e-12);
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]) + 0.5).abs() < 1e-12);
        assert_eq!(adjusted_rand_index(&[0; 5], &[0; 5]), 1.0);
    }
}
