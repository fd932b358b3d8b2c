//! The rate at which a level is reached, from how many rows reached it.

use super::dependence::Dependence;

/// What is known of a chance per row, in ln.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// How many times as large dependence makes the variance of their number.
    pub(super) inflation: f64,
    /// The chance that a new row reaches the level.
    pub(super) ln_p: f64,
    /// The share of rows that did.
    pub(super) ln_share: f64,
    /// The 95 % interval of the chance.
    pub(super) ln_low: f64,
    pub(super) ln_high: f64,
}

impl Rate {
    /// Of a level that `count` of `rows` rows, at least one, reached, the lowest of them just so.
    ///
    /// The level is itself a row, and the k-th largest of n independent rows is reached by the next one with a chance of
    /// k / (n + 1). Of dependent rows the other k - 1 count as many times less as the variance of their number is inflated.
    /// The interval is Wilson's, for as many independent rows.
    pub(super) fn of(count: usize, rows: usize, dependence: &Dependence) -> Self {
        let (k, n) = (count as f64, rows as f64);
        let inflation = dependence.inflation(k / n);
        let share = (k - 0.5) / n;
        let error = dependence.reach(k / inflation).powi(2) * inflation / n;
        let high = (share + error / 2.0 + (error * (share * (1.0 - share) + error / 4.0)).sqrt()) / (1.0 + error);
        // The two ends are the roots of a quadratic equation, of which the product is known.
        let low = share * share / (1.0 + error) / high;
        Self {
            inflation,
            ln_p: ((k - 1.0 + inflation) / (n + inflation)).ln(),
            ln_share: share.ln(),
            ln_low: low.ln(),
            ln_high: high.min(1.0).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Observation, *};

    fn dependence(n: usize, each: usize) -> Dependence {
        let value = |row: usize| ((row / each) as f64 * 0.618_034).fract();
        let rows: Vec<Observation> = (0..n).map(|row| Observation { value: value(row), row, segment: 0 }).collect();
        let mut sorted: Vec<f64> = rows.iter().map(|o| o.value).collect();
        sorted.sort_by(f64::total_cmp);
        Dependence::of(&rows, &sorted, 0.1)
    }

    #[test]
    fn the_largest_of_n_rows_is_reached_by_the_next_one_in_n_plus_one() {
        let rate = Rate::of(1, 99, &dependence(99, 1));
        assert!((rate.ln_p - 0.01f64.ln()).abs() < 1e-12, "{rate:?}");
        assert!(rate.ln_low < rate.ln_share && rate.ln_share < rate.ln_high && rate.ln_high < 0.0);
    }

    #[test]
    fn rows_that_repeat_each_other_make_a_wider_interval() {
        let [alone, repeated] = [1, 5].map(|each| Rate::of(20, 1000, &dependence(1000, each)));
        assert!(repeated.ln_high - repeated.ln_low > 1.5 * (alone.ln_high - alone.ln_low));
        assert!(repeated.ln_p > alone.ln_p && Rate::of(1000, 1000, &dependence(1000, 5)).ln_high <= 0.0);
    }
}
