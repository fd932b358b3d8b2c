//! Instants: UTC microseconds since the Unix epoch.

use std::{fmt, str::FromStr, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant in UTC, in whole microseconds since the Unix epoch.
///
/// Serialised as RFC 3339 (`2026-11-23T20:39:00.250Z`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// The text is neither RFC 3339 nor decimal seconds since the epoch.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a time: write RFC 3339 (2026-11-23T20:39:00Z) or seconds since the epoch (1795466340.25)")]
pub struct TimeError(String);

impl Timestamp {
    /// The instant `us` microseconds after the Unix epoch.
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// The instant `s` seconds after the Unix epoch.
    pub const fn from_secs(s: i64) -> Self {
        Self(s * 1_000_000)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, as plots and CSV files want them.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time from `earlier` to here; zero where `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// This instant plus `d`, at the most the end of time.
    pub fn after(self, d: Duration) -> Self {
        Self(self.0.saturating_add(micros(d)))
    }

    /// This instant less `d`, at the least the beginning of time.
    pub fn before(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(micros(d)))
    }

    /// The first multiple of `grid` (counted from the epoch) that is not before this instant.
    pub fn ceil_to(self, grid: Duration) -> Self {
        let g = micros(grid).max(1);
        Self(self.0.div_euclid(g) * g + if self.0.rem_euclid(g) == 0 { 0 } else { g })
    }
}

fn micros(d: Duration) -> i64 {
    i64::try_from(d.as_micros()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(t) => f.write_str(&t.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self(t.timestamp_micros()));
        }
        let seconds: f64 = text.parse().map_err(|_| TimeError(text.to_owned()))?;
        let us = seconds * 1e6;
        if us.is_finite() && us.abs() < 9.2e18 { Ok(Self(us.round() as i64)) } else { Err(TimeError(text.to_owned())) }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_and_decimal_seconds_are_the_same_instant() {
        let a: Timestamp = "2020-03-09T10:34:33.5Z".parse().unwrap();
        let b: Timestamp = "1583750073.5".parse().unwrap();
        assert_eq!(a, b);
        assert_eq!(a.to_string(), "2020-03-09T10:34:33.500Z");
    }

    #[test]
    fn a_word_is_refused_by_name() {
        let said = "yesterday".parse::<Timestamp>().unwrap_err().to_string();
        assert!(said.starts_with("`yesterday` is not a time"), "{said}");
    }

    #[test]
    fn ceil_keeps_a_tick_and_lifts_the_rest() {
        let s = Duration::from_secs(1);
        assert_eq!(Timestamp::from_secs(5).ceil_to(s), Timestamp::from_secs(5));
        assert_eq!(Timestamp::from_micros(5_000_001).ceil_to(s), Timestamp::from_secs(6));
        assert_eq!(Timestamp::from_micros(-1).ceil_to(s), Timestamp::from_secs(0));
    }
}
