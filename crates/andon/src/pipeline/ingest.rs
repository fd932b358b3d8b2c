//! Ingest: what a source says goes to the store first, then to the board, the OPC UA server and the detector.
//!
//! One task a source. Its queue is bounded; when it is full the client waits, and the PLC's own queues hold the rest.

use std::sync::Arc;

use andon_plant::{AssetName, SourceName, TagSample};
use andon_ua_client::SourceEvent;
use andon_ua_server::{SourceStatus, UaServer};
use tokio::sync::mpsc;

use super::{
    alarms::Message,
    detection::{Detection, Input},
    hub::Hub,
    live::LiveEvent,
    publish,
};

/// Events of one source that wait to be stored.
pub(super) const QUEUE: usize = 1024;

/// What one source's ingest works with.
pub(super) struct Ingest {
    pub(super) hub: Hub,
    pub(super) ua: UaServer,
    pub(super) detection: Detection,
    pub(super) source: SourceName,
    /// The assets that read from the source.
    pub(super) assets: Arc<[AssetName]>,
}

impl Ingest {
    /// Takes events until the source has ended.
    pub(super) async fn run(self, mut events: mpsc::Receiver<SourceEvent>) {
        while let Some(event) = events.recv().await {
            self.take(event).await;
        }
    }

    async fn take(&self, event: SourceEvent) {
        match event {
            SourceEvent::Samples(batch) => self.samples(batch).await,
            SourceEvent::Heard { time } => self.detection.offer(Input::Heard { assets: self.assets.clone(), time }),
            SourceEvent::Connected { .. } => self.connection(None).await,
            SourceEvent::Disconnected { reason, .. } => self.connection(Some(reason)).await,
            SourceEvent::TagFault { key, status, message } => {
                tracing::warn!(source = %self.source, tag = %key, %status, "{message}");
                self.hub.board.update_source(&self.source, |card| card.faults.insert(key.to_string(), message));
            }
            SourceEvent::Items { monitored, limit } => {
                self.hub.board.update_source(&self.source, |card| {
                    (card.monitored_items, card.monitored_item_limit) = (monitored, limit);
                });
                self.tell();
            }
        }
    }

    async fn samples(&self, batch: Vec<TagSample>) {
        let now = self.hub.clock.now();
        metrics::counter!("andon_samples_total", "source" => self.source.to_string()).increment(batch.len() as u64);
        if let Err(e) = self.hub.store.append_samples(batch.clone()).await {
            tracing::error!(source = %self.source, "samples could not be stored: {e}");
        }
        self.hub.board.note_samples(&self.source, &batch, now);
        self.forget_faults(&batch);
        for sample in &batch {
            self.ua.publish_sample(sample);
        }
        self.tell();
        self.detection.offer(Input::Samples(batch));
    }

    /// A tag that has a value again is at fault no more.
    fn forget_faults(&self, batch: &[TagSample]) {
        self.hub.board.update_source(&self.source, |card| {
            if !card.faults.is_empty() {
                let sound = batch.iter().filter(|s| !s.sample.status.is_bad());
                sound.for_each(|s| drop(card.faults.remove(&s.key.to_string())));
            }
        });
    }

    /// Notes that the source is connected, or why it is not.
    async fn connection(&self, lost: Option<String>) {
        let connected = lost.is_none();
        let time = self.hub.clock.now();
        self.hub.board.update_source(&self.source, |card| {
            if card.connected != connected || card.since.is_none() {
                card.since = Some(time);
            }
            card.connected = connected;
            card.reason = lost.clone();
            if connected {
                card.faults.clear();
            }
        });
        for asset in self.assets.iter() {
            let all = self.hub.board.is_connected(asset);
            self.hub.board.update(asset, |card| card.connected = all);
            publish::state(&self.hub, &self.ua, asset);
            let message = Message::Source { asset: asset.clone(), source: self.source.clone(), lost: lost.clone() };
            // The alarm task only ends when the process stops.
            drop(self.hub.alarms.send(message).await);
        }
        self.tell();
        self.hub.live.send(LiveEvent::Source(self.source.clone()));
    }

    fn tell(&self) {
        let Some(card) = self.hub.board.source(&self.source) else { return };
        self.ua.publish_source(&SourceStatus {
            name: self.source.clone(),
            connected: card.connected,
            last_sample: card.last_sample,
            monitored_items: count(card.monitored_items),
            monitored_item_limit: card.monitored_item_limit.map(count),
            samples_per_second: card.samples_per_second,
        });
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
