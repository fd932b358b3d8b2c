//! The freeze: while an alarm is active, or the asset is under maintenance, nothing teaches.

use std::time::Duration;

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

use super::Change;

/// What a lapsed freeze needs to end: that nothing holds for this part of the longest freeze, or the hold comes back as often as
/// it likes.
const GONE: u32 = 4;

/// Whether rows teach, and for how long they have not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Freeze {
    pub(super) state: State,
    /// How long something has held, less how long nothing has since: what comes and goes is one cause as long as it is
    /// there for most of the time.
    held: Duration,
    /// The last row's time, and whether something held then.
    last: Option<(Timestamp, bool)>,
}

/// Whether rows teach.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// Nothing holds: usual rows teach.
    #[default]
    Free,
    /// Something holds: nothing teaches.
    Frozen,
    /// Something holds, but an operator has said that this is normal. Until the hold ends every row teaches, for it is the
    /// unusual ones that are now normal.
    Normal,
    /// The same, but because nobody has said anything for the longest a freeze may last. It outlasts short ends of the hold.
    Lapsed,
}

impl Freeze {
    /// The next row's time, and whether something holds; what has changed by it.
    pub(super) fn see(&mut self, time: Timestamp, held: bool, longest: Duration) -> Option<Change> {
        if let Some((then, held_then)) = self.last.replace((time, held)) {
            let passed = time.since(then);
            self.held = if held_then { self.held + passed } else { self.held.saturating_sub(passed) };
        }
        if self.state == State::Lapsed {
            self.held = self.held.min(longest / GONE);
        }
        let (next, change) = match (self.state, held) {
            (State::Free, true) => (State::Frozen, Change::Frozen),
            (State::Frozen, true) if self.held >= longest => (State::Lapsed, Change::Lapsed),
            (State::Frozen | State::Normal, false) => (State::Free, Change::Released),
            (State::Lapsed, false) if self.held.is_zero() => (State::Free, Change::Released),
            _ => return None,
        };
        self.state = next;
        Some(change)
    }

    /// An operator says that what holds is normal; what has changed by it.
    pub(super) fn assess_normal(&mut self) -> Option<Change> {
        let frozen = self.state == State::Frozen;
        if frozen {
            self.state = State::Normal;
        }
        frozen.then_some(Change::AssessedNormal)
    }

    /// What an operator called normal, or nobody called anything, is no longer taken for it.
    pub(super) fn revert(&mut self) {
        if matches!(self.state, State::Normal | State::Lapsed) {
            (self.state, self.held) = (State::Frozen, Duration::ZERO);
        }
    }
}
