//! Declustering: how many independent exceedances there are among dependent ones.

/// The extremal index, clusters per exceedance, by the intervals estimator (Ferro and Segers 2003, equation 22), which
/// needs no run length. `gaps` are the rows from each exceedance to the next in its segment. Above 0, at most 1.
pub(super) fn index(gaps: &[f64]) -> f64 {
    let n = gaps.len() as f64;
    let first: f64 = gaps.iter().map(|g| g - 1.0).sum();
    let second: f64 = gaps.iter().map(|g| (g - 1.0) * (g - 2.0)).sum();
    if gaps.is_empty() {
        return 1.0;
    }
    // Where no gap is wider than two rows all exceedances are one cluster.
    let one = 1.0 / (n + 1.0);
    if second > 0.0 { (2.0 * first * first / (n * second)).clamp(one, 1.0) } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceedances_in_runs_of_five_are_a_fifth_as_many_clusters() {
        // Five rows in a run, then a geometric-looking wait.
        let waits = [40.0, 7.0, 120.0, 33.0, 15.0, 60.0, 90.0, 22.0, 5.0, 150.0, 48.0, 11.0];
        let gaps: Vec<f64> = waits.iter().cycle().take(60).flat_map(|w| [1.0, 1.0, 1.0, 1.0, *w]).collect();
        let theta = index(&gaps);
        assert!((0.13..0.33).contains(&theta), "{theta}");
    }

    #[test]
    fn lone_exceedances_are_all_clusters_and_one_run_is_one() {
        assert_eq!(index(&[]), 1.0);
        assert_eq!(index(&[1.0; 30]), 1.0 / 31.0);
        assert!(index(&[50.0; 30]) > 0.97);
    }
}
