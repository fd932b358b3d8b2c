//! How much less consecutive rows say of a rate than independent ones would.

use super::Observation;

/// Survivals at which dependence is looked for; it is not the same in the body of a distribution and in its tail.
const LEVELS: [f64; 5] = [0.5, 0.2, 0.1, 0.05, 0.02];
/// Dependence is not looked for further apart than this many rows, nor than a fifth of them.
const MAX_LAG: usize = 400;
/// The 97.5 % quantile of the normal distribution: intervals are 95 % ones.
const Z: f64 = 1.959_963_984_540_054;

/// How many times as large dependence makes the variance of exceedance rates.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Dependence {
    rows: f64,
    /// Survivals, falling, and the inflation at them; at least 1.
    levels: Vec<(f64, f64)>,
    /// How far apart rows still resemble each other; 0 if they do not.
    pub(super) lags: usize,
}

impl Dependence {
    /// Of `observations`, whose values are also given `sorted`, down to a survival of `share`.
    ///
    /// The rate of exceeding a level has the variance p (1 - p) / n times 1 + 2 sum_h rho(h), where rho is the
    /// autocorrelation of being above the level. It differs from the extremal index, which says how many exceedances
    /// come together and so how many alarms there are, but not how much their number varies. The sum ends where rho
    /// is noise at all levels.
    pub(super) fn of(observations: &[Observation], sorted: &[f64], share: f64) -> Self {
        let n = sorted.len();
        let places = places(observations);
        let survivals = LEVELS.iter().filter(|s| **s > 1.01 * share).chain([&share]);
        let value = |survival: &f64| sorted[(((1.0 - survival) * n as f64) as usize).min(n - 1)];
        let mut levels: Vec<Level> = survivals.map(|s| Level::new(&places, observations, value(s))).collect();
        let (mut last, mut lag) = (0, 0);
        while lag < (n / 5).min(MAX_LAG) && lag <= last + last / 2 {
            lag += 1;
            let all = pairs(&places, lag).max(1) as f64;
            let alike = levels.iter_mut().map(|l| l.extend(lag, all)).fold(0.0, f64::max);
            if alike > 2.0 / all.sqrt() {
                last = lag;
            }
        }
        let inflation = |l: &Level| (l.survival, if last == 0 { 1.0 } else { l.inflation(lag, n) });
        Self { rows: n as f64, levels: levels.iter().map(inflation).collect(), lags: last }
    }

    /// The inflation at a survival, between the levels by interpolation.
    pub(super) fn inflation(&self, survival: f64) -> f64 {
        let below = self.levels.partition_point(|(s, _)| *s > survival);
        let Some((s1, i1)) = self.levels.get(below) else { return self.levels.last().map_or(1.0, |l| l.1) };
        let Some((s0, i0)) = below.checked_sub(1).map(|b| self.levels[b]) else { return *i1 };
        i0 + (i1 - i0) * (survival / s0).ln() / (s1 / s0).ln()
    }

    /// Standard errors that a 95 % interval reaches to either side, where there are exceedances worth `independent` ones. The
    /// inflation is an estimate itself, from as many rows as lie out of each other's reach and from as many clusters as
    /// there are, so it is more than 1.96: Student's quantile by its expansion (Abramowitz and Stegun, 26.7.5).
    pub(super) fn reach(&self, independent: f64) -> f64 {
        if self.lags == 0 {
            return Z;
        }
        let freedom = (self.rows / (2 * self.lags + 1) as f64).min(independent).max(2.0);
        let (first, second) = ((Z.powi(3) + Z) / 4.0, (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0);
        Z + first / freedom + second / freedom.powi(2)
    }
}

/// Being above one level.
struct Level {
    /// Places above it.
    above: Vec<usize>,
    survival: f64,
    /// The autocorrelations so far.
    sum: f64,
}

impl Level {
    fn new(places: &[usize], observations: &[Observation], value: f64) -> Self {
        let above = places.iter().zip(observations).filter(|(_, o)| o.value > value).map(|(p, _)| *p);
        let above: Vec<usize> = above.collect();
        Self { survival: above.len() as f64 / places.len() as f64, above, sum: 0.0 }
    }

    /// Adds the autocorrelation at `lag`, at which there are `all` pairs of rows, and returns it.
    fn extend(&mut self, lag: usize, all: f64) -> f64 {
        let p = self.survival;
        if !(p > 0.0 && p < 1.0) {
            return 0.0;
        }
        let rho = (pairs(&self.above, lag) as f64 / all - p * p) / (p * (1.0 - p));
        self.sum += rho;
        rho
    }

    /// 1 + 2 sum rho over `lags`, less what the sum is short of because p is that of the same `n` rows.
    fn inflation(&self, lags: usize, n: usize) -> f64 {
        let kept = 1.0 - (2 * lags + 1) as f64 / n as f64;
        ((1.0 + 2.0 * self.sum) / kept.max(0.5)).max(1.0)
    }
}

/// Each observation's place on one axis, on which segments lie out of each other's reach.
fn places(observations: &[Observation]) -> Vec<usize> {
    let mut places = Vec::with_capacity(observations.len());
    let mut place = 0;
    for (i, o) in observations.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| observations[i]);
        place += match before {
            Some(b) if b.segment == o.segment => o.row.saturating_sub(b.row),
            _ => 2 * MAX_LAG,
        };
        places.push(place);
    }
    places
}

/// How many of `places`, which rise, have another one `lag` further on.
fn pairs(places: &[usize], lag: usize) -> usize {
    let mut ahead = places.iter().peekable();
    let has = |place: &&usize| {
        while ahead.next_if(|a| **a < **place + lag).is_some() {}
        ahead.peek().is_some_and(|a| **a == **place + lag)
    };
    places.iter().filter(has).count()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};

    use super::*;

    /// Means of `averaged` normal values, in segments of `length` rows.
    fn stream(n: usize, averaged: usize, length: usize) -> Vec<Observation> {
        let rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let noise: Vec<f64> = StandardNormal.sample_iter(rng).take(n + averaged).collect();
        let means = noise.windows(averaged).take(n).map(|w| w.iter().sum::<f64>() / averaged as f64);
        means.enumerate().map(|(row, value)| Observation { value, row, segment: row / length }).collect()
    }

    fn of(observations: &[Observation]) -> Dependence {
        let mut sorted: Vec<f64> = observations.iter().map(|o| o.value).collect();
        sorted.sort_by(f64::total_cmp);
        Dependence::of(observations, &sorted, 0.02)
    }

    #[test]
    fn the_inflation_is_that_of_a_gaussian_process_and_lower_in_the_tail() {
        // Means of ten normal values, their autocorrelation being 1 - h / 10: by the bivariate normal distribution of scipy
        // 1.17.1.
        let it = of(&stream(100_000, 10, 100_000));
        for (survival, want) in [(0.5, 7.375), (0.2, 6.819), (0.1, 6.158), (0.05, 5.503), (0.02, 4.737)] {
            assert!((it.inflation(survival) / want - 1.0).abs() < 0.05, "{survival}: {want} {it:?}");
        }
        assert!((8..=12).contains(&it.lags), "{it:?}");
        assert!(it.inflation(0.15) > it.inflation(0.1) && it.inflation(0.15) < it.inflation(0.2));
    }

    #[test]
    fn independent_rows_are_worth_what_they_are() {
        let it = of(&stream(5000, 1, 5000));
        assert!(it.lags <= 2 && it.inflation(0.1) < 1.2, "{it:?}");
    }

    #[test]
    fn rows_of_different_segments_are_no_pairs() {
        let rows = |segments: [usize; 4]| -> Vec<Observation> {
            segments
                .iter()
                .enumerate()
                .map(|(row, segment)| Observation { value: 1.0, row, segment: *segment })
                .collect()
        };
        assert_eq!(pairs(&places(&rows([0, 0, 0, 0])), 1), 3);
        assert_eq!(pairs(&places(&rows([0, 0, 1, 1])), 1), 2);
        assert_eq!(pairs(&places(&rows([0, 0, 1, 1])), 2), 0);
        assert_eq!(pairs(&places(&rows([0, 1, 2, 3])), 1), 0);
    }

    #[test]
    fn fewer_clusters_reach_further() {
        let it = of(&stream(2000, 10, 2000));
        assert!(it.reach(8.0) > it.reach(50.0) && it.reach(50.0) > Z && it.reach(1.0) < 4.4);
    }
}
