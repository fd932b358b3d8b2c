//! How many independent rows a run of consecutive rows is worth.

/// n (1 - rho) / (1 + rho), where rho is the median over the columns of the lag-one autocorrelation (as for a first-order
/// autoregression; Priestley 1981, section 5.3). Between 1 and n.
pub(crate) fn effective_rows(rows: &[Vec<f64>]) -> f64 {
    let columns = rows.first().map_or(0, Vec::len);
    let mut rho: Vec<f64> = (0..columns).filter_map(|j| autocorrelation(rows, j)).collect();
    rho.sort_by(f64::total_cmp);
    let rho = rho.get(rho.len() / 2).copied().unwrap_or(0.0).max(0.0);
    let n = rows.len() as f64;
    (n * (1.0 - rho) / (1.0 + rho)).clamp(1.0, n.max(1.0))
}

fn autocorrelation(rows: &[Vec<f64>], column: usize) -> Option<f64> {
    let values: Vec<f64> = rows.iter().map(|r| r[column]).filter(|x| x.is_finite()).collect();
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    let variance: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    let covariance: f64 = values.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_wave_is_worth_few_rows_and_alternation_is_worth_all() {
        let wave: Vec<Vec<f64>> = (0..1000).map(|i| vec![(f64::from(i) / 100.0).sin()]).collect();
        assert!(effective_rows(&wave) < 20.0);
        let alternating: Vec<Vec<f64>> = (0..1000).map(|i| vec![f64::from(i % 2)]).collect();
        assert_eq!(effective_rows(&alternating), 1000.0);
        assert_eq!(effective_rows(&[]), 1.0);
    }
}
