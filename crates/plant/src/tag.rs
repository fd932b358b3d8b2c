//! What a tag measures.

use serde::{Deserialize, Serialize};

use crate::name::TagName;

/// The kind of quantity a tag carries, which decides how a model is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TagKind {
    /// A measured quantity on a continuous scale.
    #[default]
    Analog,
    /// On or off, 0 or 1.
    Boolean,
    /// A state number whose order means nothing.
    Enum,
    /// A count that only rises until it wraps; a model sees its differences.
    Counter,
}

/// A closed range in the tag's unit, low below high.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f64; 2]", into = "[f64; 2]")]
pub struct Range {
    low: f64,
    high: f64,
}

/// The two ends are not a range.
#[derive(Debug, thiserror::Error, PartialEq)]
#[error("range [{0}, {1}] is refused: the first number must be below the second, and both finite")]
pub struct RangeError(f64, f64);

impl Range {
    /// The range from `low` to `high`.
    ///
    /// # Errors
    /// If `low` is not below `high` or one is not finite.
    pub fn new(low: f64, high: f64) -> Result<Self, RangeError> {
        if low.is_finite() && high.is_finite() && low < high {
            Ok(Self { low, high })
        } else {
            Err(RangeError(low, high))
        }
    }

    /// The lower end.
    pub fn low(self) -> f64 {
        self.low
    }

    /// The upper end.
    pub fn high(self) -> f64 {
        self.high
    }
}

impl TryFrom<[f64; 2]> for Range {
    type Error = RangeError;
    fn try_from([low, high]: [f64; 2]) -> Result<Self, RangeError> {
        Self::new(low, high)
    }
}

impl From<Range> for [f64; 2] {
    fn from(r: Range) -> [f64; 2] {
        [r.low, r.high]
    }
}

/// A tag of an asset: its name, unit, engineering range and kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// The name, unique within its asset.
    pub name: TagName,
    /// The engineering unit as people write it, such as `degC`; empty where the quantity has none.
    #[serde(default)]
    pub unit: String,
    /// The range the instrument can show (EURange), where known.
    #[serde(default)]
    pub range: Option<Range>,
    /// The kind of quantity.
    #[serde(default)]
    pub kind: TagKind,
}

impl Tag {
    /// An analog tag without unit or range.
    pub fn analog(name: TagName) -> Self {
        Self { name, unit: String::new(), range: None, kind: TagKind::Analog }
    }
}
