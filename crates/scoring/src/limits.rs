//! What is too little, or the wrong way, to matter: a tag's limits, set by people who know the process.

use serde::{Deserialize, Serialize};

/// The way of a deviation that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Above and below expected.
    #[default]
    Both,
    /// Above expected only: a vibration that falls is no trouble.
    High,
    /// Below expected only: a pump's head that rises is no trouble.
    Low,
}

/// How far, and which way, a tag must be from expected before it counts. The default lets everything count.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "RawTagLimits", into = "RawTagLimits")]
pub struct TagLimits {
    direction: Direction,
    min_deviation: f64,
}

/// The smallest deviation that counts is not one.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("min_deviation is {0}; it must be a number from 0 upwards, in the tag's unit (0: every deviation counts)")]
pub struct LimitsError(f64);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTagLimits {
    #[serde(default)]
    direction: Direction,
    #[serde(default)]
    min_deviation: f64,
}

impl TagLimits {
    /// Limits with `min_deviation` in the tag's unit.
    ///
    /// # Errors
    /// If `min_deviation` is negative or not finite.
    pub fn new(direction: Direction, min_deviation: f64) -> Result<Self, LimitsError> {
        if min_deviation.is_finite() && min_deviation >= 0.0 {
            Ok(Self { direction, min_deviation })
        } else {
            Err(LimitsError(min_deviation))
        }
    }

    /// The way that matters.
    pub fn direction(self) -> Direction {
        self.direction
    }

    /// The smallest deviation that counts, in the tag's unit.
    pub fn min_deviation(self) -> f64 {
        self.min_deviation
    }

    /// Whether `residual` (`value - expected`, in the tag's unit) matters.
    ///
    /// What matters is not shrunk by the limit. The limit says which deviations people act upon, not that the first part
    /// of one is harmless: the operator is told how far the tag is from expected, and a score of half that distance
    /// would rank it below tags that are less far off. The step from 0 to the limit is wanted. Calibration rows do
    /// not go through limits: a tag that never went beyond its own in normal operation would have no scale, and a limit may be
    /// changed without a new fit.
    pub fn matters(&self, residual: f64) -> bool {
        let other_way = match self.direction {
            Direction::Both => false,
            Direction::High => residual < 0.0,
            Direction::Low => residual > 0.0,
        };
        !(other_way || residual.abs() < self.min_deviation)
    }
}

impl TryFrom<RawTagLimits> for TagLimits {
    type Error = LimitsError;
    fn try_from(raw: RawTagLimits) -> Result<Self, LimitsError> {
        Self::new(raw.direction, raw.min_deviation)
    }
}

impl From<TagLimits> for RawTagLimits {
    fn from(limits: TagLimits) -> Self {
        Self { direction: limits.direction, min_deviation: limits.min_deviation }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(json: &str) -> Result<TagLimits, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_is_too_little_does_not_matter() {
        let limits = TagLimits::new(Direction::Both, 2.0).unwrap();
        assert_eq!([-2.0, -1.9, 0.0, 1.9, 2.0].map(|r| limits.matters(r)), [true, false, false, false, true]);
    }

    #[test]
    fn only_the_way_that_matters_counts() {
        let high = TagLimits::new(Direction::High, 0.0).unwrap();
        let low = TagLimits::new(Direction::Low, 1.0).unwrap();
        assert_eq!([-5.0, 5.0].map(|r| high.matters(r)), [false, true]);
        assert_eq!([-5.0, -0.5, 5.0].map(|r| low.matters(r)), [true, false, false]);
    }

    #[test]
    fn limits_are_read_with_defaults_and_written_as_read() {
        let limits = read(r#"{"direction": "high", "min_deviation": 0.5}"#).unwrap();
        assert_eq!(read(&serde_json::to_string(&limits).unwrap()).unwrap(), limits);
        assert_eq!(read("{}").unwrap(), TagLimits::default());
        assert!(read(r#"{"min_deviaton": 1}"#).is_err());
    }

    #[test]
    fn a_negative_limit_is_refused_by_key_value_and_range() {
        let said = read(r#"{"min_deviation": -1}"#).unwrap_err().to_string();
        assert!(said.starts_with("min_deviation is -1; it must be a number from 0 upwards"), "{said}");
        assert!(TagLimits::new(Direction::Both, f64::NAN).is_err());
    }

    proptest! {
        #[test]
        fn by_default_everything_counts(residual in any::<f64>()) {
            prop_assert!(TagLimits::default().matters(residual));
        }
    }
}
