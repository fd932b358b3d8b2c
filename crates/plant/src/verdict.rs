//! What the detector says of one grid row of one asset.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    health::FaultClass,
    name::{AssetName, TagName},
    status::StatusCode,
    time::Timestamp,
};

/// The highest score there is: residuals beyond it are all "never".
pub const MAX_SCORE: f64 = 16.0;

/// An asset's operating mode at one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Mode {
    /// A mode seen in training, by its name.
    Known(String),
    /// Between two modes.
    Transition,
    /// No mode seen in training fits: the verdict is advisory only.
    Unknown,
}

impl From<Mode> for String {
    fn from(mode: Mode) -> String {
        mode.as_str().to_owned()
    }
}

impl From<String> for Mode {
    fn from(name: String) -> Mode {
        match name.as_str() {
            "transition" => Mode::Transition,
            "unknown" => Mode::Unknown,
            _ => Mode::Known(name),
        }
    }
}

impl Mode {
    /// The name for people, JSON and OPC UA.
    pub fn as_str(&self) -> &str {
        match self {
            Mode::Known(name) => name,
            Mode::Transition => "transition",
            Mode::Unknown => "unknown",
        }
    }
}

/// What the detector says of one tag at one row, in the tag's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagVerdict {
    /// The tag.
    pub tag: TagName,
    /// The value the window had.
    pub value: f64,
    /// The value the model expected.
    pub expected: f64,
    /// The lower edge of what is normal around the expected value.
    pub expected_low: f64,
    /// The upper edge of what is normal around the expected value.
    pub expected_high: f64,
    /// `value - expected`.
    pub residual: f64,
    /// The tag's share of the score; an asset's shares sum to 1.
    pub contribution: f64,
    /// Whether the value was made up here.
    pub imputed: bool,
}

/// What is wrong with one tag of an anomalous row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagFinding {
    /// The tag.
    pub tag: TagName,
    /// What kind of fault it looks like.
    pub class: FaultClass,
    /// One sentence for an operator, in the tag's unit.
    pub text: String,
}

/// What the detector says of one grid row of one asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The asset.
    pub asset: AssetName,
    /// The grid time of the row that was judged.
    pub time: Timestamp,
    /// -log10 p, where p is the chance of a residual at least this large in normal operation of this mode; at most
    /// [`MAX_SCORE`].
    pub score: f64,
    /// The score from which on this is an anomaly.
    pub threshold: f64,
    /// 1 - p.
    pub probability: f64,
    /// The lower end of the confidence interval of `probability`.
    pub probability_low: f64,
    /// The upper end of the confidence interval of `probability`.
    pub probability_high: f64,
    /// The operating mode.
    pub mode: Mode,
    /// The share of the window that was made up, from 0 to 1.
    pub imputed: f64,
    /// Good; or Uncertain where the input was partly made up or the mode is unknown.
    pub status: StatusCode,
    /// One entry a tag, in the asset's order.
    pub tags: Vec<TagVerdict>,
    /// The row came after its time, as by a backfill: it is written down and raises no alarm.
    pub late: bool,
    /// What is wrong with the tags that carried the score most, largest share first; empty unless the row is anomalous.
    pub findings: Vec<TagFinding>,
    /// How much the model looked at each row of the window, oldest first; they sum to 1. Empty unless the row is anomalous
    /// and the model has attention.
    pub attention: Vec<f64>,
}

impl Verdict {
    /// Whether the score has reached the threshold.
    pub fn anomalous(&self) -> bool {
        self.score >= self.threshold
    }

    /// How long one waits on average for a score this high in normal operation, in seconds, with judged rows `step` apart.
    pub fn return_period_s(&self, step: Duration) -> f64 {
        10f64.powf(self.score) * step.as_secs_f64()
    }

    /// The tags that carried the score, largest share first.
    pub fn top(&self, n: usize) -> Vec<&TagVerdict> {
        let mut tags: Vec<&TagVerdict> = self.tags.iter().collect();
        tags.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
        tags.truncate(n);
        tags
    }
}

/// What an asset is doing as far as monitoring goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AssetState {
    /// Nothing comes from its source.
    NoData,
    /// Data comes, and a model is being trained or waited for.
    Learning,
    /// A model judges, but raises no alarms yet.
    Shadow,
    /// A model judges and raises alarms.
    Active,
    /// Under maintenance: judged, not annunciated.
    Maintenance,
    /// Switched off by configuration.
    Disabled,
}

impl AssetState {
    /// The contract's name.
    pub fn as_str(self) -> &'static str {
        match self {
            AssetState::NoData => "NoData",
            AssetState::Learning => "Learning",
            AssetState::Shadow => "Shadow",
            AssetState::Active => "Active",
            AssetState::Maintenance => "Maintenance",
            AssetState::Disabled => "Disabled",
        }
    }
}
