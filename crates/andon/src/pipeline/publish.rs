//! Fan-out of verdicts: to the store, the OPC UA server, the board, the live feed and the alarms.
//!
//! It waits for the store and the alarm task only; browsers and OPC UA subscribers are told without waiting.

use std::{collections::HashMap, sync::Arc, time::Duration};

use andon_plant::{AssetName, AssetState, StatusCode, Timestamp, Verdict};
use andon_scoring::Threshold;
use andon_store::Store;
use andon_ua_server::{DeviceHealth, UaServer};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{alarms::Message, detection::Output, hub::Hub, live::LiveEvent};

/// How often an asset's threshold is kept for the next start.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// The key under which an asset's threshold is kept for the next start.
fn threshold_key(asset: &str) -> String {
    format!("threshold/{asset}")
}

/// A threshold and the model it belongs to.
#[derive(Serialize, Deserialize)]
struct KeptThreshold {
    version: String,
    threshold: Threshold,
}

/// The threshold that was kept for model `version` of `asset`.
pub(super) async fn kept_threshold(store: &Store, asset: &str, version: &str) -> Option<Threshold> {
    match store.get_state::<KeptThreshold>(&threshold_key(asset)).await {
        Ok(kept) => kept.filter(|kept| kept.version == version).map(|kept| kept.threshold),
        Err(e) => {
            tracing::warn!(asset, "the threshold begins anew: {e}");
            None
        }
    }
}

/// Publishes until the detector thread has ended, and then tells the alarm task that there is no more to come.
pub(super) async fn run(hub: Hub, ua: UaServer, mut outputs: mpsc::Receiver<Output>, cancel: CancellationToken) {
    let mut kept: HashMap<AssetName, Timestamp> = HashMap::new();
    let mut batch = Vec::new();
    while outputs.recv_many(&mut batch, 256).await > 0 {
        let mut verdicts = Vec::new();
        let mut thresholds = HashMap::new();
        for output in batch.drain(..) {
            match output {
                Output::Verdict { verdict, threshold } => {
                    thresholds.extend(threshold.map(|t| (verdict.asset.clone(), t)));
                    verdicts.push(verdict);
                }
                Output::Failed { asset, message } => {
                    tracing::warn!(asset = %asset, "the model failed: {message}");
                    hub.board.update(&asset, |card| card.silence = Some(message));
                }
            }
        }
        // People first: a historian that is busy or out of room holds up the next batch, never this one's alarms.
        for verdict in &verdicts {
            publish(&hub, &ua, Arc::new(verdict.clone())).await;
        }
        if let Err(e) = hub.store.append_scores(verdicts).await {
            tracing::error!("scores could not be stored: {e}");
        }
        let now = hub.clock.now();
        thresholds.retain(|asset, _| kept.get(asset).is_none_or(|at| now.since(*at) >= KEEP_EVERY));
        for (asset, threshold) in thresholds {
            keep_threshold(&hub, &asset, threshold).await;
            kept.insert(asset, now);
        }
    }
    if !cancel.is_cancelled() {
        tracing::error!("the detector thread has ended: nothing would be judged any more, so andon stops");
        cancel.cancel();
    }
    drop(hub.alarms.send(Message::Stop).await);
}

async fn keep_threshold(hub: &Hub, asset: &AssetName, threshold: Threshold) {
    let Some(version) = hub.board.asset(asset).and_then(|card| card.model).map(|m| m.version) else { return };
    if let Err(e) = hub.store.put_state(&threshold_key(asset), &KeptThreshold { version, threshold }).await {
        tracing::error!(asset = %asset, "the threshold could not be kept: {e}");
    }
}

async fn publish(hub: &Hub, ua: &UaServer, verdict: Arc<Verdict>) {
    metrics::counter!("andon_verdicts_total", "asset" => verdict.asset.to_string()).increment(1);
    let now = hub.clock.now();
    let grid_s = hub.board.update(&verdict.asset, |card| {
        card.verdict = Some(verdict.clone());
        card.judged_at = Some(now);
        card.silence = None;
        card.config.grid.as_secs_f64()
    });
    ua.publish_verdict(&verdict, verdict.return_period_s(grid_s.unwrap_or(1.0)));
    hub.live.send(LiveEvent::Verdict(verdict.clone()));
    // The alarm task only ends when the process stops.
    drop(hub.alarms.send(Message::Verdict(verdict)).await);
}

/// Tells the OPC UA server what an asset is doing.
pub(super) fn state(hub: &Hub, ua: &UaServer, asset: &str) {
    let Some(card) = hub.board.asset(asset) else { return };
    let state = card.state();
    let status = match state {
        AssetState::NoData => StatusCode::BAD_NO_COMMUNICATION,
        AssetState::Learning => StatusCode::BAD_WAITING_FOR_INITIAL_DATA,
        AssetState::Disabled => StatusCode::BAD_OUT_OF_SERVICE,
        _ if card.silence.is_some() => StatusCode::BAD_NO_DATA,
        AssetState::Shadow | AssetState::Active | AssetState::Maintenance => StatusCode::GOOD,
    };
    let health = match &card.verdict {
        Some(v) if v.anomalous() => DeviceHealth::OffSpec,
        _ if state == AssetState::NoData => DeviceHealth::Failure,
        _ => DeviceHealth::Normal,
    };
    let version = card.model.as_ref().map(|m| m.version.as_str());
    ua.publish_state(&card.config.name, state, status, version, health, hub.clock.now());
    hub.live.send(LiveEvent::Asset(card.config.name.clone()));
}
