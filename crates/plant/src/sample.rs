//! One value of one tag.

use serde::{Deserialize, Serialize};

use crate::{
    name::{AssetName, TagName},
    status::{Quality, StatusCode},
    time::Timestamp,
};

/// One value of one tag at the PLC's source time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// The PLC's source timestamp.
    pub time: Timestamp,
    /// The value in the tag's unit; NaN exactly where the status is Bad.
    pub value: f64,
    /// The PLC's status code.
    pub status: StatusCode,
}

impl Sample {
    /// A sound value. A value that is not finite becomes [`StatusCode::BAD_NO_DATA`]: it can't be judged.
    pub fn good(time: Timestamp, value: f64) -> Self {
        Self::new(time, value, StatusCode::GOOD)
    }

    /// A value with the PLC's own status. A value that is not finite is never kept as Good.
    pub fn new(time: Timestamp, value: f64, status: StatusCode) -> Self {
        if status.is_bad() {
            Self { time, value: f64::NAN, status }
        } else if value.is_finite() {
            Self { time, value, status }
        } else {
            Self { time, value: f64::NAN, status: StatusCode::BAD_NO_DATA }
        }
    }

    /// No value, and why.
    pub fn bad(time: Timestamp, status: StatusCode) -> Self {
        Self { time, value: f64::NAN, status: if status.is_bad() { status } else { StatusCode::BAD } }
    }

    /// The quality of the status code.
    pub fn quality(&self) -> Quality {
        self.status.quality()
    }
}

/// A tag by its asset and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TagKey {
    /// The asset.
    pub asset: AssetName,
    /// The tag.
    pub tag: TagName,
}

impl std::fmt::Display for TagKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.asset, self.tag)
    }
}

/// A sample and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct TagSample {
    /// Whose sample it is.
    pub key: TagKey,
    /// The sample.
    pub sample: Sample,
}
