//! Training of models on stored history: asked for, or by itself for an asset that has none and enough data.
//!
//! One training runs at a time, on a blocking thread, so that monitoring keeps a processor. Requests wait in a bounded
//! queue; when it is full the caller is told.
//!
//! * Here: the trainings that were asked for, and where they stand.
//! * [`trainer`]: the task that runs them; [`kept`]: what is left of one that was cut short, to go on with.
//! * [`span`]: the history that is trained on; [`left_out`]: what of it is not normal operation.
//! * [`unheeded`]: what of the configuration only the next one will read.

mod kept;
mod left_out;
mod span;
mod trainer;
mod unheeded;

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use andon_detect::FitError;
use andon_plant::{AssetName, TagName, Timestamp};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::board::TrainingCard;

pub use left_out::Span;
pub(super) use trainer::{StoredError, Trainer, install, model_card, stored};

/// Requests that wait.
const QUEUE: usize = 16;
/// Finished trainings that are remembered.
const REMEMBERED: usize = 100;
/// Where a training stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// Runs.
    Running,
    /// The new model judges.
    Done {
        /// Its version.
        version: String,
        /// Tags that stood still in the history and are not watched.
        left_out: Vec<TagName>,
    },
    /// It was cancelled; there is no new model.
    Cancelled,
    /// There is no new model.
    Failed {
        /// Why, and what helps.
        reason: String,
    },
}

/// What is to be trained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The asset.
    pub asset: AssetName,
    /// The first instant of history to train on; seven days, or ten windows where those are longer, before its end where it is none,
    /// and what ended before those where they hold too little.
    pub from: Option<Timestamp>,
    /// The first instant that is not trained on any more; the end of history where it is none.
    pub to: Option<Timestamp>,
    /// The asset whose model training begins with, if it does not begin from scratch.
    pub begin_with: Option<AssetName>,
    /// Times in alarm and under maintenance are trained on like any other.
    #[serde(default)]
    pub everything: bool,
    /// What of the span is left out; none until it runs.
    #[serde(default)]
    pub without: Option<Vec<Span>>,
}

impl Order {
    /// A training on all there is.
    pub fn whole(asset: AssetName) -> Self {
        Self { asset, from: None, to: None, begin_with: None, everything: false, without: None }
    }

    /// The pieces of its span that are trained on, once its span is known.
    fn kept(&self) -> Vec<Range<Timestamp>> {
        let (from, to) = self.from.zip(self.to).unwrap_or_default();
        left_out::kept(&(from..to), self.without())
    }

    fn without(&self) -> &[Span] {
        self.without.as_deref().unwrap_or_default()
    }

    /// Why it failed, and where history is short, what of it was not looked at.
    fn explain(&self, e: &FitError) -> String {
        match (e, self.without().len()) {
            (FitError::TooFewRows { .. }, spans @ 1..) => format!(
                "{e} ({spans} spans in alarm or under maintenance were left out: assess as a nuisance what was normal, or order \
                 the training with `everything`)"
            ),
            _ => e.to_string(),
        }
    }
}

/// One training.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// What is trained.
    #[serde(flatten)]
    pub order: Order,
    /// Where it stands.
    #[serde(flatten)]
    pub state: JobState,
    /// How far it has come.
    pub progress: Option<TrainingCard>,
}

/// Too many trainings wait.
#[derive(Debug, thiserror::Error)]
#[error("{QUEUE} trainings wait already; ask again when one has finished")]
pub struct Busy;

/// A training can't be cancelled.
#[derive(Debug, thiserror::Error)]
pub enum CancelError {
    /// There is none of that number.
    #[error("there is no training {0}")]
    NotFound(u64),
    /// It has learned already.
    #[error("training {0} has ended already; there is nothing to cancel")]
    Ended(u64),
}

/// A training, and how to end it early.
struct Entry {
    job: Job,
    cancel: CancellationToken,
    /// It has learned, and its model is being put into force: too late to cancel.
    installing: bool,
}

/// The trainings. Cheap to clone.
#[derive(Clone)]
pub struct Training {
    queue: mpsc::Sender<u64>,
    jobs: Arc<RwLock<BTreeMap<u64, Entry>>>,
    next: Arc<AtomicU64>,
}

impl Training {
    /// Numbers begin with the seconds of `now`, so that none of an earlier start is given out again.
    pub(in crate::pipeline) fn new(now: Timestamp) -> (Self, mpsc::Receiver<u64>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        let first = u64::try_from(now.as_micros() / 1_000_000).unwrap_or_default().max(1);
        (Self { queue, jobs: Arc::default(), next: Arc::new(AtomicU64::new(first)) }, requests)
    }

    /// Asks for a training.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn request(&self, order: Order) -> Result<Job, Busy> {
        let permit = self.queue.try_reserve().map_err(|_| Busy)?;
        let job = self.add(order);
        permit.send(job.id);
        Ok(job)
    }

    /// A training by its number.
    pub fn job(&self, id: u64) -> Option<Job> {
        self.jobs.read().get(&id).map(|entry| entry.job.clone())
    }

    /// Cancels a training: one that waits at once, one that runs after its epoch.
    ///
    /// # Errors
    /// If there is none of that number, or it has ended.
    pub fn cancel(&self, id: u64) -> Result<Job, CancelError> {
        let mut jobs = self.jobs.write();
        let entry = jobs.get_mut(&id).ok_or(CancelError::NotFound(id))?;
        match entry.job.state {
            JobState::Queued => entry.job.state = JobState::Cancelled,
            JobState::Running if !entry.installing => {}
            _ => return Err(CancelError::Ended(id)),
        }
        entry.cancel.cancel();
        Ok(entry.job.clone())
    }

    fn is_cancelled(&self, id: u64) -> bool {
        self.jobs.read().get(&id).is_some_and(|entry| entry.cancel.is_cancelled())
    }

    /// Marks a training as learned; not one that was cancelled meanwhile.
    fn close(&self, id: u64) -> bool {
        let mut jobs = self.jobs.write();
        let learned = jobs.get_mut(&id).filter(|entry| !entry.cancel.is_cancelled());
        learned.map(|entry| entry.installing = true).is_some()
    }

    /// Marks a training that waited as running; not one that was cancelled meanwhile.
    fn begin(&self, id: u64) -> bool {
        let mut jobs = self.jobs.write();
        let waiting = jobs.get_mut(&id).filter(|entry| entry.job.state == JobState::Queued);
        waiting.map(|entry| entry.job.state = JobState::Running).is_some()
    }

    fn add(&self, order: Order) -> Job {
        self.add_as(self.next.fetch_add(1, Ordering::Relaxed), order)
    }

    fn add_as(&self, id: u64, order: Order) -> Job {
        let job = Job { id, order, state: JobState::Queued, progress: None };
        let mut jobs = self.jobs.write();
        jobs.insert(id, Entry { job: job.clone(), cancel: CancellationToken::new(), installing: false });
        while jobs.len() > REMEMBERED {
            jobs.pop_first();
        }
        job
    }

    /// Adds a training that was begun before a restart.
    fn resume(&self, id: u64, order: Order) -> Job {
        self.next.fetch_max(id + 1, Ordering::Relaxed);
        self.add_as(id, order)
    }

    /// How many wait.
    fn waiting(&self) -> usize {
        self.jobs.read().values().filter(|entry| entry.job.state == JobState::Queued).count()
    }

    fn set(&self, id: u64, change: impl FnOnce(&mut Job)) {
        if let Some(entry) = self.jobs.write().get_mut(&id) {
            change(&mut entry.job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_of_the_release_before_is_read() {
        let kept = r#"{"asset": "Pump", "from": null, "to": "2026-01-01T00:00:00Z", "begin_with": null}"#;
        let order: Order = serde_json::from_str(kept).unwrap();
        assert_eq!((order.without, order.everything, order.to.is_some()), (None, false, true));
    }

    #[test]
    fn where_history_is_short_the_reason_says_what_was_left_out() {
        let few = FitError::TooFewRows { have: 9, need: 30, window: 10, grid_s: 1.0 };
        let mut order = Order::whole(AssetName::new("Pump").unwrap());
        assert_eq!(order.explain(&few), few.to_string());
        let at = Timestamp::from_secs;
        order.without = Some(vec![Span { from: at(1), to: at(2) }]);
        assert!(order.explain(&few).contains("(1 spans in alarm or under maintenance were left out"));
        let threshold = FitError::ModeTag { tag: TagName::new("T").unwrap(), values: 9, example: 0.5 };
        assert_eq!(order.explain(&threshold), threshold.to_string());
    }
}
