//! Training of models on stored history: asked for, or by itself for an asset that has none and enough data.
//!
//! One training runs at a time, on a blocking thread, so that monitoring keeps a processor. Requests wait in a bounded
//! queue; when it is full the caller is told.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use andon_detect::{Artifact, Stream, fit};
use andon_plant::{AssetName, Tag, TagName, Timestamp};
use parking_lot::RwLock;
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    board::{ModelCard, TrainingCard},
    detection::{Detection, Input},
    hub::Hub,
    live::LiveEvent,
    publish,
};
use crate::config::AssetConfig;

/// Requests that wait.
const QUEUE: usize = 16;
/// Finished trainings that are remembered.
const REMEMBERED: usize = 100;
/// Windows' worth of rows before an asset is trained by itself.
const LEARN_WINDOWS: u32 = 10;
/// How often assets without a model are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long after a failure an asset is tried again by itself.
const AGAIN: Duration = Duration::from_secs(600);
/// At most this much history is trained on.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

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

/// One training.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// Its number.
    pub id: u64,
    /// The asset.
    pub asset: AssetName,
    /// The first instant of history to train on.
    pub from: Option<Timestamp>,
    /// The last instant of history to train on.
    pub to: Option<Timestamp>,
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
    pub(super) fn new() -> (Self, mpsc::Receiver<u64>) {
        let (queue, requests) = mpsc::channel(QUEUE);
        (Self { queue, jobs: Arc::default(), next: Arc::new(AtomicU64::new(1)) }, requests)
    }

    /// Asks for a training of `asset` on its history from `from` to `to`; all of it where they are none.
    ///
    /// # Errors
    /// If too many wait already.
    pub fn request(&self, asset: AssetName, from: Option<Timestamp>, to: Option<Timestamp>) -> Result<Job, Busy> {
        let permit = self.queue.try_reserve().map_err(|_| Busy)?;
        let job = self.add(asset, from, to);
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

    fn add(&self, asset: AssetName, from: Option<Timestamp>, to: Option<Timestamp>) -> Job {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let job = Job { id, asset, from, to, state: JobState::Queued, progress: None };
        let mut jobs = self.jobs.write();
        jobs.insert(id, Entry { job: job.clone(), cancel: CancellationToken::new(), installing: false });
        while jobs.len() > REMEMBERED {
            jobs.pop_first();
        }
        job
    }

    fn set(&self, id: u64, change: impl FnOnce(&mut Job)) {
        if let Some(entry) = self.jobs.write().get_mut(&id) {
            change(&mut entry.job);
        }
    }
}

/// The training task.
pub(super) struct Trainer {
    pub(super) hub: Hub,
    pub(super) ua: andon_ua_server::UaServer,
    pub(super) detection: Detection,
    pub(super) cancel: CancellationToken,
    pub(super) lifecycle: crate::lifecycle::Lifecycle,
}

impl Trainer {
    /// Runs until it is cancelled.
    pub(super) async fn run(self, mut requests: mpsc::Receiver<u64>) {
        let mut failed: BTreeMap<AssetName, Timestamp> = BTreeMap::new();
        let mut look = tokio::time::interval(LOOK);
        loop {
            let job = tokio::select! {
                () = self.cancel.cancelled() => return,
                Some(id) = requests.recv() => self.hub.training.job(id),
                _ = look.tick() => self.due(&failed).await,
            };
            let Some(job) = job.filter(|job| self.hub.training.begin(job.id)) else { continue };
            let trained = tokio::select! {
                () = self.cancel.cancelled() => return,
                trained = self.train(&job) => trained,
            };
            if let Err(reason) = trained {
                failed.insert(job.asset.clone(), self.hub.clock.now());
                self.end(&job, reason);
            }
        }
    }

    /// The next asset that has no model but enough history.
    async fn due(&self, failed: &BTreeMap<AssetName, Timestamp>) -> Option<Job> {
        let now = self.hub.clock.now();
        for card in self.hub.board.assets() {
            let asset = &card.config;
            let lately = failed.get(&asset.name).is_some_and(|at| now.since(*at) < AGAIN);
            if card.model.is_some() || lately {
                continue;
            }
            let span = self.hub.store.span(&asset.name).await.ok().flatten();
            let learned = asset.grid * asset.window.rows as u32 * LEARN_WINDOWS;
            if span.is_some_and(|(first, last)| last.since(first) >= learned) {
                return Some(self.hub.training.add(asset.name.clone(), None, None));
            }
        }
        None
    }

    async fn train(&self, job: &Job) -> Result<(), String> {
        let Some(card) = self.hub.board.asset(&job.asset) else { return Err("there is no such asset".into()) };
        tracing::info!(asset = %job.asset, "training begins");
        let stream = self.history(&card.config, job).await.map_err(|e| e.to_string())?;
        let artifact = self.fit(job, &card.config, stream).await?;
        if !self.hub.training.close(job.id) {
            return Err("it was cancelled".into());
        }
        let version = artifact.manifest.version();
        let left_out: Vec<TagName> = artifact.manifest.model.normalisation.constant().cloned().collect();
        self.keep(&job.asset, &artifact).await?;
        let model = model_card(&artifact);
        install(&self.detection, &self.lifecycle, job.asset.clone(), artifact).await?;
        self.hub.board.update(&job.asset, |card| {
            (card.model, card.training, card.model_trouble) = (Some(model), None, None);
        });
        self.hub.training.set(job.id, |j| j.state = JobState::Done { version: version.clone(), left_out });
        tracing::info!(asset = %job.asset, version, "a new model judges");
        publish::state(&self.hub, &self.ua, &job.asset);
        Ok(())
    }

    /// Ends a training that gave no model.
    fn end(&self, job: &Job, reason: String) {
        let (state, trouble) = if self.hub.training.is_cancelled(job.id) {
            tracing::info!(asset = %job.asset, id = job.id, "training was cancelled");
            (JobState::Cancelled, None)
        } else {
            tracing::warn!(asset = %job.asset, "training failed: {reason}");
            (JobState::Failed { reason: reason.clone() }, Some(reason))
        };
        self.hub.board.update(&job.asset, |card| {
            card.training = None;
            card.model_trouble = trouble.or(card.model_trouble.take());
        });
        self.hub.training.set(job.id, |j| j.state = state);
        self.hub.live.send(LiveEvent::Asset(job.asset.clone()));
    }

    async fn history(&self, asset: &AssetConfig, job: &Job) -> Result<Stream, andon_store::StoreError> {
        let now = self.hub.clock.now();
        let to = job.to.unwrap_or(Timestamp::from_micros(i64::MAX));
        let newest = self.hub.store.span(&asset.name).await?.map_or(now, |(_, last)| last);
        let from = job.from.unwrap_or(newest.before(LONGEST));
        super::history::stream(&self.hub.store, asset, from, to).await
    }

    async fn fit(&self, job: &Job, asset: &Arc<AssetConfig>, stream: Stream) -> Result<Artifact, String> {
        let tags: Vec<Tag> = asset.tags.iter().map(|t| t.tag.clone()).collect();
        let settings = asset.fit_settings(&tags, self.hub.clock.now());
        let (hub, cancel, job, clock) = (self.hub.clone(), self.cancel.clone(), job.clone(), self.hub.clock.clone());
        let begun = clock.now();
        let work = move || {
            fit(&stream, &tags, &settings, &mut |progress| {
                let spent = clock.now().since(begun).as_secs_f64();
                let card = TrainingCard {
                    id: job.id,
                    epoch: progress.epoch,
                    epochs: progress.epochs,
                    loss: progress.validation_loss,
                    eta_s: Some(spent / progress.epoch.max(1) as f64 * (progress.epochs - progress.epoch) as f64),
                };
                hub.board.update(&job.asset, |c| c.training = Some(card.clone()));
                hub.training.set(job.id, |j| j.progress = Some(card));
                hub.live.send(LiveEvent::Asset(job.asset.clone()));
                if cancel.is_cancelled() || hub.training.is_cancelled(job.id) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        };
        match self.lifecycle.spawn_blocking(work).await {
            Ok(fitted) => fitted.map_err(|e| e.to_string()),
            Err(e) => Err(format!("the training broke off: {e}")),
        }
    }

    async fn keep(&self, asset: &AssetName, artifact: &Artifact) -> Result<(), String> {
        let model = andon_store::NewModel {
            asset: asset.clone(),
            created_at: artifact.manifest.trained_at,
            manifest: artifact.manifest_json().map_err(|e| e.to_string())?,
            metrics: serde_json::json!({
                "training_loss": artifact.manifest.model.training_loss,
                "validation_loss": artifact.manifest.model.validation_loss,
                "calibration_rows": artifact.manifest.calibration_rows,
            })
            .to_string(),
            weights: artifact.model.weights().to_vec(),
            activate: true,
        };
        self.hub.store.add_model(model).await.map_err(|e| e.to_string()).map(drop)
    }
}

/// Gives the detector thread a model to judge with.
pub(super) async fn install(
    detection: &Detection,
    lifecycle: &crate::lifecycle::Lifecycle,
    asset: AssetName,
    artifact: Artifact,
) -> Result<(), String> {
    let (done, installed) = oneshot::channel();
    let detection = detection.clone();
    let input = Input::Install { asset, artifact: Box::new(artifact), done };
    lifecycle.spawn_blocking(move || detection.give(input)).await.map_err(|e| e.to_string())?;
    installed.await.map_err(|_| "the detector has stopped".to_owned())?.map_err(|e| e.to_string())
}

/// What pages show of a model.
pub(super) fn model_card(artifact: &Artifact) -> ModelCard {
    let manifest = &artifact.manifest;
    ModelCard {
        version: manifest.version(),
        trained_at: manifest.trained_at,
        trained_from: manifest.trained_from,
        trained_to: manifest.trained_to,
        parameters: manifest.model.parameters,
        calibration_rows: manifest.calibration_rows,
    }
}
