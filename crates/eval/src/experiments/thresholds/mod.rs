//! What the paper's Table 4 lists, for every threshold strategy with the freeze off and on.
//!
//! * [`stream`]: scores whose truth is known.

mod stream;

use std::collections::VecDeque;

use andon_plant::Timestamp;
use andon_scoring::{
    Threshold, ThresholdRow,
    thresholds::{Hold, Strategy},
};

use super::Size;
use stream::{Plant, Truth, chance_after_drift};

/// Rows before the drift, and as many after it.
const HALF: usize = 40_000;
/// Rows below the threshold after which an alarm is over.
const OFF_DELAY: usize = 60;
/// Over so many rows the rate of false positives is averaged.
const TRAILING: usize = 1000;

pub(super) fn run(size: Size) -> anyhow::Result<String> {
    let seeds = size.pick(4, 20);
    let mut page = format!(
        "## Thresholds on simulated scores\n\n{seeds} seeds of {} rows, halfway a drift. Adaptation is the number of rows until the \
         rate over {TRAILING} rows is at most twice nominal, the median over seeds.\n\n| Freeze | Strategy | FPR before | FPR after \
         drift | TPR rows | TPR events before | TPR events after drift | Adaptation | Threshold | Stability |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|\n",
        2 * HALF
    );
    for freeze in [false, true] {
        for strategy in Strategy::ALL {
            let mut sum = Measured::default();
            for seed in 0..seeds {
                Run::new(strategy, freeze, seed)?.measure(&mut sum);
            }
            page += &sum.line(strategy, freeze);
        }
    }
    Ok(page)
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
    /// A line of the table.
    fn line(&mut self, strategy: Strategy, freeze: bool) -> String {
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
        let rates = format!("| {freeze} | {strategy:?} | {before:.3} % | {after:.3} % | {rows:.1} % ");
        rates + &format!("| {:.1} % | {:.1} % | {median} | {mean:.2} | {deviation:.2} |\n", events[0], events[1])
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
    fn new(strategy: Strategy, freeze: bool, seed: u64) -> anyhow::Result<Self> {
        let mut plant = Plant::new(seed)?;
        let threshold = plant.calibrated(strategy)?;
        let adaptation = Adaptation::new(2.0 * 10f64.powf(-threshold.base().score));
        Ok(Self { plant, threshold, freeze, alarm: 0, before: Truth::Normal, found: false, adaptation })
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
            hold: if self.freeze && self.alarm > 0 { Hold::Alarm } else { Hold::None },
        });
        let over = score >= threshold;
        self.alarm = if over { OFF_DELAY } else { self.alarm.saturating_sub(1) };
        self.count(truth, over, out);
        if row >= HALF {
            self.adaptation.see(row - HALF, chance_after_drift(&self.plant.sums, threshold));
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

    fn see(&mut self, row: usize, chance: f64) {
        if self.done.is_some() {
            return;
        }
        self.rates.push_back(chance);
        if self.rates.len() > TRAILING {
            self.rates.pop_front();
        }
        let rate = self.rates.iter().sum::<f64>() / self.rates.len() as f64;
        self.done = (rate <= self.enough).then_some(row);
    }
}
