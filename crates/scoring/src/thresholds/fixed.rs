//! The same threshold for ever.

use andon_plant::verdict::MAX_SCORE;
use serde::{Deserialize, Serialize};

use super::{ThresholdError, check};

/// Settings of a fixed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FixedSettings {
    /// The score from which on a row is an anomaly; 3 is once in 1,000 rows.
    pub score: f64,
}

impl Default for FixedSettings {
    fn default() -> Self {
        Self { score: 3.0 }
    }
}

impl FixedSettings {
    pub(super) fn check(&self) -> Result<(), ThresholdError> {
        check("score", self.score, 0.0, MAX_SCORE, "from 0 to 16")
    }
}

/// A fixed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fixed {
    score: f64,
}

impl Fixed {
    pub(super) fn new(settings: FixedSettings) -> Self {
        Self { score: settings.score }
    }

    pub(super) fn in_force(&self) -> f64 {
        self.score
    }
}
