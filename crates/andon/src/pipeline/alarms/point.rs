//! One condition of one asset: where it stands, and its occurrences that are open.

use std::collections::HashSet;

use andon_plant::{Alarm, AlarmId, AlarmState, TagName, alarm::Transition};

use super::occurrence::leader;

/// Branches of a condition at the most; what is raised beyond them goes on in its last occurrence.
const BRANCHES: usize = 8;

/// One condition of one asset.
#[derive(Debug, Clone, Default)]
pub(super) struct Point {
    pub(super) state: AlarmState,
    /// The newest occurrence, while it is open.
    pub(super) alarm: Option<Alarm>,
    /// The tags that have led it since it was last raised.
    pub(super) led: HashSet<TagName>,
    /// The number of the newest occurrence, open or not; none before the first since the start.
    newest: Option<AlarmId>,
    branches: Vec<Branch>,
}

/// An occurrence that is over and waits to be acknowledged, while another cause has raised the condition again (OPC 10000-9, 4.4,
/// "Previous states of Conditions").
#[derive(Debug, Clone)]
struct Branch {
    alarm: Alarm,
    led: HashSet<TagName>,
}

impl Point {
    /// Takes up an occurrence that was open when the process last stopped; they come in the order they were raised in.
    pub(super) fn restore(&mut self, alarm: Alarm) {
        let led = leader(&alarm.contributions).cloned().into_iter().collect();
        if self.state.active() {
            return self.branches.push(Branch { alarm, led });
        }
        self.branch();
        self.newest = Some(alarm.id);
        (self.state, self.alarm, self.led) = (alarm.state, Some(alarm), led);
    }

    /// The newest occurrence as it stands, while it is open.
    pub(super) fn current(&self) -> Option<Alarm> {
        self.alarm.clone().map(|alarm| Alarm { state: self.state, ..alarm })
    }

    /// Every occurrence that is open.
    pub(super) fn open(&self) -> impl Iterator<Item = Alarm> {
        self.branches.iter().map(|branch| branch.alarm.clone()).chain(self.current())
    }

    /// What a client sees that knows one occurrence a condition: the newest that is open, acknowledged once all are.
    pub(super) fn shown(&self) -> Option<Alarm> {
        let mut shown = self.open().last()?;
        shown.state.acknowledged &= self.branches.is_empty();
        Some(shown)
    }

    pub(super) fn is_newest(&self, id: AlarmId) -> bool {
        self.newest == Some(id)
    }

    /// The occurrence that goes on where the condition is raised again, led by `tag`: the last one, or a branch, that it has led;
    /// none where the cause is another, and the last one becomes a branch.
    pub(super) fn goes_on(&mut self, tag: Option<&TagName>) -> Option<Alarm> {
        if self.alarm.is_some() && tag.is_none_or(|tag| self.led.contains(tag)) {
            return self.alarm.take();
        }
        let led = self.branches.iter().position(|branch| tag.is_some_and(|tag| branch.led.contains(tag)));
        if led.is_none() && self.branches.len() >= BRANCHES {
            return self.alarm.take();
        }
        let goes_on = led.map(|ix| self.branches.remove(ix).alarm);
        self.branch();
        goes_on
    }

    /// Takes what has become of an occurrence.
    pub(super) fn take(&mut self, alarm: &Alarm, transition: Transition) {
        if let Some(ix) = self.branches.iter().position(|branch| branch.alarm.id == alarm.id) {
            match alarm.state.open() {
                true => self.branches[ix].alarm = alarm.clone(),
                false => drop(self.branches.remove(ix)),
            }
            return;
        }
        (self.state, self.newest) = (alarm.state, Some(alarm.id));
        self.alarm = alarm.state.open().then(|| alarm.clone());
        if transition == Transition::Raised {
            self.led.clear();
        }
        self.led.extend(leader(&alarm.contributions).cloned());
    }

    /// Makes a branch of the newest occurrence, if it is open.
    fn branch(&mut self) {
        let led = std::mem::take(&mut self.led);
        self.branches.extend(self.alarm.take().map(|alarm| Branch { alarm, led }));
    }
}
