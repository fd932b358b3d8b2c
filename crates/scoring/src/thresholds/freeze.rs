//! The freeze: while an alarm is active, or the asset is under maintenance, nothing teaches.

use std::time::Duration;

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

use super::Change;

/// Whether rows teach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Freeze {
    /// Nothing holds: usual rows teach.
    #[default]
    Free,
    /// Something holds since then: nothing teaches.
    Frozen(Timestamp),
    /// Something holds, but an operator has said that this is normal, or nobody has said anything for the longest a
    /// freeze may last. Until the hold ends every row teaches, for it is the unusual ones that are now normal.
    Lifted,
}

impl Freeze {
    /// The next row's time, and whether something holds; what has changed by it.
    pub(super) fn see(&mut self, time: Timestamp, held: bool, longest: Duration) -> Option<Change> {
        let (next, change) = match (*self, held) {
            (Self::Free, true) => (Self::Frozen(time), Change::Frozen),
            (Self::Frozen(since), true) if time.since(since) >= longest => (Self::Lifted, Change::Lapsed),
            (Self::Frozen(_) | Self::Lifted, false) => (Self::Free, Change::Released),
            (Self::Free, false) | (Self::Frozen(_) | Self::Lifted, true) => return None,
        };
        *self = next;
        Some(change)
    }

    /// An operator says that what holds is normal; what has changed by it.
    pub(super) fn assess_normal(&mut self) -> Option<Change> {
        let frozen = matches!(self, Self::Frozen(_));
        if frozen {
            *self = Self::Lifted;
        }
        frozen.then_some(Change::AssessedNormal)
    }

    /// What an operator called normal, or nobody called anything, is no longer taken for it.
    pub(super) fn revert(&mut self, time: Timestamp) {
        if *self == Self::Lifted {
            *self = Self::Frozen(time);
        }
    }
}
