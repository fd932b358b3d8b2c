//! The one task that puts published values into the address space and hands them to subscriptions.

use std::{collections::HashMap, sync::Arc};

use andon_plant::{Clock, StatusCode, Timestamp};
use opcua::{
    server::{SubscriptionCache, address_space::NodeType},
    types::{AttributeId, DataValue, NodeId, Variant},
};
use tracing::trace;

use crate::{
    node_manager::NodeManager,
    queue::Queue,
    updates::{Update, When},
    value::{date_time, status},
};

/// Owns the order of values: every variable's source timestamps rise strictly.
pub(crate) struct Publisher {
    nodes: Arc<NodeManager>,
    subscriptions: Arc<SubscriptionCache>,
    clock: Arc<dyn Clock>,
    /// The value every variable has, by path; none before its first.
    cells: HashMap<String, Cell>,
}

/// A value that passed, as it is stored and as it is told to subscribers.
#[derive(Debug)]
struct Change {
    node: NodeId,
    stored: DataValue,
    told: DataValue,
}

/// The value a variable has.
#[derive(Debug, Clone, PartialEq)]
struct Cell {
    value: Variant,
    status: StatusCode,
    /// What subscribers were told last; see [`distinct`].
    told: Variant,
    /// The last source timestamp; it outlives a spell without one.
    time: Option<Timestamp>,
    /// Whether the value has that timestamp.
    timed: bool,
}

impl Publisher {
    pub(crate) fn new(nodes: Arc<NodeManager>, subscriptions: Arc<SubscriptionCache>, clock: Arc<dyn Clock>) -> Self {
        Self { nodes, subscriptions, clock, cells: HashMap::new() }
    }

    /// Serves `queue` for ever.
    pub(crate) async fn run(mut self, queue: Arc<Queue>) {
        loop {
            for batch in queue.take().await {
                self.apply(batch);
            }
            // A client's request may wait for the worker thread this runs on.
            tokio::task::yield_now().await;
        }
    }

    /// Puts one batch into the address space as a whole, then tells subscribers.
    fn apply(&mut self, batch: Vec<Update>) {
        let now = self.clock.now();
        let changes: Vec<Change> = batch.into_iter().filter_map(|update| self.change(update, now)).collect();
        {
            let mut space = self.nodes.address_space().write();
            for change in &changes {
                if let Some(NodeType::Variable(variable)) = space.find_mut(&change.node) {
                    variable.set_data_value(change.stored.clone());
                } else {
                    trace!("{} is not in the address space: its asset was not named at the start", change.node);
                }
            }
        }
        let mut notifier = self.subscriptions.data_notifier();
        for change in changes {
            let Some(mut batch) = notifier.notify_for(&change.node, AttributeId::Value) else { continue };
            for (item, _) in batch.entries() {
                let mut told = change.told.clone();
                if self.nodes.inner().sampled(item) {
                    told.source_timestamp = None;
                }
                batch.data_value_to_item(told, item);
            }
        }
    }

    /// The change an update makes; none where it is old or says nothing new.
    fn change(&mut self, update: Update, now: Timestamp) -> Option<Change> {
        let before = self.cells.get(&update.path);
        let (cell, time) = accept(before, &update)?;
        let node = NodeId::new(self.nodes.inner().namespace(), update.path.as_str());
        let stored = DataValue {
            value: Some(cell.value.clone()),
            status: Some(status(cell.status)),
            source_timestamp: time.map(date_time),
            server_timestamp: Some(date_time(now)),
            ..DataValue::null()
        };
        let told = DataValue { value: Some(cell.told.clone()), ..stored.clone() };
        self.cells.insert(update.path, cell);
        Some(Change { node, stored, told })
    }
}

/// The cell after `update` and the source timestamp to show; none where the update is old or says nothing new.
fn accept(before: Option<&Cell>, update: &Update) -> Option<(Cell, Option<Timestamp>)> {
    let same = before.is_some_and(|b| b.value == update.value && b.status == update.status);
    let last = before.and_then(|b| b.time);
    let (time, shown) = match update.when {
        // A source that breaks off marks its last value with the same time and another status: that is news.
        When::Measured(time) if last == Some(time) && before.is_some_and(|b| b.timed && b.status != update.status) => {
            (Some(time), Some(time))
        }
        When::Measured(time) if last.is_none_or(|last| time > last) => (Some(time), Some(time)),
        When::Changed(time) if !same => {
            let time = last.map_or(time, |last| time.max(Timestamp::from_micros(last.as_micros() + 1)));
            (Some(time), Some(time))
        }
        When::Untimed if !same => (last, None),
        _ => return None,
    };
    let told = distinct(before, update);
    let timed = shown.is_some();
    Some((Cell { value: update.value.clone(), status: update.status, told, time, timed }, shown))
}

/// The value to tell subscribers.
///
/// Without a filter from the client the stack reports a change of the value only, where OPC 10000-4, 7.22.2 wants the
/// status as well. So a number whose status alone changes, to one that is not Good, is moved by one unit in its last
/// place, and a missing one is told as NaN. What is read, what is historic and what is Good is always exact.
fn distinct(before: Option<&Cell>, update: &Update) -> Variant {
    let Some(before) = before else { return update.value.clone() };
    if before.value == update.value && before.status == update.status {
        return before.told.clone();
    }
    match &update.value {
        value if *value != before.told => value.clone(),
        Variant::Double(x) if !update.status.is_good() => Variant::Double(x.next_up()),
        Variant::Empty => Variant::Double(f64::NAN),
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: StatusCode = StatusCode::GOOD;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_secs(s)
    }

    fn update(value: impl Into<Variant>, status: StatusCode, when: When) -> Update {
        Update { path: "Mixer/Score".to_owned(), value: value.into(), status, when }
    }

    /// The values and times that pass.
    fn passed(updates: &[Update]) -> Vec<(Variant, Option<Timestamp>)> {
        let mut cell: Option<Cell> = None;
        let mut passed = Vec::new();
        for update in updates {
            if let Some((after, time)) = accept(cell.as_ref(), update) {
                passed.push((after.told.clone(), time));
                cell = Some(after);
            }
        }
        passed
    }

    #[test]
    fn an_old_or_repeated_measurement_is_ignored() {
        let times = [2, 2, 1, 3].map(|s| update(s as f64, GOOD, When::Measured(at(s))));
        assert_eq!(passed(&times), [(2.0.into(), Some(at(2))), (3.0.into(), Some(at(3)))]);
    }

    #[test]
    fn a_state_counts_when_it_changes_and_its_time_rises() {
        let states = [("a", 5), ("a", 6), ("b", 4)].map(|(v, s)| update(v, GOOD, When::Changed(at(s))));
        let moved = Timestamp::from_micros(at(5).as_micros() + 1);
        assert_eq!(passed(&states), [("a".into(), Some(at(5))), ("b".into(), Some(moved))]);
    }

    #[test]
    fn after_a_loss_the_next_measurement_counts_and_an_old_one_does_not() {
        let lost = update(Variant::Empty, StatusCode::BAD_NO_COMMUNICATION, When::Untimed);
        let measured = |s: i64| update(s as f64, GOOD, When::Measured(at(s)));
        let told = passed(&[measured(1), lost.clone(), lost, measured(1), measured(2)]);
        assert_eq!(told, [(1.0.into(), Some(at(1))), (Variant::Empty, None), (2.0.into(), Some(at(2)))]);
    }

    #[test]
    fn a_change_of_status_alone_is_told_and_good_values_are_exact() {
        let uncertain = StatusCode::UNCERTAIN_SUBSTITUTE_VALUE;
        let updates = [GOOD, uncertain, uncertain, GOOD]
            .into_iter()
            .zip(1..)
            .map(|(status, s)| update(7.0, status, When::Measured(at(s))))
            .collect::<Vec<_>>();
        let told: Vec<Variant> = passed(&updates).into_iter().map(|(value, _)| value).collect();
        let moved = Variant::Double(7f64.next_up());
        assert_eq!(told, [7.0.into(), moved.clone(), moved, 7.0.into()]);
    }

    #[test]
    fn one_bad_status_after_another_is_told() {
        let bad = |status, s| update(Variant::Empty, status, When::Measured(at(s)));
        let told =
            passed(&[bad(StatusCode::BAD_WAITING_FOR_INITIAL_DATA, 1), bad(StatusCode::BAD_NO_COMMUNICATION, 2)]);
        assert_eq!(told[0].0, Variant::Empty);
        assert!(matches!(told[1].0, Variant::Double(x) if x.is_nan()));
    }

    #[test]
    fn a_source_that_breaks_off_may_mark_its_last_value() {
        let updates = [GOOD, StatusCode::BAD_NO_COMMUNICATION].map(|status| {
            let value = if status.is_bad() { Variant::Empty } else { 7.0.into() };
            update(value, status, When::Measured(at(1)))
        });
        assert_eq!(passed(&updates).len(), 2);
    }
}
