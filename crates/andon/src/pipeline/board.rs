//! The board: what is true right now of every asset and source, in memory, for pages and metrics.

use std::{collections::HashMap, sync::Arc, time::Duration};

use andon_detect::{Challenger, Learned};
use andon_plant::{
    AssetName, AssetState, Ne107, Sample, SourceName, StatusCode, TagName, TagSample, Timestamp, Verdict,
};
use andon_scoring::DriftState;
use parking_lot::RwLock;
use serde::Serialize;

use super::maintenance::Maintenance;
use crate::config::{AssetConfig, SourceConfig};

/// How far a training has come.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrainingCard {
    /// The number of the training.
    pub id: u64,
    /// Epochs done.
    pub epoch: usize,
    /// Epochs at the most.
    pub epochs: usize,
    /// The validation loss after the last epoch.
    pub loss: f64,
    /// Seconds to go at the most, where an epoch has been timed.
    pub eta_s: Option<f64>,
}

/// The model in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCard {
    /// Its version.
    pub version: String,
    /// When it was fitted.
    pub trained_at: Timestamp,
    /// The first sample it was fitted to.
    pub trained_from: Timestamp,
    /// The last sample it was fitted to.
    pub trained_to: Timestamp,
    /// How many weights it has.
    pub parameters: usize,
    /// Rows that judgement was calibrated on.
    pub calibration_rows: usize,
    /// How linear models did on those rows.
    pub challengers: Vec<Challenger>,
    /// Keys of the asset's configuration that were changed after the fit: they count once it is fitted again.
    pub unheeded: Vec<String>,
}

/// What is true of one asset.
#[derive(Debug, Clone)]
pub struct AssetCard {
    /// Its configuration.
    pub config: Arc<AssetConfig>,
    /// The newest verdict.
    pub verdict: Option<Arc<Verdict>>,
    /// The newest sample of each tag.
    pub samples: HashMap<TagName, Sample>,
    /// The newest source time of a sample that was not Bad.
    pub last_sample: Option<Timestamp>,
    /// Whether its source is connected.
    pub connected: bool,
    /// The model in force.
    pub model: Option<ModelCard>,
    /// A training that runs.
    pub training: Option<TrainingCard>,
    /// Why the last training gave no model.
    pub model_trouble: Option<String>,
    /// When the newest verdict was published.
    pub judged_at: Option<Timestamp>,
    /// Why there are no verdicts though there is a model; none where there are.
    pub silence: Option<String>,
    /// Alarms that are active or not acknowledged.
    pub open_alarms: usize,
    /// Whether the model still fits; none before its first verdict.
    pub drift: Option<DriftState>,
    /// What has been learned since the fit; none before the first verdict.
    pub learned: Option<Arc<Learned>>,
    /// The maintenance it is under.
    pub maintenance: Option<Maintenance>,
}

impl AssetCard {
    /// What the asset is doing as far as monitoring goes.
    pub fn state(&self) -> AssetState {
        match (self.connected, &self.model) {
            _ if self.maintenance.is_some() => AssetState::Maintenance,
            (false, _) => AssetState::NoData,
            (true, None) => AssetState::Learning,
            (true, Some(_)) => AssetState::Active,
        }
    }

    /// Why there is no verdict; Good where there is one.
    pub fn status(&self) -> StatusCode {
        match (self.connected, &self.model, &self.silence) {
            (false, ..) => StatusCode::BAD_NO_COMMUNICATION,
            (true, None, _) => StatusCode::BAD_WAITING_FOR_INITIAL_DATA,
            (true, Some(_), Some(_)) => StatusCode::BAD_NO_DATA,
            (true, Some(_), None) => StatusCode::GOOD,
        }
    }

    /// Its health after NAMUR NE 107.
    pub fn health(&self) -> Ne107 {
        match (&self.maintenance, &self.verdict) {
            (Some(_), _) => Ne107::CheckFunction,
            (None, _) if !self.connected => Ne107::Failure,
            (None, Some(v)) if v.anomalous() => Ne107::OutOfSpecification,
            (None, _) => Ne107::Good,
        }
    }

    /// Puts a model into force: what was learned under the one before is no longer true.
    pub fn install(&mut self, model: ModelCard) {
        (self.model, self.drift, self.learned) = (Some(model), None, None);
    }
}

/// What is true of one source.
#[derive(Debug, Clone)]
pub struct SourceCard {
    /// Its configuration.
    pub config: Arc<SourceConfig>,
    /// Whether it is connected.
    pub connected: bool,
    /// Since when it is or is not.
    pub since: Option<Timestamp>,
    /// Why it is not.
    pub reason: Option<String>,
    /// The newest source time of a sample.
    pub last_sample: Option<Timestamp>,
    /// Monitored items, or polled nodes.
    pub monitored_items: usize,
    /// The server's own limit, where it tells.
    pub monitored_item_limit: Option<usize>,
    /// Samples received since the start.
    pub samples: u64,
    /// Samples a second over the last full ten seconds.
    pub samples_per_second: f64,
    /// Tags that can't be read, and why.
    pub faults: HashMap<String, String>,
    window: (Timestamp, u64),
}

/// What is true right now.
#[derive(Debug)]
pub struct Board {
    assets: RwLock<HashMap<AssetName, AssetCard>>,
    sources: RwLock<HashMap<SourceName, SourceCard>>,
    order: Vec<AssetName>,
    source_order: Vec<SourceName>,
}

impl Board {
    /// A board on which nothing has been heard yet.
    pub fn new(assets: &[Arc<AssetConfig>], sources: &[Arc<SourceConfig>]) -> Self {
        let card = |config: &Arc<AssetConfig>| AssetCard {
            config: config.clone(),
            verdict: None,
            samples: HashMap::new(),
            last_sample: None,
            connected: false,
            model: None,
            training: None,
            model_trouble: None,
            judged_at: None,
            silence: None,
            open_alarms: 0,
            drift: None,
            learned: None,
            maintenance: None,
        };
        let source = |config: &Arc<SourceConfig>| SourceCard {
            config: config.clone(),
            connected: false,
            since: None,
            reason: None,
            last_sample: None,
            monitored_items: 0,
            monitored_item_limit: None,
            samples: 0,
            samples_per_second: 0.0,
            faults: HashMap::new(),
            window: (Timestamp::default(), 0),
        };
        Self {
            order: assets.iter().map(|a| a.name.clone()).collect(),
            source_order: sources.iter().map(|s| s.name.clone()).collect(),
            assets: RwLock::new(assets.iter().map(|a| (a.name.clone(), card(a))).collect()),
            sources: RwLock::new(sources.iter().map(|s| (s.name.clone(), source(s))).collect()),
        }
    }

    /// One asset's card as it stands.
    pub fn asset(&self, name: &str) -> Option<AssetCard> {
        self.assets.read().get(name).cloned()
    }

    /// All assets' cards, in the order of the configuration.
    pub fn assets(&self) -> Vec<AssetCard> {
        let cards = self.assets.read();
        self.order.iter().filter_map(|name| cards.get(name).cloned()).collect()
    }

    /// One source's card as it stands.
    pub fn source(&self, name: &str) -> Option<SourceCard> {
        self.sources.read().get(name).cloned()
    }

    /// All sources' cards, in the order of the configuration.
    pub fn sources(&self) -> Vec<SourceCard> {
        let cards = self.sources.read();
        self.source_order.iter().filter_map(|name| cards.get(name).cloned()).collect()
    }

    /// Changes one asset's card.
    pub fn update<T>(&self, asset: &str, change: impl FnOnce(&mut AssetCard) -> T) -> Option<T> {
        self.assets.write().get_mut(asset).map(change)
    }

    /// Changes one source's card.
    pub fn update_source<T>(&self, source: &str, change: impl FnOnce(&mut SourceCard) -> T) -> Option<T> {
        self.sources.write().get_mut(source).map(change)
    }

    /// Whether every source of an asset is connected.
    pub fn is_connected(&self, asset: &str) -> bool {
        let Some(config) = self.asset(asset).map(|card| card.config) else { return false };
        let sources = self.sources.read();
        config.tags.iter().all(|t| sources.get(&t.source).is_some_and(|s| s.connected))
    }

    /// Notes a batch of samples of one source, received at `now`.
    pub fn note_samples(&self, source: &SourceName, batch: &[TagSample], now: Timestamp) {
        let mut assets = self.assets.write();
        let mut newest = None;
        for TagSample { key, sample } in batch {
            let Some(card) = assets.get_mut(&key.asset) else { continue };
            card.samples.insert(key.tag.clone(), *sample);
            if !sample.status.is_bad() {
                card.last_sample = card.last_sample.max(Some(sample.time));
                newest = newest.max(Some(sample.time));
            }
        }
        drop(assets);
        self.update_source(source, |card| card.note(batch.len() as u64, newest, now));
    }
}

impl SourceCard {
    fn note(&mut self, samples: u64, newest: Option<Timestamp>, now: Timestamp) {
        self.samples += samples;
        self.last_sample = self.last_sample.max(newest);
        let (begun, before) = self.window;
        let span = now.since(begun);
        if span >= Duration::from_secs(10) {
            self.samples_per_second = (self.samples - before) as f64 / span.as_secs_f64();
            self.window = (now, self.samples);
        }
    }
}
