//! False and true reports of a model that no longer fits, on scores that depend on one another as real ones do.

use std::collections::VecDeque;

use andon_plant::Timestamp;
use andon_scoring::{Drift, DriftSettings, DriftState};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::function::gamma::gamma_ur;

/// Tags whose squared residuals are added up.
const TAGS: usize = 5;

/// Scores of normal operation: the mean of the last `span` rows' sums of five squared normal residuals, turned to -log10 p
/// by the survival function of the gamma distribution. `scale` multiplies all residuals: 1 is the plant as it was.
struct Scores {
    rng: ChaCha8Rng,
    rows: VecDeque<f64>,
    span: usize,
}

impl Scores {
    fn new(span: usize, seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), rows: VecDeque::new(), span }
    }

    fn row(&mut self) -> f64 {
        (0..TAGS).map(|_| StandardNormal.sample(&mut self.rng)).map(|r: f64| r * r).sum()
    }

    fn next(&mut self, scale: f64) -> f64 {
        while self.rows.len() <= self.span {
            let row = self.row();
            self.rows.push_back(row);
        }
        self.rows.pop_front();
        let sum = scale * scale * self.rows.iter().sum::<f64>();
        -gamma_ur(0.5 * (TAGS * self.span) as f64, 0.5 * sum).max(1e-16).log10()
    }
}

/// Rows `grid_s` apart, watched.
struct Plant {
    scores: Scores,
    drift: Drift,
    grid_s: i64,
    row: i64,
}

impl Plant {
    fn new(grid_s: i64, span: usize, seed: u64) -> Self {
        let drift = Drift::new(DriftSettings::default());
        Self { scores: Scores::new(span, seed), drift, grid_s, row: 0 }
    }

    /// The rows after which it spoke.
    fn run(&mut self, scales: impl IntoIterator<Item = f64>) -> Vec<i64> {
        let from = self.row;
        let mut said = Vec::new();
        for scale in scales {
            let time = Timestamp::from_secs(self.row * self.grid_s);
            if self.drift.observe(time, self.scores.next(scale), false).is_some() {
                said.push(self.row - from);
            }
            self.row += 1;
        }
        said
    }

    fn normal(&mut self, rows: usize) -> Vec<i64> {
        self.run(std::iter::repeat_n(1.0, rows))
    }
}

#[test]
fn a_million_rows_of_normal_operation_say_nothing() {
    assert_eq!(Plant::new(3600, 10, 1).normal(1_000_000), []);
}

#[test]
fn a_step_is_reported_once_after_the_patience_and_not_much_later() {
    for (grid_s, patience) in [(10, 8640), (60, 1440), (3600, 1000)] {
        let mut plant = Plant::new(grid_s, 10, 2);
        assert_eq!(plant.normal(5000), []);
        let said = plant.run(std::iter::repeat_n(1.2, 4 * patience as usize));
        assert!(said.len() == 1 && (patience * 23 / 24..patience * 3 / 2).contains(&said[0]), "{grid_s}: {said:?}");
        assert_eq!(plant.normal(5000), [], "it stays said");
        assert!(matches!(plant.drift.state(), DriftState::NoLongerFits(_)));
    }
}

#[test]
fn faults_that_end_are_alarms_and_no_drift() {
    for (grid_s, rows) in [(1, 6 * 3600), (60, 20 * 60), (300, 800), (3600, 800)] {
        let mut plant = Plant::new(grid_s, 10, 3);
        for _ in 0..5 {
            assert_eq!(plant.run(std::iter::repeat_n(4.0, rows)), [], "{grid_s}");
            assert_eq!(plant.normal(5 * rows), [], "{grid_s}");
        }
    }
}

/// Residuals that grow evenly by `share` in so many days of minutes, and stay for as many more.
fn ramp(days: usize, share: f64) -> impl Iterator<Item = f64> {
    let rows = days * 1440;
    (0..2 * rows).map(move |row| 1.0 + share * (row as f64 / rows as f64).min(1.0))
}

#[test]
fn a_gradual_drift_is_followed() {
    assert_eq!(Plant::new(60, 10, 4).run(ramp(60, 0.05)), []);
}

#[test]
fn a_drift_that_is_too_quick_or_goes_too_far_is_reported() {
    for (days, share) in [(2, 0.1), (60, 0.1)] {
        assert_eq!(Plant::new(60, 10, 4).run(ramp(days, share)).len(), 1, "{days} days by {share}");
    }
}

#[test]
#[ignore = "a measurement, not a check"]
fn figures() {
    for (grid_s, span) in [(1, 10), (1, 100), (1, 1000), (60, 10), (60, 100), (3600, 10), (3600, 30), (3600, 100)] {
        let said: usize = (0..10).map(|seed| reports_in_a_million(grid_s, span, seed)).sum();
        println!("grid {grid_s} s, mean of {span}: {said} false reports in 10 million rows");
    }
    for (grid_s, rows) in [(60, 1200), (60, 1320), (3600, 800), (3600, 900)] {
        let said = (0..1000).filter(|seed| reports_fault(grid_s, rows, *seed)).count();
        println!("grid {grid_s} s: {said} of 1000 faults of {rows} rows that ended were reported");
    }
    for (grid_s, span) in [(60, 10), (60, 100), (3600, 10), (3600, 30)] {
        for scale in [1.05, 1.08, 1.1, 1.15, 1.2, 1.5, 3.0] {
            let mut delays: Vec<f64> = (0..20).filter_map(|seed| delay(grid_s, span, scale, seed)).collect();
            delays.sort_by(f64::total_cmp);
            let (seen, median, level) = (delays.len(), delays.get(delays.len() / 2), level(span, scale));
            println!(
                "grid {grid_s} s, mean of {span}, level {level:.2}: {seen} of 20, median after {median:.2?} patiences"
            );
        }
    }
}

fn reports_in_a_million(grid_s: i64, span: usize, seed: u64) -> usize {
    let mut plant = Plant::new(grid_s, span, 100 + seed);
    let mut thousand = || {
        let said = plant.normal(1000).len();
        if said > 0 {
            plant.drift = Drift::new(DriftSettings::default());
        }
        said
    };
    (0..1000).map(|_| thousand()).sum()
}

fn reports_fault(grid_s: i64, rows: usize, seed: u64) -> bool {
    let mut plant = Plant::new(grid_s, 10, 1000 + seed);
    let scales = [1.0, 4.0, 1.0].into_iter().flat_map(|scale| std::iter::repeat_n(scale, rows));
    !plant.run(scales).is_empty()
}

/// Patiences until a step is reported, if it is within five.
fn delay(grid_s: i64, span: usize, scale: f64, seed: u64) -> Option<f64> {
    let patience = (24 * 3600 / grid_s).max(1000);
    let mut plant = Plant::new(grid_s, span, 200 + seed);
    plant.normal(3000);
    plant.run(std::iter::repeat_n(scale, 5 * patience as usize)).first().map(|row| *row as f64 / patience as f64)
}

fn level(span: usize, scale: f64) -> f64 {
    let mut scores = Scores::new(span, 300);
    (0..100_000).map(|_| scores.next(scale)).sum::<f64>() / 1e5
}
