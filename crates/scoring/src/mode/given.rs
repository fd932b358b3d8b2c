//! Modes named by a tag of the asset: a PLC state, PackML or Machinery OperationMode.

use std::collections::BTreeSet;

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use super::Place;
use crate::scorer::CalibrationRow;

/// The values of the mode tag that calibration has seen, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenModes(Vec<i64>);

impl GivenModes {
    pub(super) fn fit(rows: &[CalibrationRow]) -> Self {
        let values: BTreeSet<i64> = rows.iter().filter_map(|r| r.given_mode).collect();
        Self(values.into_iter().collect())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// A value that calibration never saw, and a mode tag that was not measured, are unknown modes.
    pub(super) fn place(&self, given: Option<i64>) -> Place {
        match given.and_then(|value| self.0.binary_search(&value).ok()) {
            Some(index) => Place::known(format!("mode {}", self.0[index]), index),
            None => Place::of_none(Mode::Unknown),
        }
    }
}
