//! How the room has gone, so that it can be said how long it lasts.

use std::{collections::VecDeque, time::Duration};

use andon_plant::Timestamp;

/// One point in this long is kept.
const APART_US: i64 = 600_000_000;
/// A day of them.
const POINTS: usize = 144;
/// Less is no trend: logs come and go.
const LEAST_US: i64 = 3_600_000_000;

/// Room by time over the last day.
#[derive(Debug, Default)]
pub(super) struct Trend {
    points: VecDeque<(i64, u64)>,
    now: Option<(i64, u64)>,
}

impl Trend {
    /// Adds what there is now. A clock that was put back begins anew.
    pub(super) fn note(&mut self, now: Timestamp, room: u64) {
        let now_us = now.as_micros();
        if self.points.back().is_some_and(|(time, _)| now_us < *time) {
            self.points.clear();
        }
        if self.points.back().is_none_or(|(time, _)| now_us - time >= APART_US) {
            self.points.push_back((now_us, room));
        }
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        self.now = Some((now_us, room));
    }

    /// How long until there is no more than `least`, if it goes on as since the oldest point.
    pub(super) fn falls_to(&self, least: u64) -> Option<Duration> {
        let ((from_us, had), (now_us, has)) = (*self.points.front()?, self.now?);
        let (span_us, used) = (now_us - from_us, had.checked_sub(has).filter(|used| *used > 0)?);
        if span_us < LEAST_US {
            return None;
        }
        let left_s = has.saturating_sub(least) as f64 * (span_us as f64 / 1e6) / used as f64;
        Duration::try_from_secs_f64(left_s).ok()
    }
}
