//! The bounded queue between the `publish_*` calls and the task that serves subscribers.

use std::collections::{HashSet, VecDeque};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

use crate::updates::Update;

/// Batches that may wait. The task that takes them does no I/O, so a full queue means the machine is overloaded.
const CAPACITY: usize = 4096;

/// Batches of updates in the order of publication. Pushing never waits. When it is full, all that waits becomes one
/// batch that holds each variable's newest value: intermediate values are lost, the state of the plant is not.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    batches: Mutex<VecDeque<Vec<Update>>>,
    ready: Notify,
}

impl Queue {
    pub(crate) fn push(&self, batch: Vec<Update>) {
        let mut batches = self.batches.lock();
        if batches.len() >= CAPACITY {
            warn!("{CAPACITY} publications wait for the OPC UA server: only each variable's newest value is kept");
            let all = newest(std::mem::take(&mut *batches).into_iter().flatten().collect());
            batches.push_back(all);
        }
        batches.push_back(batch);
        drop(batches);
        self.ready.notify_one();
    }

    /// Everything that waits; waits itself until there is something.
    pub(crate) async fn take(&self) -> VecDeque<Vec<Update>> {
        loop {
            let batches = std::mem::take(&mut *self.batches.lock());
            if !batches.is_empty() {
                return batches;
            }
            self.ready.notified().await;
        }
    }
}

/// The last update of every variable, in the order they came.
fn newest(updates: Vec<Update>) -> Vec<Update> {
    let mut seen = HashSet::new();
    let mut last: Vec<Update> = updates.into_iter().rev().filter(|u| seen.insert(u.path.clone())).collect();
    last.reverse();
    last
}

#[cfg(test)]
mod tests {
    use andon_plant::{StatusCode, Timestamp};

    use super::*;
    use crate::updates::When;

    fn update(path: &str, value: u32) -> Update {
        let when = When::Measured(Timestamp::from_secs(i64::from(value)));
        Update { path: path.to_owned(), value: value.into(), status: StatusCode::GOOD, when }
    }

    #[tokio::test]
    async fn batches_come_out_in_order() {
        let queue = Queue::default();
        queue.push(vec![update("a", 1)]);
        queue.push(vec![update("a", 2)]);
        assert_eq!(queue.take().await, [vec![update("a", 1)], vec![update("a", 2)]]);
    }

    #[tokio::test]
    async fn a_full_queue_keeps_the_newest_value_of_every_variable() {
        let queue = Queue::default();
        queue.push(vec![update("once", 7)]);
        for n in 0..CAPACITY as u32 {
            queue.push(vec![update("often", n)]);
        }
        let batches = queue.take().await;
        assert!(batches.len() <= CAPACITY);
        let all: Vec<Update> = batches.into_iter().flatten().collect();
        assert_eq!(all.first(), Some(&update("once", 7)));
        assert_eq!(all.last(), Some(&update("often", CAPACITY as u32 - 1)));
    }
}
