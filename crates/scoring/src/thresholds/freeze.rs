//! The freeze: while an alarm is active, or the asset is under maintenance, nothing teaches.

use std::time::Duration;

use andon_plant::Timestamp;
use serde::{Deserialize, Serialize};

use super::Change;

/// A lapsed freeze ends once no alarm has been active for this part of the longest freeze, net.
const GONE: u32 = 4;

/// What keeps a row from teaching.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Nothing does.
    #[default]
    None,
    /// An alarm is active. That may be called normal by an operator, or last so long that it is.
    Alarm,
    /// The asset is under maintenance, and no alarm is active. However long that lasts, it teaches nothing.
    Maintenance,
    /// The asset is under maintenance, and an alarm is active. No freeze grows by it, and none ends.
    AlarmInMaintenance,
}

impl Hold {
    /// What holds of an asset.
    pub fn of(maintenance: bool, alarm: bool) -> Self {
        match (maintenance, alarm) {
            (false, false) => Self::None,
            (false, true) => Self::Alarm,
            (true, false) => Self::Maintenance,
            (true, true) => Self::AlarmInMaintenance,
        }
    }
}

/// Whether rows teach, and for how long they have not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Freeze {
    state: State,
    /// How long an alarm has been active, less how long none has since: what comes and goes is one cause as long as it is
    /// there for most of the time.
    held: Duration,
    /// The last row's time, and what held then.
    last: Option<(Timestamp, Hold)>,
}

/// Where the freeze stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// No alarm is active.
    #[default]
    Free,
    /// One is.
    Frozen,
    /// One is, but an operator has said that this is normal. Until it ends every row teaches, for it is the unusual ones
    /// that are now normal.
    Normal,
    /// The same, but because nobody has said anything for the longest a freeze may last. It outlasts short ends of the alarm.
    Lapsed,
}

/// Which rows teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Teaches {
    /// The usual ones.
    Usual,
    /// None.
    Nothing,
    /// All.
    Everything,
}

/// How long a freeze lasts at most, and how much time a gap between two rows counts for at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) longest: Duration,
    pub(super) gap: Duration,
}

impl Freeze {
    /// The next row's time, and what holds; what has changed by it.
    pub(super) fn see(&mut self, time: Timestamp, hold: Hold, limits: Limits) -> Option<Change> {
        if let Some((then, before)) = self.last.replace((time, hold)) {
            let passed = time.since(then).min(limits.gap);
            self.held = match before {
                Hold::Alarm => self.held + passed,
                Hold::None => self.held.saturating_sub(passed),
                Hold::Maintenance | Hold::AlarmInMaintenance => self.held,
            };
        }
        if self.state == State::Lapsed {
            self.held = self.held.min(limits.longest / GONE);
        }
        let (next, change) = match (self.state, hold) {
            (State::Free, Hold::Alarm) => (State::Frozen, Change::Frozen),
            (State::Frozen, Hold::Alarm) if self.held >= limits.longest => (State::Lapsed, Change::Lapsed),
            // What is said of an alarm before a maintenance or in it holds after it, as long as the alarm outlasts it.
            (State::Frozen | State::Normal, Hold::None | Hold::Maintenance) => (State::Free, Change::Released),
            (State::Lapsed, Hold::None) if self.held.is_zero() => (State::Free, Change::Released),
            _ => return None,
        };
        self.state = next;
        Some(change)
    }

    pub(super) fn teaches(&self) -> Teaches {
        let held = matches!(self.last, Some((_, Hold::Maintenance | Hold::AlarmInMaintenance)));
        match self.state {
            _ if held => Teaches::Nothing,
            State::Free => Teaches::Usual,
            State::Frozen => Teaches::Nothing,
            State::Normal | State::Lapsed => Teaches::Everything,
        }
    }

    /// Whether what holds is taken for normal.
    pub(super) fn is_normal(&self) -> bool {
        matches!(self.state, State::Normal | State::Lapsed)
    }

    /// An operator says that what the alarm shows is normal; what has changed by it. An alarm that has just become active freezes with
    /// the next row only.
    pub(super) fn assess_normal(&mut self, active: bool) -> Option<Change> {
        let frozen = self.state == State::Frozen || (self.state == State::Free && active);
        if frozen {
            self.state = State::Normal;
        }
        frozen.then_some(Change::AssessedNormal)
    }

    /// What an operator called normal, or nobody called anything, is no longer taken for it; what has changed by it.
    pub(super) fn no_longer_normal(&mut self) -> Option<Change> {
        let taught = self.is_normal();
        if taught {
            (self.state, self.held) = (State::Frozen, Duration::ZERO);
        }
        taught.then_some(Change::Frozen)
    }
}
