//! What can be wrong with a threshold's settings or its calibration.

use crate::gmm::GmmError;

/// A threshold could not be fitted.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ThresholdError {
    /// A setting is out of its range.
    #[error("threshold.{key} is {value}; it must be {range}")]
    Range {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Two settings say where the threshold stands.
    #[error("threshold.{first} and threshold.{second} both say where the threshold stands; keep one of them")]
    TwoBases {
        /// One key.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// Scores and modes are not of the same rows.
    #[error("{scores} calibration scores have {modes} modes; each score needs its row's mode, or none")]
    Ragged {
        /// Scores there are.
        scores: usize,
        /// Modes there are.
        modes: usize,
    },
    /// There is nothing to fit to.
    #[error("none of {scores} calibration scores is a finite number; record normal operation for longer")]
    NoScores {
        /// Scores there are.
        scores: usize,
    },
    /// A fact about the calibration can't be true.
    #[error("the calibration's {name} is {value}; it must be {range}")]
    Calibration {
        /// The fact.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// A mode's mixture could not be fitted.
    #[error(transparent)]
    Mixture(#[from] GmmError),
}

impl ThresholdError {
    /// `value` if it lies in `low..=high`.
    pub(super) fn check(
        key: &'static str,
        value: f64,
        (low, high): (f64, f64),
        range: &'static str,
    ) -> Result<(), ThresholdError> {
        if (low..=high).contains(&value) { Ok(()) } else { Err(Self::Range { key, value, range }) }
    }
}
