//! A threshold that stays at its base.

use serde::{Deserialize, Serialize};

use super::calibration::Normal;

/// A fixed threshold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Fixed {
    score: f64,
}

impl Fixed {
    pub(super) fn fit(normal: &Normal) -> Self {
        Self { score: normal.base }
    }

    pub(super) fn at(&self) -> f64 {
        self.score
    }
}
