//! The journal: what became of a threshold, and why.

use std::collections::VecDeque;

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

use super::calibration::Place;

/// Entries kept; older ones go first.
const KEPT: usize = 64;
/// A move that is worth an entry, in score.
const NOTABLE: f64 = 0.25;

/// Why something was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The threshold has moved by more than 0.25 since this was last written of its place.
    Moved,
    /// A freeze has begun.
    Frozen,
    /// What froze it has ended.
    Released,
    /// The freeze has lasted as long as it may: rows teach again.
    Lapsed,
    /// An operator has said that this is normal: rows teach again.
    AssessedNormal,
    /// What was called normal is real after all: the threshold is again as it was before that.
    TakenBack,
    /// The threshold is again as it was fitted.
    Reverted,
}

/// One line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The time of the row it was written at.
    pub time: Timestamp,
    /// The number of the row's mode; that of transitions is one more than the last mode's, that of unknown modes two.
    pub place: usize,
    /// The threshold there, when it was last written down.
    pub from: f64,
    /// The threshold there now.
    pub to: f64,
    /// Why it was written.
    pub why: Change,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal {
    entries: VecDeque<Entry>,
    /// What was last written of each place.
    written: Vec<f64>,
}

impl Journal {
    /// An empty one of a threshold that stands at `start`, one a place.
    pub(super) fn new(start: Vec<f64>) -> Self {
        Self { entries: VecDeque::new(), written: start }
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Writes down where the threshold stands, if that is far from what was last written.
    pub(super) fn follow(&mut self, time: Timestamp, place: Place, threshold: f64) {
        if (threshold - self.written[place.0]).abs() > NOTABLE {
            self.write(time, place, threshold, Change::Moved);
        }
    }

    pub(super) fn write(&mut self, time: Timestamp, place: Place, threshold: f64, why: Change) {
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        let from = std::mem::replace(&mut self.written[place.0], threshold);
        self.entries.push_back(Entry { time, place: place.0, from, to: threshold, why });
    }
}
