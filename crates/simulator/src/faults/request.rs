//! Faults as people ask for them and see them: the body of `/demo/faults`, and the schedule of a recording.

use std::time::Duration;

use andon_plant::{AssetName, TagName, Timestamp};
use serde::{Deserialize, Serialize};

use super::{DEFAULT_DURATION, FaultError, FaultKind, LONGEST_DURATION};

/// A fault asked of the running plant: the body of `POST /demo/faults`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRequest {
    /// The asset it befalls.
    pub asset: AssetName,
    /// What goes wrong.
    pub kind: FaultKind,
    /// The tag; where not given, the one that such a fault usually befalls on this asset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<TagName>,
    /// The size in units of the tag's normal standard deviation within a mode; where not given, 8 (0 for stuck).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub magnitude: Option<f64>,
    /// How long it lasts, in seconds of the plant's time; where not given, 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
}

impl FaultRequest {
    /// A fault of `kind` on `asset`, everything else as usual.
    pub fn usual(asset: AssetName, kind: FaultKind) -> Self {
        Self { asset, kind, tag: None, magnitude: None, duration_s: None }
    }

    /// How long it is to last.
    ///
    /// # Errors
    /// If the duration is not above 0 and at most a week.
    pub fn duration(&self) -> Result<Duration, FaultError> {
        let Some(duration_s) = self.duration_s else { return Ok(DEFAULT_DURATION) };
        let duration = Duration::try_from_secs_f64(duration_s).ok();
        duration.filter(|d| *d <= LONGEST_DURATION && d.as_micros() > 0).ok_or(FaultError::Duration { duration_s })
    }
}

/// A fault of the running plant, from the moment it was accepted until its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActiveFault {
    /// Its number.
    pub id: u64,
    /// The asset it befalls.
    pub asset: AssetName,
    /// What goes wrong.
    pub kind: FaultKind,
    /// The tag it befalls.
    pub tag: TagName,
    /// The tag that parts with it, for a leak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<TagName>,
    /// Its size in units of the tag's normal standard deviation.
    pub magnitude: f64,
    /// How long it lasts, in seconds.
    pub duration_s: f64,
    /// The time of the first row it acts on.
    pub start: Timestamp,
    /// The first time it does not act on any more.
    pub end: Timestamp,
}

/// A fault at a row of a recording to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledFault {
    /// The first row it acts on, counted from 0.
    pub at_row: usize,
    /// How many rows it acts on.
    pub rows: usize,
    /// What goes wrong.
    pub kind: FaultKind,
    /// The tag; where not given, the usual one.
    #[serde(default)]
    pub tag: Option<TagName>,
    /// The size; where not given, the usual one.
    #[serde(default)]
    pub magnitude: Option<f64>,
}
