//! Operating modes: which one a row belongs to, if any.
//!
//! * `clustered`: modes found in the tags' values.
//! * `given`: modes named by a tag of the asset.
//! * `projection`: values made few enough for a mixture.
//! * `merge`: components that are one mode between them.
//!
//! One more way to tell modes is one more file, one more variant, and what the compiler then asks for.

mod clustered;
mod given;
mod merge;
mod projection;

use andon_plant::Mode;
use serde::{Deserialize, Serialize};

use crate::{gmm::GmmError, scorer::CalibrationRow, settings::ModeSettings};
use clustered::ClusteredModes;
use given::GivenModes;
pub(crate) use given::ModeWatch;

/// How an asset's modes are told apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Modes {
    /// There is neither a mode tag nor a value to tell modes by: everything is one mode.
    Single,
    /// By the tags' values.
    Clustered(Box<ClusteredModes>),
    /// By a tag.
    Given(GivenModes),
}

/// Where a row belongs.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// The mode's name.
    pub mode: Mode,
    /// The mode's number, from 0, or after the last that of transitions; none in an unknown mode.
    pub index: Option<usize>,
}

impl Place {
    fn known(name: String, index: usize) -> Self {
        Self { mode: Mode::Known(name), index: Some(index) }
    }

    fn of_none(mode: Mode) -> Self {
        Self { mode, index: None }
    }
}

impl Modes {
    /// Modes of the calibration rows: by the mode tag where any row has one, else by their values where they have any.
    pub(crate) fn fit(rows: &[CalibrationRow], settings: &ModeSettings, seed: u64) -> Result<Self, GmmError> {
        if rows.iter().any(|r| r.given_mode.is_some()) {
            return Ok(Modes::Given(GivenModes::fit(rows, settings.settle_rows)));
        }
        if rows.first().is_none_or(|r| r.values.is_empty()) {
            return Ok(Modes::Single);
        }
        Ok(Modes::Clustered(Box::new(ClusteredModes::fit(rows, settings, seed)?)))
    }

    /// How many modes were seen in calibration.
    pub fn count(&self) -> usize {
        match self {
            Modes::Single => 1,
            Modes::Clustered(modes) => modes.count(),
            Modes::Given(modes) => modes.count(),
        }
    }

    /// How many numbers a [`Place`] may have.
    pub(crate) fn places(&self) -> usize {
        match self {
            Modes::Single => 1,
            Modes::Clustered(_) | Modes::Given(_) => self.count() + 1,
        }
    }

    /// The transition's number, where it has one.
    pub(crate) fn transition(&self) -> Option<usize> {
        match self {
            Modes::Single => None,
            Modes::Clustered(_) | Modes::Given(_) => Some(self.count()),
        }
    }

    /// Where a row with these values and this value of the mode tag belongs; `watch` has seen that value.
    pub(crate) fn place(&self, values: &[f64], given: Option<i64>, watch: ModeWatch) -> Place {
        match self {
            Modes::Single => Place::known(numbered(0), 0),
            Modes::Clustered(modes) => modes.place(values),
            Modes::Given(modes) => modes.place(given, watch),
        }
    }
}

/// The name of mode number `index` where nobody has named it.
fn numbered(index: usize) -> String {
    format!("mode {}", index + 1)
}
