//! Thresholds: the score from which on a row is an anomaly.
//!
//! One file a strategy. A new one is one more file, one more variant of [`ThresholdSettings`] and [`Threshold`], and what
//! the compiler then asks for.

mod ewma;
mod fixed;

use serde::{Deserialize, Serialize};

pub use ewma::{Ewma, EwmaSettings};
pub use fixed::{Fixed, FixedSettings};

/// Which strategy, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum ThresholdSettings {
    /// The same score for ever.
    Fixed(FixedSettings),
    /// Follows the recent scores' mean and deviation.
    Ewma(EwmaSettings),
}

impl Default for ThresholdSettings {
    fn default() -> Self {
        Self::Ewma(EwmaSettings::default())
    }
}

/// A threshold with its state. It is written out with the rest of a detector, so that a restart goes on where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Threshold {
    /// The same score for ever.
    Fixed(Fixed),
    /// Follows the recent scores' mean and deviation.
    Ewma(Ewma),
}

/// A threshold's settings contradict each other.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// A number is out of its range.
    #[error("threshold.{key} is {value}; it must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

impl ThresholdSettings {
    /// Checks the ranges.
    ///
    /// # Errors
    /// If a number is out of its range.
    pub fn check(&self) -> Result<(), ThresholdError> {
        match self {
            Self::Fixed(settings) => settings.check(),
            Self::Ewma(settings) => settings.check(),
        }
    }
}

impl Threshold {
    /// A threshold as it stands before the first row.
    pub fn new(settings: ThresholdSettings) -> Self {
        match settings {
            ThresholdSettings::Fixed(settings) => Self::Fixed(Fixed::new(settings)),
            ThresholdSettings::Ewma(settings) => Self::Ewma(Ewma::new(settings)),
        }
    }

    /// The threshold for a row with this score, which teaches the threshold for the rows after it. A score that reaches
    /// the threshold teaches nothing: an anomaly must not.
    pub fn observe(&mut self, score: f64) -> f64 {
        match self {
            Self::Fixed(fixed) => fixed.in_force(),
            Self::Ewma(ewma) => ewma.observe(score),
        }
    }

    /// The threshold for the next row. To be asked instead of [`observe`](Self::observe) while an alarm is active or the
    /// asset is shelved or under maintenance, when nothing may be learned.
    pub fn in_force(&self) -> f64 {
        match self {
            Self::Fixed(fixed) => fixed.in_force(),
            Self::Ewma(ewma) => ewma.in_force(),
        }
    }
}

/// `value` if it lies in `low..=high`.
fn check(key: &'static str, value: f64, low: f64, high: f64, range: &'static str) -> Result<(), ThresholdError> {
    if (low..=high).contains(&value) { Ok(()) } else { Err(ThresholdError::Range { key, value, range }) }
}
