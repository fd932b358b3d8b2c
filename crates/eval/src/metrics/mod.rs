//! Metrics, one file each.

mod rand_index;

pub(crate) use rand_index::adjusted_rand_index;

/// The value below which the `share` of `values` lies; NaN if there are none.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (share * (values.len() as f64 - 1.0)).round();
    values.get(rank as usize).copied().unwrap_or(f64::NAN)
}
