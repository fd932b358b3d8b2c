//! Modes named by a tag of the asset: a PLC state, PackML or Machinery OperationMode.
//!
//! For some rows after the tag has changed the process is still on its way: these rows are a transition, a place of its own
//! with its own mixture and tail. Left among the modes' rows they would make every mode's tail as long as their own.

use std::collections::BTreeSet;

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::scorer::CalibrationRow;

/// Rows after a change from which on the new mode is named, though it is judged as a transition until it has settled.
const NAMED_AFTER: usize = 5;

/// The values of the mode tag that calibration has seen, ascending, and how long a change takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenModes {
    values: Vec<i64>,
    settle_rows: usize,
}

/// How the mode tag has gone in the rows before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ModeWatch {
    last: Option<i64>,
    /// Rows since it last changed; none where it has not changed since the stream began.
    since: Option<usize>,
}

impl ModeWatch {
    /// Takes the next row's value. One that was not measured is no change.
    pub(crate) fn see(&mut self, given: Option<i64>) {
        self.since = self.since.map(|rows| rows.saturating_add(1));
        if given.is_some() && self.last.is_some() && given != self.last {
            self.since = Some(0);
        }
        self.last = given.or(self.last);
    }
}

impl GivenModes {
    pub(super) fn fit(rows: &[CalibrationRow], settle_rows: usize) -> Self {
        let values: BTreeSet<i64> = rows.iter().filter_map(|r| r.given_mode).collect();
        Self { values: values.into_iter().collect(), settle_rows }
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// A value that calibration never saw, and a mode tag that was not measured, are unknown modes. The transition has the
    /// number after the last mode's.
    pub(super) fn place(&self, given: Option<i64>, watch: ModeWatch) -> Place {
        let Some(index) = given.and_then(|value| self.values.binary_search(&value).ok()) else {
            return Place::of_none(Mode::Unknown);
        };
        let known = Place::known(format!("mode {}", self.values[index]), index);
        match watch.since {
            Some(rows) if rows < self.settle_rows.min(NAMED_AFTER) => {
                Place { mode: Mode::Transition, index: Some(self.count()) }
            }
            Some(rows) if rows < self.settle_rows => Place { index: Some(self.count()), ..known },
            _ => known,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modes(given: &[Option<i64>]) -> Vec<String> {
        let modes = GivenModes { values: vec![1, 2], settle_rows: 2 };
        let mut watch = ModeWatch::default();
        let mode = |value: &Option<i64>| {
            watch.see(*value);
            modes.place(*value, watch).mode.as_str().to_owned()
        };
        given.iter().map(mode).collect()
    }

    #[test]
    fn a_change_is_a_transition_until_it_has_settled() {
        let seen = modes(&[Some(1), Some(1), Some(2), Some(2), Some(2), Some(1)]);
        assert_eq!(seen, ["mode 1", "mode 1", "transition", "transition", "mode 2", "transition"]);
    }

    #[test]
    fn a_mode_that_takes_long_to_settle_is_named_before_it_has() {
        let modes = GivenModes { values: vec![1, 2], settle_rows: 30 };
        let place = |since: usize| modes.place(Some(2), ModeWatch { last: Some(2), since: Some(since) });
        assert_eq!((place(4).mode, place(4).index), (Mode::Transition, Some(2)));
        assert_eq!((place(5).mode.as_str().to_owned(), place(5).index), ("mode 2".to_owned(), Some(2)));
        assert_eq!(place(30).index, Some(1));
    }

    #[test]
    fn a_value_that_was_not_measured_is_no_change() {
        assert_eq!(modes(&[Some(1), None, Some(1)]), ["mode 1", "unknown", "mode 1"]);
        assert_eq!(modes(&[Some(1), None, Some(2)])[2], "transition");
    }

    #[test]
    fn a_value_never_seen_is_unknown() {
        assert_eq!(modes(&[Some(1), Some(7)])[1], "unknown");
    }
}
