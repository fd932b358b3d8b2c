//! Scores whose truth is known.
//!
//! The mean over ten rows of three squared residuals is a tenth of a chi-squared number with 30 degrees of freedom, and the score
//! -log10 of its survival is calibrated exactly. The asset changes among three modes by transitions, in which
//! residuals are wider than calibrated; anomalies of several sizes and lengths, sudden or growing, come every 3,000 rows
//! or so; once it has drifted all residuals are wider by a tenth for good.

use std::{collections::VecDeque, time::Duration};

use andon_scoring::{
    Threshold, ThresholdCalibration, ThresholdSettings,
    thresholds::{AlarmBudget, Strategy},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ChiSquared, ContinuousCDF};

const CALIBRATION: usize = 20_000;
const SMOOTHED: usize = 10;
const MODES: usize = 3;
const DRIFT: f64 = 1.1;
const TRANSITION: f64 = 1.1;

/// The chance that a drifted row of a calibrated mode reaches the threshold.
pub(super) fn chance_after_drift(sums: &ChiSquared, threshold: f64) -> f64 {
    sums.sf(sums.inverse_cdf(1.0 - 10f64.powf(-threshold)) / DRIFT.powi(2))
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Truth {
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

pub(super) struct Plant {
    rng: ChaCha8Rng,
    squares: VecDeque<f64>,
    pub(super) mode: usize,
    /// Rows until the mode changes.
    dwell: usize,
    /// Rows left of the transition.
    transition: usize,
    pub(super) drifted: bool,
    pub(super) sums: ChiSquared,
    /// The anomaly, and rows of it that have been.
    anomaly: Option<(&'static Anomaly, usize)>,
    /// Rows until the next anomaly; none while calibrating.
    quiet: Option<usize>,
    /// Rows until no anomalous one is in the average.
    after: usize,
}

impl Plant {
    pub(super) fn new(seed: u64) -> anyhow::Result<Self> {
        Ok(Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            squares: VecDeque::new(),
            mode: 0,
            dwell: 1000,
            transition: 0,
            drifted: false,
            anomaly: None,
            quiet: None,
            sums: ChiSquared::new(3.0 * SMOOTHED as f64)?,
            after: 0,
        })
    }

    pub(super) fn is_transition(&self) -> bool {
        self.transition > 0
    }

    /// A threshold fitted to the plant's first rows; from then on there are anomalies.
    pub(super) fn calibrated(&mut self, strategy: Strategy) -> anyhow::Result<Threshold> {
        let (mut scores, mut modes) = (Vec::new(), Vec::new());
        for _ in 0..CALIBRATION {
            scores.push(self.next().0);
            modes.push(Some(if self.is_transition() { MODES } else { self.mode }));
        }
        self.quiet = Some(2000);
        let calibration = ThresholdCalibration {
            extremal_index: extremal_index(&scores),
            scores: &scores,
            modes: &modes,
            mode_count: MODES,
            step: Duration::from_secs(1),
            shift: Duration::from_secs(8 * 3600),
        };
        let budget = Some(AlarmBudget::default());
        Ok(Threshold::fit(&ThresholdSettings { strategy, budget, ..ThresholdSettings::default() }, &calibration)?)
    }

    pub(super) fn next(&mut self) -> (f64, Truth) {
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
        (-self.sums.sf(sum).max(1e-16).log10(), truth)
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
