//! Declustering: how many independent exceedances there are among dependent ones.

/// Number of independent clusters among `exceedances`: their number times the extremal index by the intervals estimator
/// (Ferro and Segers 2003, equation 22), which needs no run length. `gaps` are the rows from each exceedance to the next,
/// none where the stream breaks between them. At least 1 if there is any exceedance.
pub(super) fn clusters(gaps: &[Option<usize>], exceedances: usize) -> f64 {
    if exceedances == 0 {
        return 0.0;
    }
    let gaps: Vec<f64> = gaps.iter().flatten().map(|g| *g as f64).collect();
    let theta = extremal_index(&gaps);
    (theta * exceedances as f64).max(1.0)
}

fn extremal_index(gaps: &[f64]) -> f64 {
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
        let waits = [40, 7, 120, 33, 15, 60, 90, 22, 5, 150, 48, 11];
        let gaps: Vec<Option<usize>> =
            waits.iter().cycle().take(60).flat_map(|w| [Some(1), Some(1), Some(1), Some(1), Some(*w)]).collect();
        let n = clusters(&gaps, gaps.len() + 1);
        assert!((40.0..100.0).contains(&n), "{n}");
    }

    #[test]
    fn lone_exceedances_are_all_clusters_and_one_run_is_one() {
        assert_eq!(clusters(&[], 1), 1.0);
        assert_eq!(clusters(&[], 0), 0.0);
        assert_eq!(clusters(&[Some(1); 30], 31), 1.0);
        assert_eq!(clusters(&[None, None], 3), 3.0);
        let even: Vec<Option<usize>> = vec![Some(50); 30];
        assert!(clusters(&even, 31) > 30.0);
    }
}
