//! What may be set about judging residuals.

use serde::{Deserialize, Serialize};

/// How residuals are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScorerSettings {
    /// Over how many rows the statistic is averaged, each on its own; the tail probabilities are then combined.
    pub scales: Vec<usize>,
    /// The most components of one mode's residual mixture; BIC chooses among 1 to this many. With one, the modes are the
    /// components, as in the paper; more of them learn the tails they should judge (mean VUS-PR over five data sets with
    /// residuals of a linear model: .813 with one, .808 with two, .806 with three).
    pub residual_components: usize,
    /// A mode with fewer calibration rows than this is judged by all rows together.
    pub min_mode_rows: usize,
    /// How modes are told apart.
    pub modes: ModeSettings,
}

impl Default for ScorerSettings {
    fn default() -> Self {
        Self { scales: vec![1, 10], residual_components: 1, min_mode_rows: 200, modes: ModeSettings::default() }
    }
}

/// How modes are found in latent codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeSettings {
    /// The most modes there may be; BIC chooses among 1 to this many.
    pub max_modes: usize,
    /// A row whose likeliest mode is less likely than this is in transition.
    pub transition_below: f64,
    /// How far beyond the outermost calibration rows a row may lie, as a multiple of their distance from the median row.
    pub unknown_margin: f64,
    /// Rows after a change of the mode tag that are a transition.
    pub settle_rows: usize,
}

impl Default for ModeSettings {
    fn default() -> Self {
        Self { max_modes: 6, transition_below: 0.6, unknown_margin: 2.0, settle_rows: 30 }
    }
}
