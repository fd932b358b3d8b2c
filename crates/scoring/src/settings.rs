//! What may be set about judging residuals.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How residuals are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScorerSettings {
    /// The time scales, in rows: every method is asked over each. One of them must be [`lead`](Self::lead).
    pub scales: Vec<usize>,
    /// The scale that leads the combination, in rows.
    pub lead: usize,
    /// The most components of one mode's residual mixture; BIC chooses among 1 to this many. With one, the modes are the
    /// components, as in the paper; more of them learn the tails they should judge (mean VUS-PR over five data sets with
    /// residuals of a linear model: .813 with one, .808 with two, .806 with three).
    pub residual_components: usize,
    /// A mode with fewer calibration rows than this is judged by all rows together.
    pub min_mode_rows: usize,
    /// The time constant over which slow drift of a tag's residual is followed.
    pub follow: Duration,
    /// Its least number of rows: where rows are hours apart, days are too few of them to learn from.
    pub follow_rows: usize,
    /// How modes are told apart.
    pub modes: ModeSettings,
}

impl Default for ScorerSettings {
    fn default() -> Self {
        Self {
            scales: vec![1, 10, 60],
            lead: 10,
            residual_components: 1,
            min_mode_rows: 200,
            follow: Duration::from_secs(48 * 3600),
            follow_rows: 500,
            modes: ModeSettings::default(),
        }
    }
}

/// How modes are found in the tags' values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModeSettings {
    /// The most mixture components the modes may be made of; BIC chooses among 1 to this many.
    pub max_components: usize,
    /// A row whose likeliest mode is less likely than this is in transition.
    pub transition_below: f64,
    /// How far beyond the outermost calibration rows a row may lie, as a multiple of their distance from the median row.
    pub unknown_margin: f64,
    /// Rows after a change of the mode tag that are judged as a transition.
    pub settle_rows: usize,
    /// Rows that a mode without a tag lasts on average, at the least. (On recordings without operating modes, clusters are loads
    /// the briefest of which lasts 2 to 41 rows; judged each on its own, the mean VUS-PR over five data sets is .824, judged together .848.)
    pub dwell_rows: usize,
}

impl Default for ModeSettings {
    fn default() -> Self {
        Self { max_components: 8, transition_below: 0.6, unknown_margin: 2.0, settle_rows: 30, dwell_rows: 60 }
    }
}
