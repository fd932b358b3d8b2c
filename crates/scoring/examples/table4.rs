//! Measures what the paper's Table 4 lists, for every threshold strategy with the freeze off and on.
//!
//! `cargo run --release -p andon-scoring --example table4`
//!
//! The scores are simulated, so the truth is known: the mean over ten rows of three squared residuals is a tenth of a
//! chi-squared number with 30 degrees of freedom, and the score -log10 of its survival is calibrated exactly. The asset
//! changes among three modes by transitions, in which residuals are wider than calibrated; anomalies of several sizes and
//! lengths, sudden or growing, come every 3,000 rows or so; halfway all residuals become wider by a tenth for good.

#![expect(clippy::unwrap_used, reason = "an example may stop where it is wrong")]

use std::{collections::VecDeque, time::Duration};

use andon_plant::Timestamp;
use andon_scoring::{
    Threshold, ThresholdCalibration, ThresholdRow, ThresholdSettings,
    thresholds::{AlarmBudget, Strategy},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const SEEDS: u64 = 20;
const CALIBRATION: usize = 20_000;
/// Rows before the drift, and as many after it.
const HALF: usize = 40_000;
const SMOOTHED: usize = 10;
const DRIFT: f64 = 1.1;
const TRANSITION: f64 = 1.1;
/// Rows below the threshold after which an alarm is over.
const OFF_DELAY: usize = 60;
/// Over so many rows the rate of false positives is averaged.
const TRAILING: usize = 1000;

fn main() {
    println!(
        "| Freeze | Strategy | FPR before | FPR after drift | TPR rows | TPR events before | TPR events after drift | Adaptation | Threshold | Stability |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|");
    for freeze in [false, true] {
        for strategy in Strategy::ALL {
            let mut sum = Measured::default();
            (0..SEEDS).for_each(|seed| Run::new(strategy, freeze, seed).measure(&mut sum));
            sum.print(strategy, freeze);
        }
    }
}

/// What Table 4 lists, summed over seeds.
#[derive(Default)]
struct Measured {
    /// False positives and normal rows, before and after the drift.
    normal: [Share; 2],
    /// Anomalous rows found, and all.
    rows: Share,
    /// Anomalies found, and all, before and after the drift.
    events: [Share; 2],
    /// Rows from the drift until the rate is back, one a seed; the largest number where it never was.
    adaptation: Vec<usize>,
    /// The thresholds of rows in the middle of normal operation before the drift.
    steady: Vec<f64>,
}

#[derive(Default, Clone, Copy)]
struct Share {
    some: usize,
    all: usize,
}

impl Share {
    fn count(&mut self, is: bool) {
        self.some += usize::from(is);
        self.all += 1;
    }

    fn percent(self) -> f64 {
        100.0 * self.some as f64 / self.all as f64
    }
}

impl Measured {
    fn print(&mut self, strategy: Strategy, freeze: bool) {
        let freeze = if freeze { "on" } else { "off" };
        let n = self.steady.len() as f64;
        let mean = self.steady.iter().sum::<f64>() / n;
        let deviation = (self.steady.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / n).sqrt();
        self.adaptation.sort_unstable();
        let median = match self.adaptation[self.adaptation.len() / 2] {
            usize::MAX => "never".to_owned(),
            rows => format!("{rows} rows"),
        };
        let [before, after] = self.normal.map(Share::percent);
        let (rows, events) = (self.rows.percent(), self.events.map(Share::percent));
        print!("| {freeze} | {strategy:?} | {before:.3} % | {after:.3} % | {rows:.1} % ");
        println!("| {:.1} % | {:.1} % | {median} | {mean:.2} | {deviation:.2} |", events[0], events[1]);
    }
}

/// One strategy on one stream.
struct Run {
    plant: Plant,
    threshold: Threshold,
    freeze: bool,
    /// Rows until the alarm is over.
    alarm: usize,
    /// The truth of the row before, and whether the anomaly it belongs to was found.
    before: Truth,
    found: bool,
    adaptation: Adaptation,
}

impl Run {
    fn new(strategy: Strategy, freeze: bool, seed: u64) -> Self {
        let mut plant = Plant::new(seed);
        let threshold = plant.calibrated(strategy);
        let adaptation = Adaptation::new(2.0 * 10f64.powf(-threshold.base().score));
        Self { plant, threshold, freeze, alarm: 0, before: Truth::Normal, found: false, adaptation }
    }

    fn measure(mut self, out: &mut Measured) {
        for row in 0..2 * HALF {
            self.step(row, out);
        }
        out.adaptation.push(self.adaptation.done.unwrap_or(usize::MAX));
    }

    fn step(&mut self, row: usize, out: &mut Measured) {
        self.plant.drifted = row >= HALF;
        let (score, truth) = self.plant.next();
        let transition = self.plant.is_transition();
        let threshold = self.threshold.observe(&ThresholdRow {
            time: Timestamp::from_secs(row as i64),
            score,
            mode: (!transition).then_some(self.plant.mode),
            transition,
            held: self.freeze && self.alarm > 0,
        });
        let over = score >= threshold;
        self.alarm = if over { OFF_DELAY } else { self.alarm.saturating_sub(1) };
        self.count(truth, over, out);
        if row >= HALF {
            self.adaptation.see(row - HALF, threshold);
        } else if truth == Truth::Normal && !transition {
            out.steady.push(threshold);
        }
    }

    fn count(&mut self, truth: Truth, over: bool, out: &mut Measured) {
        match truth {
            Truth::Normal => out.normal[usize::from(self.plant.drifted)].count(over),
            Truth::Anomalous => out.rows.count(over),
            Truth::After => {}
        }
        if truth == Truth::Anomalous {
            self.found |= over;
        } else if self.before == Truth::Anomalous {
            out.events[usize::from(self.plant.drifted)].count(std::mem::take(&mut self.found));
        }
        self.before = truth;
    }
}

/// How long it takes after the drift until false positives are rare again.
struct Adaptation {
    enough: f64,
    rates: VecDeque<f64>,
    done: Option<usize>,
}

impl Adaptation {
    fn new(enough: f64) -> Self {
        Self { enough, rates: VecDeque::new(), done: None }
    }

    fn see(&mut self, row: usize, threshold: f64) {
        if self.done.is_some() {
            return;
        }
        self.rates.push_back(chance_after_drift(threshold));
        if self.rates.len() > TRAILING {
            self.rates.pop_front();
        }
        let rate = self.rates.iter().sum::<f64>() / self.rates.len() as f64;
        self.done = (rate <= self.enough).then_some(row);
    }
}

/// The chance that a drifted row of a calibrated mode reaches the threshold.
fn chance_after_drift(threshold: f64) -> f64 {
    let sums = sums();
    sums.sf(sums.inverse_cdf(1.0 - 10f64.powf(-threshold)) / DRIFT.powi(2))
}

fn sums() -> ChiSquared {
    ChiSquared::new(3.0 * SMOOTHED as f64).unwrap()
}

#[derive(Clone, Copy, PartialEq)]
enum Truth {
    Normal,
    Anomalous,
    /// The average still holds anomalous rows.
    After,
}

struct Anomaly {
    /// Standard deviations added to one residual.
    size: f64,
    growing: bool,
    rows: usize,
}

const ANOMALIES: [Anomaly; 5] = [
    Anomaly { size: 2.5, growing: false, rows: 10 },
    Anomaly { size: 2.0, growing: false, rows: 20 },
    Anomaly { size: 1.5, growing: false, rows: 60 },
    Anomaly { size: 1.2, growing: false, rows: 150 },
    Anomaly { size: 2.0, growing: true, rows: 600 },
];

struct Plant {
    rng: ChaCha8Rng,
    squares: VecDeque<f64>,
    mode: usize,
    /// Rows until the mode changes.
    dwell: usize,
    /// Rows left of the transition.
    transition: usize,
    drifted: bool,
    /// The anomaly, and rows of it that have been.
    anomaly: Option<(&'static Anomaly, usize)>,
    /// Rows until the next anomaly; none while calibrating.
    quiet: Option<usize>,
    /// Rows until no anomalous one is in the average.
    after: usize,
}

impl Plant {
    fn new(seed: u64) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            squares: VecDeque::new(),
            mode: 0,
            dwell: 1000,
            transition: 0,
            drifted: false,
            anomaly: None,
            quiet: None,
            after: 0,
        }
    }

    fn is_transition(&self) -> bool {
        self.transition > 0
    }

    /// A threshold fitted to the plant's first rows; from then on there are anomalies.
    fn calibrated(&mut self, strategy: Strategy) -> Threshold {
        let (mut scores, mut modes) = (Vec::new(), Vec::new());
        for _ in 0..CALIBRATION {
            scores.push(self.next().0);
            modes.push((!self.is_transition()).then_some(self.mode));
        }
        self.quiet = Some(2000);
        let calibration = ThresholdCalibration {
            extremal_index: extremal_index(&scores),
            scores: &scores,
            modes: &modes,
            mode_count: 3,
            step: Duration::from_secs(1),
            shift: Duration::from_secs(8 * 3600),
        };
        let budget = Some(AlarmBudget::default());
        Threshold::fit(&ThresholdSettings { strategy, budget, ..ThresholdSettings::default() }, &calibration).unwrap()
    }

    fn next(&mut self) -> (f64, Truth) {
        self.change_mode();
        let shift = self.shift();
        let mut residual = || -> f64 { StandardNormal.sample(&mut self.rng) };
        let square = (residual() + shift.unwrap_or(0.0)).powi(2) + residual().powi(2) + residual().powi(2);
        self.squares.push_back(square * self.width().powi(2));
        if self.squares.len() > SMOOTHED {
            self.squares.pop_front();
        }
        let sum = self.squares.iter().sum::<f64>() * SMOOTHED as f64 / self.squares.len() as f64;
        let truth = match (shift, self.after) {
            (Some(_), _) => Truth::Anomalous,
            (None, 0) => Truth::Normal,
            (None, _) => Truth::After,
        };
        self.after = if shift.is_some() { SMOOTHED } else { self.after.saturating_sub(1) };
        (-sums().sf(sum).max(1e-16).log10(), truth)
    }

    /// How wide residuals are, against calibration.
    fn width(&self) -> f64 {
        let drift = if self.drifted { DRIFT } else { 1.0 };
        if self.is_transition() { drift * TRANSITION } else { drift }
    }

    fn change_mode(&mut self) {
        self.transition = self.transition.saturating_sub(1);
        self.dwell -= 1;
        if self.dwell == 0 {
            self.mode = (self.mode + self.rng.random_range(1..3)) % 3;
            self.dwell = self.rng.random_range(600..1800);
            self.transition = 30;
        }
    }

    /// What the anomaly adds to a residual; none where there is no anomaly.
    fn shift(&mut self) -> Option<f64> {
        if let Some((anomaly, done)) = self.anomaly {
            self.anomaly = (done + 1 < anomaly.rows).then_some((anomaly, done + 1));
            let grown = if anomaly.growing { (done + 1) as f64 / anomaly.rows as f64 } else { 1.0 };
            return Some(anomaly.size * grown);
        }
        let quiet = self.quiet.as_mut()?;
        *quiet -= 1;
        if *quiet == 0 {
            *quiet = self.rng.random_range(1000..5000);
            self.anomaly = Some((&ANOMALIES[self.rng.random_range(0..ANOMALIES.len())], 0));
        }
        None
    }
}

/// Runs for each row above a score of 2, where a run ends with as many lower rows as are averaged.
fn extremal_index(scores: &[f64]) -> f64 {
    let over: Vec<usize> = scores.iter().enumerate().filter(|(_, s)| **s >= 2.0).map(|(row, _)| row).collect();
    let runs = 1 + over.windows(2).filter(|w| w[1] - w[0] > SMOOTHED).count();
    runs as f64 / over.len().max(1) as f64
}
