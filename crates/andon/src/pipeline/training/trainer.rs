//! The task that trains.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, time::Duration};

use andon_detect::{Artifact, ArtifactError, FitSettings, Stream, fit};
use andon_plant::{AssetName, Tag, TagName, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Job, JobState, Order,
    kept::{CutShort, Folder},
    left_out::left_out,
    span::{enough, span},
    unheeded::{FittedWith, unheeded},
};
use crate::{
    config::{AssetConfig, overruled},
    pipeline::{
        board::{ModelCard, TrainingCard},
        detection::{Detection, Input},
        history,
        hub::Hub,
        live::LiveEvent,
        publish,
    },
};

/// How often assets without a model are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long after a failure an asset is tried again by itself.
const AGAIN: Duration = Duration::from_secs(600);

/// The training task.
pub(in crate::pipeline) struct Trainer {
    pub(in crate::pipeline) hub: Hub,
    pub(in crate::pipeline) ua: andon_ua_server::UaServer,
    pub(in crate::pipeline) detection: Detection,
    pub(in crate::pipeline) cancel: CancellationToken,
    pub(in crate::pipeline) lifecycle: crate::lifecycle::Lifecycle,
}

impl Trainer {
    /// Runs until it is cancelled.
    pub(in crate::pipeline) async fn run(self, mut requests: mpsc::Receiver<u64>) {
        let mut failed: BTreeMap<AssetName, Timestamp> = BTreeMap::new();
        let mut look = tokio::time::interval(LOOK);
        let folder = Folder::within(&self.hub.config.data_dir());
        let mut cut_short = None;
        match folder.cut_short() {
            Some(CutShort::GoesOn { id, order }) => cut_short = Some(self.hub.training.resume(id, order)),
            Some(CutShort::GivenUp(asset)) => drop(failed.insert(asset, self.hub.clock.now())),
            None => {}
        }
        loop {
            let job = match cut_short.take() {
                Some(job) => Some(job),
                None => tokio::select! {
                    () = self.cancel.cancelled() => return self.warn_of_waiting(),
                    Some(id) = requests.recv() => self.hub.training.job(id),
                    _ = look.tick() => self.due(&failed).await,
                },
            };
            let Some(job) = job.filter(|job| self.hub.training.begin(job.id)) else { continue };
            let trained = self.train(&job, &folder).await;
            // What the end of the program cut short goes on with the next start.
            let ended = trained.is_ok() || self.hub.training.is_cancelled(job.id);
            if self.cancel.is_cancelled() && !ended {
                return self.warn_of_waiting();
            }
            folder.remove();
            if let Err(reason) = trained {
                failed.insert(job.order.asset.clone(), self.hub.clock.now());
                self.end(&job, reason);
            }
        }
    }

    /// Requests that wait are not kept.
    fn warn_of_waiting(&self) {
        match self.hub.training.waiting() {
            0 => {}
            waiting => tracing::warn!("{waiting} trainings that waited are dropped; ask for them again"),
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
            let stored = self.hub.store.span(&asset.name).await.ok().flatten();
            if stored.is_some_and(|(first, last)| last.since(first) >= enough(asset)) {
                return Some(self.hub.training.add(Order::whole(asset.name.clone())));
            }
        }
        None
    }

    async fn train(&self, job: &Job, folder: &Folder) -> Result<(), String> {
        let asset = &job.order.asset;
        let Some(card) = self.hub.board.asset(asset) else { return Err("there is no such asset".into()) };
        tracing::info!(%asset, "training begins");
        let order = self.settled(&job.order, &card.config).await.map_err(|e| e.to_string())?;
        folder.keep(job.id, &order);
        self.hub.training.set(job.id, |job| job.order = order.clone());
        self.tell_left_out(&order);
        let tags: Vec<Tag> = card.config.tags.iter().map(|t| t.tag.clone()).collect();
        let mut settings = card.config.fit_settings(&tags, self.hub.clock.now());
        (settings.limits, settings.shift) = (card.config.limits(), self.hub.config.plant.shift());
        settings.checkpoint = Some(folder.checkpoint());
        settings.begin_with = self.begin_with(&order).await?.map(|artifact| artifact.model.into());
        let stream = history::stream(&self.hub.store, &card.config, &order.kept()).await.map_err(|e| e.to_string())?;
        let artifact = self.fit(&Job { order, ..job.clone() }, (stream, tags), settings).await?;
        if !self.hub.training.close(job.id) {
            return Err("it was cancelled".into());
        }
        if let Some(text) = overruled(&card.config.threshold, artifact.manifest.threshold.base()) {
            tracing::warn!(%asset, "{text}");
        }
        let version = artifact.manifest.version();
        let left_out: Vec<TagName> = artifact.manifest.model.normalisation.constant().cloned().collect();
        self.keep(asset, &artifact).await?;
        let model = model_card(&artifact, &card.config);
        install(&self.detection, &self.lifecycle, asset.clone(), artifact).await?;
        self.hub.board.update(asset, |card| {
            card.install(model);
            (card.training, card.model_trouble) = (None, None);
        });
        self.hub.training.set(job.id, |j| j.state = JobState::Done { version: version.clone(), left_out });
        tracing::info!(%asset, version, "a new model judges");
        publish::state(&self.hub, &self.ua, asset);
        Ok(())
    }

    /// Ends a training that gave no model.
    fn end(&self, job: &Job, reason: String) {
        let (state, trouble) = if self.hub.training.is_cancelled(job.id) {
            tracing::info!(asset = %job.order.asset, id = job.id, "training was cancelled");
            (JobState::Cancelled, None)
        } else {
            tracing::warn!(asset = %job.order.asset, "training failed: {reason}");
            (JobState::Failed { reason: reason.clone() }, Some(reason))
        };
        self.hub.board.update(&job.order.asset, |card| {
            card.training = None;
            card.model_trouble = trouble.or(card.model_trouble.take());
        });
        self.hub.training.set(job.id, |j| j.state = state);
        self.hub.live.send(LiveEvent::Asset(job.order.asset.clone()));
    }

    /// The order with the span of history that is trained on, to the microsecond, and what is left out of it: the same after
    /// a restart.
    async fn settled(&self, order: &Order, asset: &AssetConfig) -> Result<Order, andon_store::StoreError> {
        let span = span(&self.hub.store, order, asset, self.hub.clock.now()).await?;
        let without = match &order.without {
            Some(without) => without.clone(),
            None if order.everything => Vec::new(),
            None => left_out(&self.hub, asset, &span).await?,
        };
        Ok(Order { from: Some(span.start), to: Some(span.end), without: Some(without), ..order.clone() })
    }

    fn tell_left_out(&self, order: &Order) {
        let left_out: Duration = order.without().iter().map(|span| span.to.since(span.from)).sum();
        if !left_out.is_zero() {
            let (asset, spans) = (&order.asset, order.without().len());
            tracing::info!(%asset, "{spans} spans in alarm or under maintenance, {left_out:?} in all, are not trained on");
        }
    }

    /// The model that training begins with.
    async fn begin_with(&self, order: &Order) -> Result<Option<Artifact>, String> {
        let Some(name) = &order.begin_with else { return Ok(None) };
        let card = self.hub.board.asset(name).ok_or_else(|| format!("there is no asset {name} to begin with"))?;
        let kept = stored(&self.hub, &card.config).await.map_err(|e| e.to_string())?;
        kept.map(Some).ok_or_else(|| format!("asset {name} has no model to begin with; train it first"))
    }

    async fn fit(
        &self,
        job: &Job,
        (stream, tags): (Stream, Vec<Tag>),
        settings: FitSettings,
    ) -> Result<Artifact, String> {
        let (hub, cancel, job, clock) = (self.hub.clone(), self.cancel.clone(), job.clone(), self.hub.clock.clone());
        let order = job.order.clone();
        let work = move || {
            // Epochs that were done before a restart took no time now.
            let (begun, mut before) = (clock.now(), None);
            fit(&stream, &tags, &settings, &mut |progress| {
                let before = *before.get_or_insert(progress.epoch - 1);
                let each = clock.now().since(begun).as_secs_f64() / (progress.epoch - before).max(1) as f64;
                let card = TrainingCard {
                    id: job.id,
                    epoch: progress.epoch,
                    epochs: progress.epochs,
                    loss: progress.validation_loss,
                    eta_s: Some(each * (progress.epochs - progress.epoch) as f64),
                };
                hub.board.update(&job.order.asset, |c| c.training = Some(card.clone()));
                hub.training.set(job.id, |j| j.progress = Some(card));
                hub.live.send(LiveEvent::Asset(job.order.asset.clone()));
                if cancel.is_cancelled() || hub.training.is_cancelled(job.id) {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
        };
        match self.lifecycle.spawn_blocking(work).await {
            Ok(fitted) => fitted.map_err(|e| order.explain(&e)),
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
            weights: artifact.weights(),
            activate: true,
        };
        self.hub.store.add_model(model).await.map_err(|e| e.to_string()).map(drop)
    }
}

/// Gives the detector thread a model to judge with.
pub(in crate::pipeline) async fn install(
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

/// A model can't be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::pipeline) enum StoredError {
    /// The store can't be.
    #[error(transparent)]
    Store(#[from] andon_store::StoreError),
    /// It is damaged, or from another release.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

/// The model an asset is judged with from a start on: the one its configuration names, or the one in the store; none where
/// there is neither.
///
/// # Errors
/// If it can't be read.
pub(in crate::pipeline) async fn stored(hub: &Hub, asset: &AssetConfig) -> Result<Option<Artifact>, StoredError> {
    if let Some(dir) = &asset.model {
        return Ok(Some(Artifact::load(dir)?));
    }
    let Some(kept) = hub.store.active_model(&asset.name).await? else { return Ok(None) };
    let what = format!("model {} of asset {} in the store", kept.info.version, asset.name);
    Ok(Some(Artifact::from_parts(Path::new(&what), kept.manifest.as_bytes(), kept.weights)?))
}

/// What pages show of the model of `asset`.
pub(in crate::pipeline) fn model_card(artifact: &Artifact, asset: &AssetConfig) -> ModelCard {
    let manifest = &artifact.manifest;
    let (mode_tag, threshold) = (manifest.mode_tag.as_ref(), &manifest.threshold_settings);
    ModelCard {
        version: manifest.version(),
        trained_at: manifest.trained_at,
        trained_from: manifest.trained_from,
        trained_to: manifest.trained_to,
        parameters: manifest.model.parameters,
        calibration_rows: manifest.calibration_rows,
        challengers: manifest.challengers.clone(),
        unheeded: unheeded(asset, &FittedWith { mode_tag, threshold }),
    }
}
