//! A threshold that follows a percentile of the last scores (paper, section 3.3).

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{ThresholdSettings, calibration::Normal, lessons::Lesson};

/// The most neighbouring rows of which one is kept.
const MOST_EVERY: f64 = 10.0;
/// The least spread that is believed, against that of calibrated scores: scores that stand still have none, but are no
/// surer for that.
const LEAST_SPREAD: f64 = 0.75;

/// Q_p over a window, carried on to the base.
///
/// A base of once in some thousand rows is no percentile of a window that follows anything. So a lower one is followed,
/// and the threshold is Q_p + c (Q_p - Q_50), with the c for which it is the base where scores are calibrated: scores
/// that move or spread move it alike. Neighbouring rows say the same, so only one of each run is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Percentile {
    percentile: f64,
    /// Q_p - Q_50 of calibrated scores.
    spread: f64,
    /// c.
    carried: f64,
    /// Of so many rows one is kept.
    every: f64,
    /// Rows since the last that was kept.
    since: f64,
    kept: usize,
    /// The window, oldest first.
    window: VecDeque<f64>,
    threshold: f64,
}

impl Percentile {
    pub(super) fn fit(settings: &ThresholdSettings, normal: &Normal) -> Self {
        let calibrated = |p: f64| -(1.0 - p).log10();
        let (high, half) = (calibrated(settings.percentile), calibrated(0.5));
        let every = (1.0 / normal.extremal_index).round().clamp(1.0, MOST_EVERY);
        let kept = (settings.window as f64 / every).ceil() as usize;
        let scores: Vec<f64> = normal.scores(None).collect();
        let newest = scores.iter().rev().step_by(every as usize).take(kept);
        let mut it = Self {
            percentile: settings.percentile,
            spread: high - half,
            carried: (normal.base - high) / (high - half),
            every,
            since: 0.0,
            kept,
            window: newest.rev().copied().collect(),
            threshold: normal.base,
        };
        it.refresh();
        it
    }

    pub(super) fn learn(&mut self, lesson: &Lesson) {
        self.since += lesson.speed;
        if self.since < self.every {
            return;
        }
        self.since = 0.0;
        if self.window.len() >= self.kept {
            self.window.pop_front();
        }
        self.window.push_back(lesson.score);
        self.refresh();
    }

    pub(super) fn at(&self) -> f64 {
        self.threshold
    }

    fn refresh(&mut self) {
        let mut scores: Vec<f64> = self.window.iter().copied().collect();
        let last = (scores.len() - 1) as f64;
        let mut quantile = |p: f64| *scores.select_nth_unstable_by((p * last).round() as usize, f64::total_cmp).1;
        let (high, half) = (quantile(self.percentile), quantile(0.5));
        let spread = (high - half).max(LEAST_SPREAD * self.spread);
        self.threshold = high + self.carried * spread;
    }
}
