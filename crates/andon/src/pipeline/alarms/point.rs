//! One condition of one asset: where it stands, and its occurrences that are open.

use std::collections::HashSet;

use andon_plant::{Alarm, AlarmId, AlarmState, TagName, alarm::Transition};

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
    /// Occurrences that are over and wait to be acknowledged, while another cause has raised the condition again (OPC 10000-9,
    /// 4.4, "Previous states of Conditions").
    branches: Vec<Alarm>,
}

impl Point {
    /// Takes up an occurrence that was open when the process last stopped; they come in the order they were raised in.
    pub(super) fn restore(&mut self, alarm: Alarm) {
        if self.state.active() {
            return self.branches.push(alarm);
        }
        self.branches.extend(self.alarm.take());
        self.led = leader(&alarm).cloned().into_iter().collect();
        (self.state, self.alarm) = (alarm.state, Some(alarm));
    }

    /// The newest occurrence as it stands, while it is open.
    pub(super) fn current(&self) -> Option<Alarm> {
        self.alarm.clone().map(|alarm| Alarm { state: self.state, ..alarm })
    }

    /// Every occurrence that is open.
    pub(super) fn open(&self) -> impl Iterator<Item = Alarm> {
        self.branches.iter().cloned().chain(self.current())
    }

    /// The occurrence that goes on where the condition is raised again, led by `tag`: the last one, or a branch, that it has led;
    /// none where the cause is another, and the last one becomes a branch.
    pub(super) fn goes_on(&mut self, tag: Option<&TagName>) -> Option<Alarm> {
        let last = self.alarm.take();
        if last.is_some() && tag.is_none_or(|tag| self.led.contains(tag)) {
            return last;
        }
        let led = self.branches.iter().position(|branch| tag.is_some() && leader(branch) == tag);
        if led.is_none() && last.is_some() && self.branches.len() >= BRANCHES {
            return last;
        }
        let branch = led.map(|ix| self.branches.remove(ix));
        self.branches.extend(last);
        branch
    }

    /// Takes what has become of an occurrence; whether it is the newest.
    pub(super) fn take(&mut self, alarm: &Alarm, transition: Transition) -> bool {
        if let Some(ix) = self.branch(alarm.id) {
            match alarm.state.open() {
                true => self.branches[ix] = alarm.clone(),
                false => drop(self.branches.remove(ix)),
            }
            return false;
        }
        self.state = alarm.state;
        self.alarm = alarm.state.open().then(|| alarm.clone());
        if transition == Transition::Raised {
            self.led.clear();
        }
        self.led.extend(leader(alarm).cloned());
        true
    }

    fn branch(&self, id: AlarmId) -> Option<usize> {
        self.branches.iter().position(|branch| branch.id == id)
    }
}

/// The tag that carries an alarm most.
fn leader(alarm: &Alarm) -> Option<&TagName> {
    alarm.contributions.first().map(|c| &c.tag)
}
