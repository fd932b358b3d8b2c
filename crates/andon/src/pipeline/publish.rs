//! Fan-out of verdicts: to the store, the OPC UA server, the board, the live feed and the alarms.
//!
//! It waits for the store and the alarm task only; browsers and OPC UA subscribers are told without waiting.

use std::{collections::HashMap, sync::Arc, time::Duration};

use andon_detect::Learned;
use andon_plant::{AssetName, Timestamp};
use andon_store::Store;
use andon_ua_server::UaServer;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    alarms::Message,
    detection::{Judged, Output},
    hub::Hub,
    live::LiveEvent,
};

/// How often what was learned of an asset is kept for the next start.
const KEEP_EVERY: Duration = Duration::from_secs(10);

/// The key under which what was learned of an asset is kept for the next start.
fn learned_key(asset: &str) -> String {
    format!("learned/{asset}")
}

/// What was kept for model `version` of `asset`.
pub(super) async fn kept_learned(store: &Store, asset: &str, version: &str) -> Option<Learned> {
    match store.get_state::<Learned>(&learned_key(asset)).await {
        Ok(kept) => kept.filter(|learned| learned.version == version),
        Err(e) => {
            tracing::warn!(asset, "what was learned is not known any more, the threshold begins anew: {e}");
            None
        }
    }
}

/// Publishes until the detector thread has ended, and then tells the alarm task that there is no more to come.
pub(super) async fn run(hub: Hub, ua: UaServer, mut outputs: mpsc::Receiver<Output>, cancel: CancellationToken) {
    let mut kept: HashMap<AssetName, Timestamp> = HashMap::new();
    let mut learned_of = HashMap::new();
    let mut batch = Vec::new();
    while outputs.recv_many(&mut batch, 256).await > 0 {
        let mut verdicts = Vec::new();
        for output in batch.drain(..) {
            match output {
                Output::Verdict(judged) => {
                    learned_of.extend(judged.learned.clone().map(|l| (judged.verdict.asset.clone(), l)));
                    verdicts.push(judged);
                }
                Output::Failed { asset, message } => {
                    tracing::warn!(asset = %asset, "the model failed: {message}");
                    hub.board.update(&asset, |card| card.silence = Some(message));
                }
            }
        }
        // People first: a historian that is busy or out of room holds up the next batch, never this one's alarms.
        for judged in &verdicts {
            publish(&hub, &ua, judged).await;
        }
        let verdicts = verdicts.into_iter().map(|judged| judged.verdict).collect();
        if let Err(e) = hub.store.append_scores(verdicts).await {
            tracing::error!("scores could not be stored: {e}");
        }
        let now = hub.clock.now();
        let due = |asset: &AssetName, _: &mut _| kept.get(asset).is_none_or(|at| now.since(*at) >= KEEP_EVERY);
        let due: Vec<(AssetName, Arc<Learned>)> = learned_of.extract_if(due).collect();
        for (asset, learned) in due {
            keep(&hub, &asset, &learned).await;
            kept.insert(asset, now);
        }
    }
    for (asset, learned) in learned_of {
        keep(&hub, &asset, &learned).await;
    }
    if !cancel.is_cancelled() {
        tracing::error!("the detector thread has ended: nothing would be judged any more, so andon stops");
        cancel.cancel();
    }
    drop(hub.alarms.send(Message::Stop).await);
}

/// Keeps what was learned of an asset for the next start.
pub(super) async fn keep(hub: &Hub, asset: &AssetName, learned: &Learned) {
    if let Err(e) = hub.store.put_state(&learned_key(asset), learned).await {
        tracing::error!(asset = %asset, "what was learned could not be kept: {e}");
    }
}

async fn publish(hub: &Hub, ua: &UaServer, judged: &Judged) {
    let verdict = Arc::new(judged.verdict.clone());
    metrics::counter!("andon_verdicts_total", "asset" => verdict.asset.to_string()).increment(1);
    let now = hub.clock.now();
    let step = hub.board.update(&verdict.asset, |card| {
        card.verdict = Some(verdict.clone());
        card.judged_at = Some(now);
        card.silence = None;
        (card.drift, card.learned) = (judged.drift, judged.learned.clone());
        card.config.step()
    });
    ua.publish_verdict(&verdict, verdict.return_period_s(step.unwrap_or(Duration::from_secs(1))));
    hub.live.send(LiveEvent::Verdict(verdict.clone()));
    // The alarm task only ends when the process stops.
    drop(hub.alarms.send(Message::Verdict { verdict, drift: judged.drift }).await);
}

/// Tells the OPC UA server what an asset is doing.
pub(super) fn state(hub: &Hub, ua: &UaServer, asset: &str) {
    let Some(card) = hub.board.asset(asset) else { return };
    let version = card.model.as_ref().map(|m| m.version.as_str());
    ua.publish_state(&card.config.name, card.state(), card.status(), version, card.health(), hub.clock.now());
    hub.live.send(LiveEvent::Asset(card.config.name.clone()));
}
